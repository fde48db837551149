import type { AnySource } from '../sources/source.ts'
import { printed } from '../sources/wording.ts'
import { CONFIG_KEYS } from './auth.ts'
import { toSnake } from './names.ts'
import { isPlainObject } from './plain-data.ts'
import { formatPath, type Path, type Problem } from './problem.ts'
import { knownKeys } from './schema-keys.ts'
import type { YamlDocument } from './yaml-document.ts'

/** Problems as lines: the place in the file, the path as it is written there, and the fault. */
export function describeProblems(
  problems: readonly Problem[],
  context: {
    readonly file: string
    readonly document: YamlDocument
    readonly sources: ReadonlyMap<string, AnySource>
  },
): string[] {
  const { file, document, sources } = context
  const respell = respeller(sources)
  const lines = problems.map(({ path, message }) => {
    const { line, column, written } = document.locate(path)
    const missing = path.slice(written.length)
    const tail = missing.map((part) => (typeof part === 'string' ? respell(part) : part))
    const spelled = [...written, ...tail]
    const where = path.length === 0 ? '' : `${label(spelled, document.value)}: `
    return { line, column, text: `${file}:${line}:${column}: ${where}${respell(message)}` }
  })
  return lines.toSorted((a, b) => a.line - b.line || a.column - b.column).map(({ text }) => text)
}

/** `target "acme", github.org` for what stands in a target with a name, else the path. */
function label(path: Path, root: unknown): string {
  const [first, index, ...rest] = path
  const targets = isPlainObject(root) ? root['targets'] : undefined
  if (first !== 'targets' || typeof index !== 'number' || !Array.isArray(targets)) {
    return formatPath(path)
  }
  const target: unknown = targets[index]
  const name = isPlainObject(target) ? target['name'] : undefined
  if (typeof name !== 'string' || rest[0] === 'name') return formatPath(path)
  return [`target ${printed(name)}`, ...(rest.length > 0 ? [formatPath(rest)] : [])].join(', ')
}

/** Turns the camelCase keys that a text mentions into those of the file. */
function respeller(sources: ReadonlyMap<string, AnySource>): (text: string) => string {
  const known = ['sourceType', 'authRef', ...CONFIG_KEYS]
  for (const source of sources.values()) known.push(...allKeys(source, []))
  const camel = [...new Set(known)].filter((key) => /^[a-z][A-Za-z\d]*[A-Z]/.test(key))
  const pattern = new RegExp(`\\b(?:${camel.join('|')})\\b`, 'g')
  return (text) => text.replaceAll(pattern, toSnake)
}

function allKeys(source: AnySource, path: Path): string[] {
  const keys = knownKeys(source, path) ?? []
  return [...keys, ...keys.flatMap((key) => allKeys(source, [...path, key]))]
}

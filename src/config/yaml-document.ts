/** A YAML or JSON text as plain data, with the place of everything in it. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml'
import { toCamel } from './names.ts'
import type { Path } from './problem.ts'

/** A fault with its place, which is 1-based. */
export interface YamlFault {
  readonly line: number
  readonly column: number
  readonly message: string
}

/** What a text holds, and where. */
export interface YamlDocument {
  readonly value: unknown
  /**
   * Where the nearest thing to a path stands, with the keys up to it as they are
   * written; a camelCase key finds its snake_case form.
   */
  locate(path: Path): { readonly line: number; readonly column: number; readonly written: Path }
}

/**
 * `{ token: ${NAME} }` is no YAML, since a brace ends a plain text within
 * braces; the braces of references are swapped for characters of the private
 * use area while the text is parsed, one for one, so that places stay true.
 */
const OPEN = '\u{E000}'
const CLOSE = '\u{E001}'

/** Aliases are for a few shared values; more is a way to fill the memory. */
const MAX_ALIASES = 100

/** Parses a text of one document with unique keys, in YAML 1.2 with merge keys, or in JSON. */
export function parseYaml(text: string): YamlDocument | readonly YamlFault[] {
  const lines = new LineCounter()
  const source = text.replaceAll(/\$\{([A-Za-z_]\w*)\}/g, `$$${OPEN}$1${CLOSE}`)
  const document = parseDocument(source, {
    lineCounter: lines,
    // A pretty error quotes the line, which may hold a secret.
    prettyErrors: false,
    merge: true,
    uniqueKeys: true,
  })
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    return faults.slice(0, 10).map(({ code, message, pos }) => {
      const { line, col } = lines.linePos(pos[0])
      return { line, column: col, message: faultMessage(code, message) }
    })
  }
  try {
    const value = restoreReferences(document.toJS({ maxAliasCount: MAX_ALIASES }))
    return { value, locate: (path) => locate(document, lines, path) }
  } catch (error) {
    const message =
      error instanceof ReferenceError && error.message.startsWith('Unresolved alias')
        ? 'an alias (*name) has no anchor (&name) before it; add the anchor or write the value out'
        : `aliases are followed more than ${MAX_ALIASES} times; write the values out`
    return [{ line: 1, column: 1, message }]
  }
}

function faultMessage(code: string, message: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'the key is given twice in one mapping; take one of them out'
    case 'MULTIPLE_DOCS':
      return 'the file holds more than one document; keep one, and take the --- line out'
    case 'TAG_RESOLVE_FAILED':
      return 'tags (!name) are not supported; write a plain value, or ${NAME} for a secret'
    case 'TAB_AS_INDENT':
      return 'tabs cannot indent YAML; use spaces'
    default:
      // Some of the parser's messages go on with a piece of the text, which may be a secret.
      return `this is not valid YAML or JSON: ${message.replace(/(?::| ").*$/s, '')}`
  }
}

function restoreReferences(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(OPEN, '{').replaceAll(CLOSE, '}')
  if (Array.isArray(value)) return value.map(restoreReferences)
  if (typeof value !== 'object' || value === null) return value
  // `fromEntries` keeps a key named `__proto__` a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [restoreReferences(key), restoreReferences(inner)]),
  )
}

function locate(
  document: Document.Parsed,
  lines: LineCounter,
  path: Path,
): ReturnType<YamlDocument['locate']> {
  const written: (string | number)[] = []
  let node: unknown = document.contents
  let offset = document.contents?.range[0] ?? 0
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document)
    let place: unknown
    if (isMap(node)) {
      const pair = node.items.findLast(({ key }) => isScalar(key) && isNamed(key.value, part))
      if (!pair || !isScalar(pair.key)) break
      place = pair.key
      node = pair.value
      written.push(String(pair.key.value))
    } else if (isSeq(node) && typeof part === 'number' && part < node.items.length) {
      place = node = node.items[part]
      written.push(part)
    } else break
    offset = (place as { range?: [number, number, number] }).range?.[0] ?? offset
  }
  const { line, col } = lines.linePos(offset)
  return { line, column: col, written }
}

const isNamed = (key: unknown, part: string | number): boolean =>
  String(key) === String(part) || toCamel(String(key)) === part

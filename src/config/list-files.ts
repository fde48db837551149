import { accessSync, constants, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { JsonRecord } from '../domain/json.ts'
import type { Path, Problem } from './problem.ts'

/** The keys of source parts that name a file to enumerate. */
const LIST_FILE_KEYS = ['repoListFile', 'urlsFile'] as const

/** Makes the list files of a spec absolute, so that a resumed walk finds them from any folder, and looks at them. */
export function resolveListFiles(
  spec: JsonRecord,
  folder: string,
  path: Path,
): { readonly spec: JsonRecord; readonly problems: readonly Problem[] } {
  const resolved: Record<string, string> = {}
  const problems: Problem[] = []
  for (const key of LIST_FILE_KEYS) {
    const file = spec[key]
    if (typeof file !== 'string') continue
    resolved[key] = resolve(folder, file)
    const message = fileFault(resolved[key])
    if (message !== undefined) problems.push({ path: [...path, key], message })
  }
  return { spec: { ...spec, ...resolved }, problems }
}

function fileFault(file: string): string | undefined {
  try {
    const stats = statSync(file)
    if (stats.isDirectory()) return `${file} is a folder; give the path of a text file`
    if (!stats.isFile()) return `${file} is a pipe or device; give the path of a text file`
    accessSync(file, constants.R_OK)
    return undefined
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    if (code === 'EACCES' || code === 'EPERM') {
      return `${file} cannot be read (${code}); give this user the right to read it`
    }
    return `${file} does not exist (${code}); check the path, or put the file there`
  }
}

import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { InvalidInputError } from '../domain/errors.ts'
import type { AnySource } from '../sources/source.ts'
import { printed, suggest } from '../sources/wording.ts'
import { authProblems, type AuthConfigs } from './auth.ts'
import { readTargets } from './config-targets.ts'
import { describeProblems } from './describe-problems.ts'
import { isPlainObject } from './plain-data.ts'
import { problemAt, type Problem } from './problem.ts'
import { unsetReferences } from './references.ts'
import { createCredentialStore, type CredentialStore, type Environment } from './secrets.ts'
import { respellAuth } from './snake-case.ts'
import type { ParsedTarget } from './target-spec.ts'
import { parseYaml, type YamlDocument } from './yaml-document.ts'

/** What a config file says. */
export interface LoadedConfig {
  readonly auth: AuthConfigs
  readonly targets: readonly ParsedTarget[]
  /** Holds the credentials of `auth`, and the header values that the targets refer to. */
  readonly credentials: CredentialStore
}

export interface ConfigOptions {
  readonly sources: ReadonlyMap<string, AnySource>
  /** Where `${NAME}` is looked up; `process.env` unless told. */
  readonly env?: Environment | undefined
}

/** The largest config file that is read, in bytes; longer lists belong in files of their own. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Reads a config file, in YAML or JSON.
 *
 * @throws {InvalidInputError} INVALID_CONFIG with one line for each fault, each with its place in the file
 */
export async function loadConfigFile(path: string, options: ConfigOptions): Promise<LoadedConfig> {
  const file = resolve(path)
  let bytes: Buffer
  try {
    const { size } = await stat(file)
    if (size > MAX_BYTES) {
      throw invalid(
        `${path} has ${size} bytes, ${MAX_BYTES} are allowed; put long lists into files of their own (repo_list_file, urls_file)`,
      )
    }
    bytes = await readFile(file)
  } catch (error) {
    if (error instanceof InvalidInputError) throw error
    throw invalid(unreadable(path, (error as NodeJS.ErrnoException).code))
  }
  return parseConfigText(bytes.toString('utf8'), { ...options, file: path })
}

/**
 * Parses the text of a config file.
 *
 * @param options.file the file's path, for messages and as the place from which list files are looked for
 * @throws {InvalidInputError} INVALID_CONFIG with one line for each fault, each with its place in the file
 */
export function parseConfigText(
  text: string,
  options: ConfigOptions & { readonly file: string },
): LoadedConfig {
  const { file, sources, env = process.env } = options
  const document = parseYamlFile(text, file)
  const root = document.value
  const fail = (problems: readonly Problem[]): never => {
    throw new InvalidInputError(
      'INVALID_CONFIG',
      describeProblems(problems, { file, document, sources }),
    )
  }
  if (!isPlainObject(root)) {
    return fail(problemAt([], `expected a mapping with auth and targets; got ${printed(root)}`))
  }
  const problems: Problem[] = Object.keys(root)
    .filter((key) => key !== 'auth' && key !== 'targets')
    .flatMap((key) => problemAt([key], `unknown key${suggest(key, ['auth', 'targets'])}`))
  const { auth, faults } = readAuth(root['auth'], env)
  problems.push(...faults)
  const credentials = createCredentialStore(auth, { env })
  const folder = dirname(resolve(file))
  const read = readTargets(root['targets'], { sources, credentials, folder, env })
  problems.push(...read.problems)
  if (problems.length > 0) return fail(problems)
  return { auth, targets: read.targets, credentials }
}

function parseYamlFile(text: string, file: string): YamlDocument {
  if (text.includes('\0') || text.startsWith('\u{FFFD}')) {
    throw invalid(`${file} is not a text file; expected YAML or JSON in UTF-8`)
  }
  const document = parseYaml(text)
  if ('locate' in document) {
    if (document.value != null) return document
    throw invalid(`${file} is empty; expected a mapping with auth and targets`)
  }
  throw invalid(
    ...document.map((fault) => `${file}:${fault.line}:${fault.column}: ${fault.message}`),
  )
}

/** The usable entries of auth, so that targets can be checked against them, and what is wrong with the rest. */
function readAuth(
  input: unknown,
  env: Environment,
): { readonly auth: AuthConfigs; readonly faults: readonly Problem[] } {
  const { value, problems } = respellAuth(input ?? {})
  const faults = [...problems, ...authProblems(value), ...unsetReferences(value, ['auth'], env)]
  if (!isPlainObject(value)) return { auth: {}, faults }
  const none = { type: 'none' }
  const entries = Object.entries(value)
    .filter(([name]) => authProblems({ [name]: none }).length === 0)
    // An entry at fault is still defined; no target should be told otherwise.
    .map(([name, entry]) => [name, authProblems({ [name]: entry }).length === 0 ? entry : none])
  return { auth: Object.fromEntries(entries) as AuthConfigs, faults }
}

const invalid = (...problems: string[]): InvalidInputError =>
  new InvalidInputError('INVALID_CONFIG', problems)

function unreadable(path: string, code: string | undefined): string {
  if (code === 'ENOENT' || code === 'ENOTDIR') return `${path} does not exist; check the path`
  if (code === 'EISDIR') return `${path} is a folder; give the path of a YAML or JSON file`
  return `${path} cannot be read (${code ?? 'unknown error'}); check its permissions`
}

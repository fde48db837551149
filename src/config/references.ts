import { REFERENCE } from './auth.ts'
import { isPlainObject } from './plain-data.ts'
import type { Path, Problem } from './problem.ts'
import type { Environment } from './secrets.ts'

/** References to environment variables that are not set, wherever they stand in `value`. */
export function unsetReferences(value: unknown, path: Path, env: Environment): Problem[] {
  return texts(value, path).flatMap(({ text, path }) =>
    referencesIn(text)
      .filter((name) => !Object.hasOwn(env, name) || !env[name])
      .map((name) => ({
        path,
        message: `the environment variable ${name} is ${env[name] === '' ? 'empty' : 'not set'}; export ${name} before you start`,
      })),
  )
}

/** References in a target outside its headers, where nothing reads them. */
export function misplacedReferences(target: unknown, path: Path): Problem[] {
  return texts(target, path)
    .filter(({ path: at, text }) => at[path.length + 1] !== 'headers' && text.includes('${'))
    .map(({ path }) => ({
      path,
      message: 'references (${NAME}) are read only in auth and headers; write the value itself',
    }))
}

const referencesIn = (text: string): string[] =>
  [...text.matchAll(REFERENCE)].flatMap(([, name]) => (name === undefined ? [] : [name]))

function texts(value: unknown, path: Path): { readonly text: string; readonly path: Path }[] {
  if (typeof value === 'string') return [{ text: value, path }]
  if (Array.isArray(value)) return value.flatMap((item, index) => texts(item, [...path, index]))
  if (!isPlainObject(value)) return []
  return Object.keys(value).flatMap((key) => texts(value[key], [...path, key]))
}

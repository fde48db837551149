/** How the messages about a target show keys and values. */
import { maskCredentials, maskTokens } from './redact.ts'
import { printed } from './wording.ts'

/** People know the keys as their config file spells them. */
export const snakeCase = (key: string): string =>
  key.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)

/** Keys for a message: `org, repo_list`. */
export const listed = (keys: readonly string[]): string => keys.map(snakeCase).join(', ')

/** A value for a message: a text whole, without credentials. */
export const shown = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(maskTokens(maskCredentials(value)))
  return printed(value)
}

/** The error of a schema: `org is 7; expected a login, such as "octokit"`. */
export function expecting(key: string, expected: string) {
  return {
    error: ({ input }: { input?: unknown }) => `${key} is ${shown(input)}; expected ${expected}`,
  }
}

/** The order means nothing, so that it must not make another target of the same. */
export const unordered = <T extends string>(values: readonly T[]): T[] =>
  [...new Set(values)].toSorted()

const DATE = /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/i

/** Milliseconds since the epoch; NaN for a form that is not ISO 8601 and for a day that no calendar has. */
export const instantOf = (text: string): number => {
  const day = DATE.exec(text)?.[1]
  if (day === undefined) return Number.NaN
  const midnight = Date.parse(`${day}T00:00:00Z`)
  // 30 February is read as 2 March.
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(day)) return Number.NaN
  return Date.parse(text.toUpperCase())
}

/** Why the address of a service cannot be used, or nothing. The text may hold a password, so it is not repeated. */
export function addressProblem(key: string, text: string, remedy: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    return `${key} is not an http(s) URL; ${remedy}`
  }
  if (url.username !== '' || url.password !== '') {
    return `${key} for ${url.host} holds credentials; remove them and name a credential with auth_ref`
  }
  if (url.search !== '' || url.hash !== '') {
    return `${key} for ${url.host} has a query or a fragment; ${remedy}`
  }
  return undefined
}

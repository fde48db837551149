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

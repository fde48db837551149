import { z } from 'zod'
import { maskCredentials, maskTokens } from '../redact.ts'
import { printed } from '../wording.ts'

/** https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api */
export const DEFAULT_BASE_URL = 'https://api.github.com'

/** The most that a page of either API holds: docs.github.com, using-pagination-in-the-rest-api. */
const MAX_PER_PAGE = 100

const SCOPES = ['org', 'user', 'repoList', 'repoListFile'] as const
const KEYS = [...SCOPES, 'baseUrl', 'perPage'] as const

/** People know the keys as their config file spells them. */
const snakeCase = (key: string): string => key.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
const listed = (keys: readonly string[]): string => keys.map(snakeCase).join(', ')
const shown = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(maskTokens(maskCredentials(value)))
  return printed(value)
}

/** Underscores are in the logins of managed users; GitHub's own limit is 39 characters. */
const LOGIN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/

const login = (key: 'org' | 'user') =>
  z.string(expecting(key, 'a login, such as "octokit"')).regex(LOGIN, {
    error: ({ input }) =>
      `${key} ${shown(input)} is not a GitHub login; expected the name alone (letters, digits, "-" and "_"), as in https://github.com/NAME`,
  })

function expecting(key: string, expected: string) {
  return {
    error: ({ input }: { input?: unknown }) => `${key} is ${shown(input)}; expected ${expected}`,
  }
}

const listEntry = z
  .string(expecting('an entry of repo_list', 'a repository, such as "octokit/rest.js"'))
  .refine(
    (text) => text.trim() !== '',
    'an entry of repo_list is empty; remove it or name a repository',
  )

const repoList = z
  .array(listEntry, expecting('repo_list', 'a list of repositories'))
  .min(1, 'repo_list is empty; name at least one repository, such as "octokit/rest.js"')

const repoListFile = z
  .string(expecting('repo_list_file', 'the path of a file with a repository a line'))
  .min(1, 'repo_list_file is empty; give the path of a file with a repository a line')

/** Why a base URL cannot be used, or nothing. The text may hold a password, so it is not repeated. */
const baseUrlProblem = (text: string): string | undefined => {
  const url = URL.parse(text)
  const remedy = `give ${DEFAULT_BASE_URL} or an Enterprise Server's https://HOST/api/v3`
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    return `base_url is not an http(s) URL; ${remedy}`
  }
  if (url.username !== '' || url.password !== '') {
    return `base_url for ${url.host} holds credentials; remove them and name a credential with auth_ref`
  }
  if (url.search !== '' || url.hash !== '') {
    return `base_url for ${url.host} has a query or a fragment; ${remedy}`
  }
  if (url.hostname === 'github.com' || url.hostname === 'www.github.com') {
    return `base_url ${shown(url.origin)} is the web site, not the API; ${remedy}`
  }
  return undefined
}

const baseUrl = z
  .string(expecting('base_url', `a URL, such as ${DEFAULT_BASE_URL}`))
  .superRefine((text, context) => {
    const message = baseUrlProblem(text)
    if (message !== undefined) context.addIssue({ code: 'custom', message, continue: false })
  })
  .transform((text) => new URL(text).href.replace(/\/+$/, ''))

const perPageExpectation = expecting('per_page', `a whole number from 1 to ${MAX_PER_PAGE}`)
const perPage = z
  .number(perPageExpectation)
  // One check, or 1e99 would be told twice what is wrong with it.
  .refine((n) => Number.isInteger(n) && n >= 1 && n <= MAX_PER_PAGE, perPageExpectation)

const unknownKeys = (keys: readonly string[]): string =>
  `unknown ${keys.length === 1 ? 'key' : 'keys'} ${listed(keys)} for a github target; known are ${listed(KEYS)}`

/**
 * The github part of a target spec: an organisation, a user, or a list of
 * repositories that is given here or in a file.
 */
export const githubSpec = z
  .strictObject(
    {
      /** Login of an organisation: all of its repositories that the credential can see. */
      org: login('org').optional(),
      /** Login of a user: all repositories that the user owns. */
      user: login('user').optional(),
      /** Repositories by name or URL; GitHub is not asked about them. */
      repoList: repoList.optional(),
      /** A file of such names, one a line. */
      repoListFile: repoListFile.optional(),
      /** The API's base URL. Default: `https://api.github.com`. */
      baseUrl: baseUrl.default(DEFAULT_BASE_URL),
      /** Repositories asked for at once, 1 to 100. Default: 100. */
      perPage: perPage.default(MAX_PER_PAGE),
    },
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys' ? unknownKeys(issue.keys as string[]) : undefined,
    },
  )
  .superRefine((spec, context) => {
    const found = SCOPES.filter((key) => spec[key] !== undefined)
    if (found.length === 1) return
    const message = `give exactly one of ${listed(SCOPES)}; found ${found.map(snakeCase).join(' and ') || 'none'}`
    context.addIssue({ code: 'custom', message })
  })

export type GithubSpec = z.output<typeof githubSpec>

/** Whose repositories. */
export interface Owner {
  readonly kind: 'org' | 'user'
  readonly login: string
}

/**
 * The host of the web pages, and of clone addresses, that belong to an API:
 * `github.com` for `api.github.com`, `octo.ghe.com` for `api.octo.ghe.com`,
 * and an Enterprise Server's own.
 */
export function webHost(baseUrl: string): string {
  const { host } = new URL(baseUrl)
  if (host === 'api.github.com') return 'github.com'
  return host.startsWith('api.') && host.endsWith('.ghe.com') ? host.slice('api.'.length) : host
}

import { z } from 'zod'
import { type GithubFilter, gistFilterProblem, githubFilter } from './filter-spec.ts'
import { maskQuery } from './repository-reference.ts'
import { addressProblem, expecting, listed, shown, snakeCase } from '../spec-words.ts'

/** https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api */
export const DEFAULT_BASE_URL = 'https://api.github.com'

/** The most that a page of either API holds: docs.github.com, using-pagination-in-the-rest-api. */
const MAX_PER_PAGE = 100

/** Where to look; a target has one of them. */
export const SCOPES = [
  'org',
  'user',
  'authenticatedUser',
  'installation',
  'allOrgs',
  'enterprise',
  'gists',
  'repoList',
  'repoListFile',
] as const
const KEYS = [...SCOPES, 'members', 'filter', 'baseUrl', 'perPage'] as const
/** The scopes that hold organisations, which have members. */
const SCOPES_WITH_MEMBERS = ['org', 'allOrgs', 'enterprise'] as const

/** Underscores are in the logins of managed users; GitHub's own limit is 39 characters. */
const LOGIN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/

const login = (key: 'org' | 'user' | 'gists') =>
  z.string(expecting(key, 'a login, such as "octokit"')).regex(LOGIN, {
    error: ({ input }) =>
      `${key} ${shown(input)} is not a GitHub login; expected the name alone (letters, digits, "-" and "_"), as in https://github.com/NAME`,
  })

/** docs.github.com, enterprise-admin: letters, digits and hyphens, at most 60. */
const SLUG = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/

const slug = z
  .string(expecting('enterprise', 'the name in its address, such as "acme-corp"'))
  .regex(SLUG, {
    error: ({ input }) =>
      `enterprise ${shown(input)} is not the name of an enterprise; expected it as in https://github.com/enterprises/NAME`,
  })

/** A scope that needs no name. */
const flag = (key: 'authenticatedUser' | 'installation' | 'allOrgs') =>
  z.literal(true, expecting(snakeCase(key), 'true; leave it out otherwise')).optional()

const listEntry = z
  .string(expecting('an entry of repo_list', 'a repository, such as "octokit/rest.js"'))
  .refine(
    (text) => text.trim() !== '',
    'an entry of repo_list is empty; remove it or name a repository',
  )
  .transform(maskQuery)

const repoList = z
  .array(listEntry, expecting('repo_list', 'a list of repositories'))
  .min(1, 'repo_list is empty; name at least one repository, such as "octokit/rest.js"')

const repoListFile = z
  .string(expecting('repo_list_file', 'the path of a file with a repository a line'))
  .min(1, 'repo_list_file is empty; give the path of a file with a repository a line')

/** Why a base URL cannot be used, or nothing. */
const baseUrlProblem = (text: string): string | undefined => {
  const remedy = `give ${DEFAULT_BASE_URL} or an Enterprise Server's https://HOST/api/v3`
  const problem = addressProblem('base_url', text, remedy)
  if (problem !== undefined) return problem
  const { hostname, origin } = new URL(text)
  if (hostname !== 'github.com' && hostname !== 'www.github.com') return undefined
  return `base_url ${shown(origin)} is the web site, not the API; ${remedy}`
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

interface Scoped extends Partial<Record<(typeof SCOPES)[number], unknown>> {
  readonly members?: true | undefined
  readonly filter?: GithubFilter | undefined
  readonly baseUrl: string
}

/** What is wrong with the scope, or with what belongs to some scopes only. */
const scopeProblems = (spec: Scoped): readonly string[] => {
  const found = SCOPES.filter((key) => spec[key] !== undefined)
  if (found.length !== 1) {
    const names = found.map(snakeCase).join(' and ') || 'none'
    return [`give exactly one of ${listed(SCOPES)}; found ${names}`]
  }
  const problems: string[] = []
  if (spec.members && SCOPES_WITH_MEMBERS.every((key) => spec[key] === undefined)) {
    problems.push(
      `members is true with ${found.map(snakeCase).join()}, which has none; give it with one of ${listed(SCOPES_WITH_MEMBERS)}`,
    )
  }
  if (spec.allOrgs !== undefined && new URL(spec.baseUrl).host === 'api.github.com') {
    problems.push(
      `all_orgs at ${DEFAULT_BASE_URL} would list every organisation of the world; set base_url to an Enterprise Server's https://HOST/api/v3, or name an org or an enterprise`,
    )
  }
  if (spec.gists !== undefined && spec.filter !== undefined) {
    const problem = gistFilterProblem(spec.filter)
    if (problem !== undefined) problems.push(problem)
  }
  return problems
}

/**
 * The github part of a target spec: where to look, and what of it to leave out.
 * What comes out is in one form for what means one thing, since a target is
 * known by it.
 */
export const githubSpec = z
  .strictObject(
    {
      /** Login of an organisation: all of its repositories that the credential can see. */
      org: login('org').optional(),
      /** Login of a user: all repositories that the user owns. */
      user: login('user').optional(),
      /** All repositories that the credential's own account can see: its own, its organisations', those it was invited to. */
      authenticatedUser: flag('authenticatedUser'),
      /** All repositories that a GitHub App's installation was given. */
      installation: flag('installation'),
      /** Every organisation of an Enterprise Server. */
      allOrgs: flag('allOrgs'),
      /** An enterprise account by the name in its address: all of its organisations. */
      enterprise: slug.optional(),
      /** Login of a user: all gists that the credential can see. */
      gists: login('gists').optional(),
      /** Repositories by name or URL; looked up where there is a token, else taken as they are. */
      repoList: repoList.optional(),
      /** A file of such names, one a line. */
      repoListFile: repoListFile.optional(),
      /** Also the repositories that members of the organisations own; with `org`, `allOrgs` or `enterprise`. */
      members: z
        .boolean(expecting('members', 'true or false'))
        .transform((wanted): true | undefined => wanted || undefined)
        .optional(),
      /** Which of the repositories found to leave out; those count as skipped. */
      filter: githubFilter,
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
    for (const message of scopeProblems(spec)) context.addIssue({ code: 'custom', message })
  })

export type { GithubFilter } from './filter-spec.ts'
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

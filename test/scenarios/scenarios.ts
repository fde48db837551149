import type {
  Fault,
  LoggedRequest,
  SandboxGitHub,
  SandboxGitHubOptions,
  SandboxOwner,
} from '../../examples/sandbox/github.ts'
import { APP_KEYS } from './app-keys.ts'
import { TOKEN, type WalkParams } from './walk.ts'

/** What can go wrong, or change, while an organisation is listed, and what has to come of it. */
export interface Scenario extends Omit<WalkParams, 'github' | 'sandbox'> {
  readonly title: string
  readonly sandbox?: SandboxGitHubOptions
  readonly github?: Record<string, unknown>
  /** COMPLETE, or the words for what is missing; PAUSED where it waits for somebody. */
  readonly verdict: string
  /** How many of those that were there all the time cannot be had. Default: none. */
  readonly lost?: number
}

const named = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${String(i).padStart(3, '0')}`)

/** Five pages of fifty. */
export const ACME: SandboxOwner = {
  login: 'acme',
  type: 'Organization',
  names: named('repo', 250),
  members: ['ada', 'grace'],
}
const ELSEWHERE: SandboxOwner = {
  login: 'elsewhere',
  type: 'Organization',
  names: named('far', 30),
}
export const OWNERS = [ACME, ELSEWHERE]
const PER_PAGE = 50
const LISTED = { org: 'acme', perPage: PER_PAGE }

/** The name of the n-th repository in order of creation, as the server has it now. */
const nth = (sandbox: SandboxGitHub, n: number): string => {
  const found = sandbox.repositories('acme')[n]
  if (found === undefined) throw new Error(`acme has no repository number ${n}`)
  return found.full_name
}

/** Created now: the newest of all. */
const create = (sandbox: SandboxGitHub, name: string, at: number): void => {
  const created_at = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
  sandbox.add('acme', name, { created_at, pushed_at: created_at, updated_at: created_at })
}

type Change = (sandbox: SandboxGitHub, at: number) => void

/** Makes the change once, before that request of the walk is answered. */
const at =
  (request: number, ...changes: Change[]): NonNullable<WalkParams['during']> =>
  (sandbox, index, logged: LoggedRequest) => {
    if (index === request) for (const change of changes) change(sandbox, logged.at)
  }

const remove =
  (n: number): Change =>
  (sandbox) =>
    sandbox.remove(nth(sandbox, n))
const born =
  (name = 'newborn'): Change =>
  (sandbox, now) =>
    create(sandbox, name, now)
const rename =
  (n: number): Change =>
  (sandbox) =>
    sandbox.rename(nth(sandbox, n), `renamed-${n}`)
const leave =
  (n: number): Change =>
  (sandbox) =>
    sandbox.transfer(nth(sandbox, n), 'elsewhere')
const arrive =
  (n: number): Change =>
  (sandbox) =>
    sandbox.transfer(sandbox.repositories('elsewhere')[n]?.full_name ?? '', 'acme')
const recreate =
  (n: number): Change =>
  (sandbox, now) => {
    const name = nth(sandbox, n)
    sandbox.remove(name)
    create(sandbox, name.split('/')[1] ?? '', now)
  }

/** Without a token: REST, whose pages drift. */
const byRest = { auth: null } as const

/** The same change in the middle of a walk by either API. */
const drift = (title: string, ...changes: Change[]): Scenario[] => [
  { title: `${title} (GraphQL)`, during: at(2, ...changes), verdict: 'COMPLETE' },
  { title: `${title} (REST)`, ...byRest, during: at(3, ...changes), verdict: 'COMPLETE' },
]

/** The same fault in the middle of a walk by either API. */
const fault = (title: string, given: Fault, verdict = 'COMPLETE'): Scenario[] => [
  { title: `${title} (GraphQL)`, sandbox: { faults: [null, null, given] }, verdict },
  { title: `${title} (REST)`, ...byRest, sandbox: { faults: [null, null, given] }, verdict },
]

const GRAPHQL_ALL_THE_TIME = (kind: Fault): SandboxGitHubOptions['faults'] => {
  return (request) => (request.path.endsWith('/graphql') ? kind : undefined)
}

const DRIFT: readonly Scenario[] = [
  ...drift('nothing changes'),
  ...drift('one is created', born()),
  ...drift('one behind the reader is deleted', remove(10)),
  ...drift('one at the edge of the page is deleted', remove(49)),
  ...drift('one ahead of the reader is deleted', remove(200)),
  ...drift('one behind the reader is deleted, one created', remove(10), born()),
  ...drift('many behind the reader are deleted', ...[40, 30, 20, 10, 0].map(remove)),
  ...drift('one behind the reader is renamed', rename(10)),
  ...drift('one ahead of the reader is renamed', rename(200)),
  ...drift('one behind the reader moves away', leave(10)),
  ...drift('one moves here, with an old date', arrive(0)),
  ...drift('one is deleted, and another takes its name', recreate(10)),
  ...drift('one ahead is deleted, and another takes its name', recreate(200)),
  {
    title: 'one is deleted before every page (GraphQL)',
    during: (sandbox, index) => index > 0 && index < 8 && sandbox.remove(nth(sandbox, 0)),
    verdict: 'COMPLETE',
  },
  {
    title: 'one is deleted before every page, for ever (REST)',
    ...byRest,
    during: (sandbox, index) => index > 0 && sandbox.remove(nth(sandbox, 0)),
    verdict: 'drift',
    lost: -1,
  },
  {
    title: 'the process is replaced, and one behind the reader is deleted meanwhile (REST)',
    ...byRest,
    restartAt: [3],
    during: at(4, remove(10)),
    verdict: 'COMPLETE',
  },
  {
    title: 'the process is replaced at every page (GraphQL)',
    restartAt: [1, 3, 5, 7],
    verdict: 'COMPLETE',
  },
]

const LIMITS: readonly Scenario[] = [
  ...fault('the allowance is spent', { kind: 'primary-limit', resetSeconds: 1_800 }),
  ...fault('the allowance is spent, told by 429', { kind: 'primary-limit', status: 429 }),
  ...fault('too much at once, for a time', { kind: 'secondary-limit', retryAfterSeconds: 30 }),
  ...fault('too much at once, for who knows how long', { kind: 'secondary-limit' }),
  {
    title: 'too much at once, for longer than GitHub says',
    sandbox: { faults: [null, { kind: 'secondary-limit', limitedSeconds: 50 }] },
    verdict: 'COMPLETE',
  },
  {
    title: 'the allowance is spent, told by 200 and RATE_LIMITED',
    sandbox: { faults: [null, { kind: 'graphql-limit' }] },
    verdict: 'COMPLETE',
  },
  {
    title: 'the allowance is spent, told by 200 and RATE_LIMIT',
    sandbox: { faults: [null, { kind: 'graphql-limit', type: 'RATE_LIMIT' }] },
    verdict: 'COMPLETE',
  },
  {
    title: 'three requests an hour, without a token',
    ...byRest,
    sandbox: { rateLimit: { limit: 3, windowSeconds: 3_600 } },
    verdict: 'COMPLETE',
  },
  {
    title: 'an Enterprise Server that tells nothing of limits',
    enterprise: true,
    sandbox: { rateHeaders: false },
    verdict: 'COMPLETE',
  },
  {
    title: 'the allowance is spent, and the process replaced while it waits',
    sandbox: { faults: [null, { kind: 'primary-limit', resetSeconds: 1_800 }] },
    restartAt: [1],
    verdict: 'COMPLETE',
  },
]

const DAMAGE: readonly Scenario[] = [
  ...fault('502', { kind: 'server-error', status: 502 }),
  ...fault('503', { kind: 'server-error', status: 503 }),
  ...fault('500', { kind: 'server-error', status: 500 }),
  ...fault('the connection breaks before the answer', { kind: 'reset' }),
  ...fault('the connection breaks in the answer', { kind: 'reset-in-body' }),
  ...fault('half the JSON', { kind: 'truncated-json' }),
  ...fault('nothing in a 200', { kind: 'empty' }),
  ...fault('a page of HTML in a 200', { kind: 'html' }),
  {
    title: 'no answer at all',
    sandbox: { faults: [null, { kind: 'hang' }] },
    hangsAt: 1,
    verdict: 'COMPLETE',
  },
  {
    title: 'a page without its Link',
    ...byRest,
    sandbox: { faults: [null, null, { kind: 'no-link' }] },
    verdict: 'COMPLETE',
  },
  {
    title: 'a page in part, once',
    sandbox: { faults: [null, { kind: 'partial-data' }] },
    verdict: 'COMPLETE',
  },
  ...(['502', '504', 'nulls', 'partial'] as const).map((answer): Scenario => ({
    title: `more than 12 at once come to ${answer}`,
    sandbox: { heavy: { above: 12, answer } },
    verdict: 'COMPLETE',
  })),
  {
    title: 'a cursor is refused',
    sandbox: { faults: [null, null, { kind: 'invalid-cursor' }] },
    verdict: 'COMPLETE',
  },
  {
    title: 'all cursors expire in the middle',
    during: (sandbox, index) => index === 3 && sandbox.expireCursors(),
    verdict: 'COMPLETE',
  },
  {
    title: 'all cursors expire while the process is replaced',
    restartAt: [2],
    during: (sandbox, index) => index === 3 && sandbox.expireCursors(),
    verdict: 'COMPLETE',
  },
  {
    title: 'a cursor that does not move, once',
    sandbox: { faults: [null, { kind: 'same-cursor' }] },
    verdict: 'COMPLETE',
  },
  {
    title: 'the listing says that it ends, early',
    sandbox: { endsEarlyAt: 100 },
    verdict: 'COMPLETE',
  },
  {
    title: 'three are counted and never listed',
    sandbox: { hidden: 3 },
    verdict: 'count_mismatch',
  },
  {
    title: 'an Enterprise Server whose GraphQL is forbidden: REST takes its place',
    enterprise: true,
    sandbox: { faults: GRAPHQL_ALL_THE_TIME({ kind: 'forbidden' }) },
    verdict: 'COMPLETE',
  },
]

const PRIVATE: SandboxOwner = {
  ...ACME,
  repositories: [
    { name: 'internal-1', visibility: 'internal' },
    { name: 'internal-2', visibility: 'internal' },
    { name: 'private-1', visibility: 'private' },
  ],
}

const RENEWED = 'ghp_AnotherSecretOfTheScenarios0123456789'

/** A provider that has another token once the one it gave is refused. */
const renewing = () => {
  let token = TOKEN
  return (request?: { readonly renew: boolean }): string => {
    if (request?.renew === true) token = RENEWED
    return token
  }
}

const ACCESS: readonly Scenario[] = [
  {
    title: 'the token is revoked, and the provider has another',
    sandbox: {
      accounts: {
        [TOKEN]: { login: 'ada', scopes: ['repo'] },
        [RENEWED]: { login: 'ada', scopes: ['repo'] },
      },
    },
    auth: { type: 'github', config: { token: renewing() } },
    during: (sandbox, index) => index === 2 && sandbox.revoke(TOKEN),
    verdict: 'COMPLETE',
  },
  {
    title: 'of two tokens one is revoked',
    sandbox: {
      accounts: {
        [TOKEN]: { login: 'ada', scopes: ['repo'] },
        [RENEWED]: { login: 'grace', scopes: ['repo'] },
      },
    },
    auth: { type: 'github', config: { tokens: [TOKEN, RENEWED] } },
    during: (sandbox, index) => index === 2 && sandbox.revoke(TOKEN),
    verdict: 'COMPLETE',
  },
  {
    title: 'the token is revoked, and there is no other',
    sandbox: { accounts: { [TOKEN]: { login: 'ada', scopes: ['repo'] } } },
    during: (sandbox, index) => index === 2 && sandbox.revoke(TOKEN),
    verdict: 'PAUSED',
    lost: -1,
  },
  {
    title: 'the token is refused, then good again',
    sandbox: { accounts: { [TOKEN]: { login: 'ada', scopes: ['repo'] } } },
    during: (sandbox, index) => index === 2 && sandbox.revoke(TOKEN),
    between: [
      (sandbox, clock) => {
        sandbox.accept(TOKEN)
        // A token that was refused is left alone for a minute.
        clock.increment(61_000)
      },
    ],
    verdict: 'COMPLETE',
  },
  {
    title: 'single sign-on is wanted for all of it',
    sandbox: {
      owners: [{ ...ACME, sso: true }],
      accounts: { [TOKEN]: { login: 'ada', scopes: ['repo'] } },
    },
    verdict: 'sso',
    lost: -1,
  },
  {
    title: 'a member with every scope sees internal and private ones',
    sandbox: {
      owners: [PRIVATE],
      accounts: { [TOKEN]: { login: 'ada', scopes: ['repo'] } },
    },
    verdict: 'COMPLETE',
  },
  {
    title: 'internal ones are left out by type=all, and GraphQL is forbidden (Enterprise Server)',
    enterprise: true,
    sandbox: {
      owners: [PRIVATE],
      accounts: { [TOKEN]: { login: 'ada', scopes: ['repo'] } },
      omitsInternal: true,
      faults: GRAPHQL_ALL_THE_TIME({ kind: 'forbidden' }),
    },
    verdict: 'COMPLETE',
  },
  {
    title: 'a member whose token lacks the scope "repo"',
    sandbox: {
      owners: [PRIVATE],
      accounts: { [TOKEN]: { login: 'ada', scopes: ['read:org'] } },
    },
    counts: ({ visibility }) => visibility === 'public',
    verdict: 'filtered_by_scope',
  },
  {
    title: 'an organisation that is empty, seen by a member',
    sandbox: {
      owners: [{ ...ACME, names: [] }],
      accounts: { [TOKEN]: { login: 'ada', scopes: ['repo'] } },
    },
    verdict: 'COMPLETE',
  },
  {
    title: 'an organisation that shows nothing to a stranger',
    sandbox: {
      owners: [
        { ...ACME, names: [], repositories: [{ name: 'secret', visibility: 'private' }] },
        { login: 'eve', type: 'User' },
      ],
      accounts: { [TOKEN]: { login: 'eve', scopes: ['repo'] } },
    },
    verdict: 'filtered_by_scope',
    lost: 1,
  },
  {
    title: 'an organisation that is not there',
    github: { org: 'nowhere' },
    verdict: 'not_found',
    lost: -1,
  },
  {
    title: 'an organisation blocked for legal reasons',
    sandbox: { faults: () => ({ kind: 'legal' }) },
    ...byRest,
    verdict: 'dmca',
    lost: -1,
  },
]

const ADA: SandboxOwner = { login: 'ada', type: 'User', names: named('own', 70) }
const APP = { appId: 7, publicKey: APP_KEYS.publicKey, tokenSeconds: 5 }
const INSTALLED = {
  type: 'github',
  config: { app: { appId: 7, privateKey: APP_KEYS.privateKey, installationId: 9 } },
}

const SCOPES: readonly Scenario[] = [
  {
    title: 'a user',
    sandbox: { owners: [ADA] },
    github: { org: undefined, user: 'ada' },
    owners: ['ada'],
    verdict: 'COMPLETE',
  },
  {
    title: 'all that a token sees, by REST, while one behind the reader is deleted',
    sandbox: {
      owners: [...OWNERS, ADA],
      accounts: { [TOKEN]: { login: 'ada', scopes: ['repo'] } },
    },
    github: { org: undefined, authenticatedUser: true },
    owners: ['acme', 'ada'],
    during: at(4, remove(3)),
    verdict: 'COMPLETE',
  },
  {
    title: 'an App’s installation, whose tokens live for five requests',
    sandbox: { owners: OWNERS, apps: [{ ...APP, installations: [{ id: 9, account: 'acme' }] }] },
    auth: INSTALLED,
    github: { org: undefined, installation: true },
    verdict: 'COMPLETE',
  },
  {
    title: 'an App that was given three repositories of all',
    sandbox: {
      owners: OWNERS,
      apps: [
        {
          ...APP,
          installations: [
            { id: 9, account: 'acme', repositories: ['repo-001', 'repo-100', 'repo-249'] },
          ],
        },
      ],
    },
    auth: INSTALLED,
    github: { org: undefined, installation: true },
    verdict: 'filtered_by_scope',
    lost: 247,
  },
  {
    title: 'an organisation and its members’ own repositories',
    sandbox: { owners: [...OWNERS, ADA] },
    github: { members: true },
    owners: ['acme', 'ada'],
    verdict: 'COMPLETE',
  },
  {
    title: 'all organisations of an Enterprise Server, the process replaced on the way',
    enterprise: true,
    github: { org: undefined, allOrgs: true },
    owners: ['acme', 'elsewhere'],
    restartAt: [2, 5],
    verdict: 'COMPLETE',
  },
  {
    title: 'an enterprise, of which one organisation wants single sign-on',
    sandbox: {
      owners: [
        { ...ACME, enterprise: 'group' },
        { ...ELSEWHERE, enterprise: 'group', sso: true },
      ],
      accounts: { [TOKEN]: { login: 'ada', scopes: ['repo', 'read:enterprise', 'read:org'] } },
    },
    github: { org: undefined, enterprise: 'group' },
    owners: ['acme', 'elsewhere'],
    verdict: 'sso',
    lost: 30,
  },
  {
    title: 'a list of names, one of which is an old one',
    sandbox: { owners: OWNERS },
    github: {
      org: undefined,
      repoList: ELSEWHERE.names?.map((name) => `elsewhere/${name}`),
    },
    owners: ['elsewhere'],
    during: at(0, (sandbox) => sandbox.rename('elsewhere/far-007', 'near-007')),
    verdict: 'COMPLETE',
  },
]

/** Everything; each is walked by a test of its own. */
export const SCENARIOS: readonly Scenario[] = [...DRIFT, ...LIMITS, ...DAMAGE, ...ACCESS, ...SCOPES]

export const paramsOf = (scenario: Scenario): WalkParams => ({
  ...scenario,
  sandbox: { owners: OWNERS, ...scenario.sandbox },
  github: { ...LISTED, ...scenario.github },
})

/** What a sandbox is started with, and what can be done with one that runs. */
import type { SandboxApp } from './apps.ts'
import type { SandboxAccount } from './callers.ts'
import type { Fault } from './faults.ts'
import type { SandboxGist } from './gists.ts'
import type { RateLimit } from './limits.ts'
import type { RepositoryFacts, SandboxOwner, SandboxRepository } from './repositories.ts'

/** One request in the server's log. */
export interface LoggedRequest {
  /** By the sandbox's clock. */
  readonly at: number
  readonly method: string
  /** Path and query, base path included. */
  readonly path: string
  /** Whether it came with a token, good or not. */
  readonly authorized: boolean
  /** Whose allowance it spent: `login`, `installation:ID`, `app:ID` or `anonymous`. Never the token. */
  readonly caller: string
  /** Whether it came while its sender had been told to wait. */
  readonly whileLimited: boolean
  readonly fault: Fault['kind'] | undefined
  /** `undefined` until answered, and for a connection that was cut or left to hang. */
  status: number | undefined
  readonly body: string
}

/** Answers a request with a fault, or not at all (`undefined`): the request goes well. */
export type FaultSource = (request: LoggedRequest, index: number) => Fault | undefined

/** How a GraphQL query that asks for too much at once fails. */
export interface HeavyPages {
  /** A query that answers with more nodes than this is too heavy. */
  readonly above: number
  /** The time ran out (`502`, `504`), or the resources: every node is null, or every other one. */
  readonly answer: '502' | '504' | 'nulls' | 'partial'
}

export interface SandboxGitHubOptions {
  /** Default: the thirteen real owners of `owners.json`. */
  readonly owners?: readonly SandboxOwner[]
  /**
   * Tokens that are valid and see everything. With these, `accounts` or
   * `apps`, every other token is refused. Default: any token is good.
   */
  readonly tokens?: readonly string[]
  /** Whose a token is, and so what it sees. */
  readonly accounts?: Readonly<Record<string, SandboxAccount>>
  readonly apps?: readonly SandboxApp[]
  /** Added to every answer. Default: 0. */
  readonly latencyMs?: number
  /** Played in order, one a request (`null`: this one goes well), or decided by a function. */
  readonly faults?: readonly (Fault | null)[] | FaultSource
  /** Runs before each request is answered, for what happens in the middle of a walk. */
  readonly onRequest?: (request: LoggedRequest, index: number, sandbox: SandboxGitHub) => void
  /** Enforces an allowance a caller; by default requests are counted only. */
  readonly rateLimit?: RateLimit
  /** `false`: as an Enterprise Server without limits, which tells of none. Default: true. */
  readonly rateHeaders?: boolean
  /** Default: none is too heavy. */
  readonly heavy?: HeavyPages
  /** REST leaves internal repositories out, unless asked for `type=internal`. Default: false. */
  readonly omitsInternal?: boolean
  /** In the first pass through an owner's repositories, GraphQL says that they end after so many. */
  readonly endsEarlyAt?: number
  /** Totals count so many repositories that are never listed. Default: 0. */
  readonly hidden?: number
  /** Default: any free one. */
  readonly port?: number
  /** What limits, dates and tokens are reckoned by. Default: the system's. */
  readonly clock?: { now(): number }
}

/** What can happen while somebody lists; each throws for a name that the sandbox does not have. */
export interface LiveChanges {
  /** Creates a repository: the newest of all. */
  add(login: string, name: string, facts?: RepositoryFacts): SandboxRepository
  remove(fullName: string): void
  /** @param newName without its owner */
  rename(fullName: string, newName: string): SandboxRepository
  transfer(fullName: string, newOwner: string, newName?: string): SandboxRepository
  /** Deletes it and creates another of the same name and facts. */
  recreate(fullName: string): SandboxRepository
  set(fullName: string, facts: RepositoryFacts): SandboxRepository
  push(fullName: string): SandboxRepository
  addGist(login: string, isPublic?: boolean): SandboxGist
  setMembers(login: string, members: readonly string[]): void
  /** A new token of an app's installation, without its asking for one. */
  mintToken(installationId: number): string
  /** The token is refused from now on. */
  revoke(token: string): void
  /** The token is good from now on, as that account's if one is given. */
  accept(token: string, account?: SandboxAccount): void
  /** GraphQL no longer knows the cursors that it gave out. */
  expireCursors(): void
  /** Adds to the script of faults. */
  inject(...faults: readonly (Fault | null)[]): void
}

export interface SandboxGitHub extends LiveChanges, AsyncDisposable {
  /** The base URL of the REST API, as on api.github.com. */
  readonly url: string
  /** The base URL of the same as an Enterprise Server has it: `…/api/v3`. */
  readonly enterpriseUrl: string
  readonly requests: readonly LoggedRequest[]
  readonly requestsWhileLimited: number
  /** The truth about an owner's repositories now, in order of creation. */
  repositories(login: string): readonly SandboxRepository[]
  /** The truth about a user's gists, in order of creation. */
  gists(login: string): readonly SandboxGist[]
  close(): Promise<void>
}

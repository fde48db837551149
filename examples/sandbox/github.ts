/**
 * A GitHub to try things on: REST and GraphQL over made-up facts about real
 * names, with GitHub's headers, limits and page URLs, and with its bad days on
 * request. It listens on this machine only.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answer, badCredentials, refusal, type SandboxRequest } from './answers.ts'
import { type Fault, faultAnswer } from './faults.ts'
import { graphqlAnswer } from './graphql.ts'
import { Limits, type RateLimit, type Resource } from './limits.ts'
import {
  realisticOwners,
  type SandboxOwner,
  type SandboxRepository,
  World,
} from './repositories.ts'
import { restAnswer } from './rest.ts'
import { deliver, readRequest } from './wire.ts'

export type { Fault } from './faults.ts'
export type { SandboxOwner, SandboxRepository } from './repositories.ts'

/** One request in the server's log. */
export interface LoggedRequest {
  /** By the sandbox's clock. */
  readonly at: number
  readonly method: string
  /** Path and query, base path included. */
  readonly path: string
  readonly authorized: boolean
  /** Whether it came while its sender had been told to wait. */
  readonly whileLimited: boolean
  readonly fault: Fault['kind'] | undefined
  /** `undefined` until answered, and for a connection that was cut or left to hang. */
  status: number | undefined
  readonly body: string
}

/** Answers a request with a fault, or not at all (`undefined`): the request goes well. */
export type FaultSource = (request: LoggedRequest, index: number) => Fault | undefined

export interface SandboxGitHubOptions {
  /** Default: the thirteen real owners of `owners.json`. */
  readonly owners?: readonly SandboxOwner[]
  /** The tokens that are valid; every other is refused. Default: any token is. */
  readonly tokens?: readonly string[]
  /** Added to every answer. Default: 0. */
  readonly latencyMs?: number
  /** Played in order, one a request (`null`: this one goes well), or decided by a function. */
  readonly faults?: readonly (Fault | null)[] | FaultSource
  /** Enforces an allowance a caller; by default requests are counted only. */
  readonly rateLimit?: RateLimit
  /** Default: any free one. */
  readonly port?: number
  /** What limits and dates are reckoned by. Default: the system's. */
  readonly clock?: { now(): number }
}

export interface SandboxGitHub extends AsyncDisposable {
  /** The base URL of the REST API, as on api.github.com. */
  readonly url: string
  /** The base URL of the same as an Enterprise Server has it: `…/api/v3`. */
  readonly enterpriseUrl: string
  readonly requests: readonly LoggedRequest[]
  readonly requestsWhileLimited: number
  /** The truth about an owner's repositories now, in order of creation. */
  repositories(login: string): readonly SandboxRepository[]
  add(login: string, name: string): SandboxRepository
  remove(fullName: string): void
  /** Adds to the script of faults. */
  inject(...faults: readonly (Fault | null)[]): void
  close(): Promise<void>
}

interface State {
  readonly options: SandboxGitHubOptions
  readonly world: World
  readonly limits: Limits
  readonly requests: LoggedRequest[]
  readonly script: (Fault | null)[]
  readonly now: () => number
}

/** Who is counted: a token, or everybody without one (one address here). */
const callerOf = (request: SandboxRequest): string => request.token ?? 'anonymous'

const resourceOf = (request: SandboxRequest): Resource =>
  request.path === '/graphql' ? 'graphql' : 'core'

const goodAnswer = async (state: State, request: SandboxRequest): Promise<Answer> => {
  const { tokens } = state.options
  const caller = callerOf(request)
  if (request.token !== undefined && tokens && !tokens.includes(request.token)) {
    return badCredentials()
  }
  if (request.path === '/rate_limit') return state.limits.overview(caller, state.now())
  if (request.path !== '/graphql') return restAnswer(state.world, request)
  const limit = state.limits.state(caller, 'graphql', state.now())
  return graphqlAnswer(state.world, request, limit)
}

const nextFault = (state: State, entry: LoggedRequest): Fault | undefined => {
  const scripted = state.script.shift()
  if (scripted !== undefined) return scripted ?? undefined
  const { faults } = state.options
  return typeof faults === 'function' ? faults(entry, state.requests.length) : undefined
}

/** A caller that is told to wait stays so until the reset, whatever it asks for. */
const turnedAway = (state: State, request: SandboxRequest): Answer | undefined => {
  if (request.path === '/rate_limit') return undefined
  return state.limits.blocked(callerOf(request), state.now())
}

const spendAllowance = (state: State, request: SandboxRequest): Answer | undefined => {
  if (request.path === '/rate_limit') return undefined
  const [caller, resource] = [callerOf(request), resourceOf(request)]
  if (!state.limits.exhausted(caller, resource, state.now())) {
    state.limits.count(caller, resource, state.now())
    return undefined
  }
  const { reset } = state.limits.state(caller, resource, state.now())
  const limited = refusal(403, 'API rate limit exceeded for this sandbox.', {
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': String(reset),
  })
  state.limits.block(caller, reset * 1000, limited)
  return limited
}

const sentCursor = (body: string): unknown => {
  try {
    return (JSON.parse(body) as { variables?: { after?: unknown } }).variables?.after ?? null
  } catch {
    return null
  }
}

const answerRequest = async (
  state: State,
  request: SandboxRequest,
  entry: LoggedRequest,
): Promise<Answer> => {
  const refused = turnedAway(state, request)
  if (refused) return refused
  const overdrawn = spendAllowance(state, request)
  if (overdrawn) return overdrawn
  const fault = nextFault(state, entry)
  if (!fault) return goodAnswer(state, request)
  Object.assign(entry, { fault: fault.kind })
  const context = {
    now: state.now(),
    after: sentCursor(request.body),
    good: () => goodAnswer(state, request),
    block: (until: number, limited: Answer) =>
      state.limits.block(callerOf(request), until, limited),
  }
  return faultAnswer(fault, context)
}

const logEntry = (state: State, request: SandboxRequest, path: string): LoggedRequest => ({
  at: state.now(),
  method: request.method,
  path,
  authorized: request.token !== undefined,
  whileLimited:
    turnedAway(state, request) !== undefined ||
    (request.path !== '/rate_limit' &&
      state.limits.exhausted(callerOf(request), resourceOf(request), state.now())),
  fault: undefined,
  status: undefined,
  body: request.body,
})

const createState = (options: SandboxGitHubOptions): State => ({
  options,
  world: new World(options.owners ?? realisticOwners()),
  limits: new Limits(options.rateLimit),
  requests: [],
  script: Array.isArray(options.faults) ? [...options.faults] : [],
  now: () => (options.clock ?? Date).now(),
})

const handle = async (
  state: State,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> => {
  const request = await readRequest(incoming)
  const entry = logEntry(state, request, incoming.url ?? '/')
  state.requests.push(entry)
  const answer = await answerRequest(state, request, entry)
  const counts = state.limits.headers(callerOf(request), resourceOf(request), state.now())
  if (state.options.latencyMs) {
    await new Promise((resolve) => setTimeout(resolve, state.options.latencyMs))
  }
  if (answer.delivery === 'whole' || answer.delivery === 'cut') entry.status = answer.status
  deliver(answer, incoming, outgoing, { counts, now: state.now() })
}

const serve = (state: State) =>
  createServer((incoming, outgoing) => {
    // A caller that left in the middle of its request is no reason to end the server.
    handle(state, incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error))
  })

/** Starts a sandbox GitHub. Close it, or bind it with `await using`. */
export async function startSandboxGitHub(
  options: SandboxGitHubOptions = {},
): Promise<SandboxGitHub> {
  const state = createState(options)
  const server = serve(state)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const close = async (): Promise<void> => {
    // Requests left hanging would keep the server open for ever.
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return {
    url,
    enterpriseUrl: `${url}/api/v3`,
    requests: state.requests,
    get requestsWhileLimited() {
      return state.requests.filter((request) => request.whileLimited).length
    },
    repositories: (login) => state.world.owner(login)?.repositories ?? [],
    add: (login, name) => state.world.add(login, name),
    remove: (fullName) => state.world.remove(fullName),
    inject: (...faults) => void state.script.push(...faults),
    close,
    [Symbol.asyncDispose]: close,
  }
}

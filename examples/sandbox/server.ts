/** From a request to its answer: who asks, whether they may, what goes wrong, and what it costs. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Answer,
  answer,
  badCredentials,
  type Call,
  refusal,
  type SandboxRequest,
} from './answers.ts'
import { AppRegistry } from './apps.ts'
import { ANONYMOUS, type Caller, Callers } from './callers.ts'
import { type Fault, faultAnswer } from './faults.ts'
import { pointsOf } from './graphql-cost.ts'
import { weighed } from './graphql-damage.ts'
import { graphqlAnswer } from './graphql.ts'
import { Limits, type Resource } from './limits.ts'
import type { LoggedRequest, SandboxGitHubOptions } from './options.ts'
import { realisticOwners } from './repositories.ts'
import { restAnswer } from './rest.ts'
import { conditional, deliver, readRequest } from './wire.ts'
import { World } from './world.ts'

/** Everything that one running sandbox holds. */
export interface State {
  readonly options: SandboxGitHubOptions
  readonly world: World
  readonly apps: AppRegistry
  readonly callers: Callers
  readonly limits: Limits
  readonly requests: LoggedRequest[]
  readonly script: (Fault | null)[]
  readonly cursors: { generation: number; readonly passes: Map<string, number> }
  readonly now: () => number
}

export const createState = (options: SandboxGitHubOptions): State => {
  const world = new World(options.owners ?? realisticOwners())
  const apps = new AppRegistry(options.apps ?? [], world)
  const own = Object.values(options.accounts ?? {}).flatMap(({ login, limit }) =>
    limit === undefined ? [] : [[login, limit] as const],
  )
  return {
    options,
    world,
    apps,
    callers: new Callers(options, apps),
    limits: new Limits(options.rateLimit, new Map(own)),
    requests: [],
    script: Array.isArray(options.faults) ? [...options.faults] : [],
    cursors: { generation: 0, passes: new Map() },
    now: () => (options.clock ?? Date).now(),
  }
}

/** A request, its sender, and what it costs. */
interface Visit {
  readonly request: SandboxRequest
  readonly caller: Caller
  /** What GitHub says to a token that is not good. */
  readonly refused: Answer | undefined
  readonly resource: Resource
  readonly points: number
}

const visitOf = (state: State, request: SandboxRequest): Visit => {
  const who = state.callers.resolve(request.token, state.now())
  const isRefused = 'body' in who
  const isGraphql = request.path === '/graphql'
  const isFree = request.path === '/rate_limit' || isRefused
  return {
    request,
    // GitHub counts what it cannot attribute by the address it came from.
    caller: isRefused ? ANONYMOUS : who,
    refused: isRefused ? who : undefined,
    resource: isGraphql ? 'graphql' : 'core',
    points: isFree ? 0 : isGraphql ? pointsOf(request.body) : 1,
  }
}

const callOf = ({ options, world, now }: State, { request, caller }: Visit): Call => ({
  request,
  caller,
  world,
  now: now(),
  omitsInternal: options.omitsInternal ?? false,
  hidden: options.hidden ?? 0,
})

const goodAnswer = async (state: State, visit: Visit): Promise<Answer> => {
  const { request, caller } = visit
  if (visit.refused) return visit.refused
  const hasLimits = state.options.rateHeaders !== false
  if (request.path === '/rate_limit') {
    if (!hasLimits) return refusal(404, 'Rate limiting is not enabled.')
    return state.limits.overview(caller.name, state.now())
  }
  if (request.path !== '/graphql') return restAnswer(callOf(state, visit), state.apps)
  if (caller.kind === 'app') return badCredentials()
  const rate = hasLimits ? state.limits.state(caller.name, 'graphql', state.now()) : undefined
  const { endsEarlyAt, heavy } = state.options
  const settings = { rate, cursors: state.cursors, endsEarlyAt }
  return weighed(await graphqlAnswer(callOf(state, visit), settings), heavy)
}

const nextFault = (state: State, entry: LoggedRequest): Fault | undefined => {
  const scripted = state.script.shift()
  if (scripted !== undefined) return scripted ?? undefined
  const { faults } = state.options
  return typeof faults === 'function' ? faults(entry, state.requests.length) : undefined
}

/** A caller that is told to wait stays so until the reset. */
const turnedAway = (state: State, { request, caller, resource }: Visit): Answer | undefined => {
  if (request.path === '/rate_limit') return undefined
  return state.limits.blocked(caller.name, resource, state.now())
}

const isExhausted = (state: State, { caller, resource, points }: Visit): boolean =>
  points > 0 && state.limits.exhausted(caller.name, resource, state.now())

const LIMIT_MESSAGE = 'API rate limit exceeded for this sandbox.'

const spendAllowance = (state: State, visit: Visit): Answer | undefined => {
  const { caller, resource, points } = visit
  if (!isExhausted(state, visit)) {
    if (points > 0) state.limits.count(caller.name, resource, state.now(), points)
    return undefined
  }
  const { reset } = state.limits.state(caller.name, resource, state.now())
  const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) }
  // GraphQL says 200, and why in its errors.
  const limited =
    resource === 'graphql'
      ? answer(200, { errors: [{ type: 'RATE_LIMITED', message: LIMIT_MESSAGE }] }, headers)
      : refusal(403, LIMIT_MESSAGE, headers)
  state.limits.block(caller.name, resource, reset * 1000, limited)
  return limited
}

const sentCursor = (body: string): unknown => {
  try {
    return (JSON.parse(body) as { variables?: { after?: unknown } }).variables?.after ?? null
  } catch {
    return null
  }
}

const answerVisit = async (state: State, visit: Visit, entry: LoggedRequest): Promise<Answer> => {
  const refused = turnedAway(state, visit)
  if (refused) return refused
  const overdrawn = spendAllowance(state, visit)
  if (overdrawn) return overdrawn
  const fault = nextFault(state, entry)
  if (!fault) return goodAnswer(state, visit)
  Object.assign(entry, { fault: fault.kind })
  const { caller, resource } = visit
  return faultAnswer(fault, {
    now: state.now(),
    after: sentCursor(visit.request.body),
    good: () => goodAnswer(state, visit),
    block: (what, until, limited) =>
      state.limits.block(caller.name, what === 'all' ? 'all' : resource, until, limited),
  })
}

const logEntry = (state: State, visit: Visit, path: string): LoggedRequest => ({
  at: state.now(),
  method: visit.request.method,
  path,
  authorized: visit.request.token !== undefined,
  caller: visit.caller.name,
  whileLimited: turnedAway(state, visit) !== undefined || isExhausted(state, visit),
  fault: undefined,
  status: undefined,
  body: visit.request.body,
})

/** What an answer tells of the allowance and of the token. */
const callerHeaders = (state: State, { caller, resource }: Visit): Record<string, string> => {
  const counts =
    state.options.rateHeaders === false
      ? {}
      : state.limits.headers(caller.name, resource, state.now())
  const scopes = caller.kind === 'account' ? caller.scopes : undefined
  if (scopes === undefined) return counts
  return { ...counts, 'x-oauth-scopes': scopes.join(', '), 'x-accepted-oauth-scopes': '' }
}

/** A 304 is free to whoever is known. */
const refundUnchanged = (state: State, { caller, resource, points }: Visit, sent: Answer): void => {
  if (sent.status !== 304 || caller.kind === 'anonymous') return
  state.limits.refund(caller.name, resource, state.now(), points)
}

/** Answers one request, and logs it first. */
export const handle = async (
  state: State,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  beforeAnswer: (entry: LoggedRequest, index: number) => void,
): Promise<void> => {
  const request = await readRequest(incoming)
  const entry = logEntry(state, visitOf(state, request), incoming.url ?? '/')
  const index = state.requests.push(entry) - 1
  beforeAnswer(entry, index)
  // Looked at again: what happened just now may have been to the token.
  const visit = visitOf(state, request)
  const sent = conditional(await answerVisit(state, visit, entry), incoming)
  refundUnchanged(state, visit, sent)
  const headers = callerHeaders(state, visit)
  if (state.options.latencyMs) {
    await new Promise((resolve) => setTimeout(resolve, state.options.latencyMs))
  }
  if (sent.delivery === 'whole' || sent.delivery === 'cut') entry.status = sent.status
  deliver(sent, incoming, outgoing, { headers, now: state.now() })
}

/**
 * One walk of a made-up GitHub by a whole Muster: a coordinator on a SQLite
 * file, the real client, a server that keeps the real API's semantics and
 * misbehaves on request. Time is a clock that both share, and that jumps
 * whenever the walk waits.
 */
import Database from 'better-sqlite3'
import { SimulatedClock } from 'xstate'
import {
  type LoggedRequest,
  type SandboxGitHub,
  type SandboxGitHubOptions,
  startSandboxGitHub,
} from '../../examples/sandbox/github.ts'
import { createMuster, MusterError, type Muster, type SessionState } from '../../src/index.ts'
import { quickDatabase } from '../support/temp.ts'

export const TOKEN = 'ghp_TheSecretOfTheScenarios0123456789ab'
export const START = Date.parse('2026-03-01T08:00:00Z')
export const STALL_MS = 120_000

export interface WalkParams {
  readonly sandbox: SandboxGitHubOptions
  /** The github part of the target; the base URL is added. */
  readonly github: Record<string, unknown>
  /** Beside the github part. */
  readonly target?: Record<string, unknown>
  readonly auth?: Record<string, unknown> | null
  /** Whose repositories are the truth. Default: `acme`. */
  readonly owners?: readonly string[]
  /** Runs before each request is answered. */
  readonly during?: (sandbox: SandboxGitHub, index: number, request: LoggedRequest) => void
  /** The process ends at these requests, counted from 0, and another takes its place. */
  readonly restartAt?: readonly number[]
  /** The request that gets no answer: the watchdog's time passes then. */
  readonly hangsAt?: number
  /** Runs between one session and the next; without it there is only one. */
  readonly between?: readonly ((sandbox: SandboxGitHub, clock: SimulatedClock) => void)[]
  /** Default: GitHub's own, at the root; `true`: an Enterprise Server's. */
  readonly enterprise?: boolean
  /** What counts as a repository of the place. Default: all. */
  readonly counts?: (repository: { readonly visibility?: string }) => boolean
}

/** What came of it, counted. */
export interface Walked {
  readonly session: SessionState
  readonly sessions: readonly SessionState[]
  readonly error: MusterError | null
  /** Repositories that were there from the first request of the last session to its last. */
  readonly expected: ReadonlySet<number>
  /** Those among them that have a task of the last session. */
  readonly found: number
  /** Tasks for what was never there. */
  readonly strangers: number
  /** Tasks for what another task is for, in the same session. */
  readonly duplicates: number
  readonly requestsWhileLimited: number
  /** By session. */
  readonly requests: readonly number[]
  readonly sandbox: SandboxGitHub
  readonly database: string
}

/** Keeps the account of what was there all the time. */
class Truth {
  readonly #owners: readonly string[]
  readonly #counts: NonNullable<WalkParams['counts']>
  throughout = new Set<number>()
  readonly ever = new Set<number>()

  constructor({ owners = ['acme'], counts = () => true }: WalkParams) {
    this.#owners = owners
    this.#counts = counts
  }

  #now(sandbox: SandboxGitHub): Set<number> {
    const rows = this.#owners.flatMap((login) => sandbox.repositories(login))
    return new Set(rows.filter(this.#counts).map((row) => row.id))
  }

  begin(sandbox: SandboxGitHub): void {
    this.throughout = this.#now(sandbox)
    this.look(sandbox)
  }

  look(sandbox: SandboxGitHub): void {
    const now = this.#now(sandbox)
    for (const id of now) this.ever.add(id)
    this.throughout = this.throughout.intersection(now)
  }
}

/** What of the walk waits is over at once. */
function jumpOverWaits(muster: Muster, clock: SimulatedClock): void {
  muster.bus.subscribe('enumerator.changed', ({ state, until }) => {
    if (state === 'holding') return
    const ms = until === null ? 60_000 : Math.max(1, until - clock.now())
    setImmediate(() => clock.increment(ms))
  })
}

const openMuster = async (
  database: string,
  clock: SimulatedClock,
  { auth = { type: 'github', config: { token: TOKEN } } }: WalkParams,
): Promise<Muster> => {
  const muster = await createMuster({
    database,
    clock,
    stallMs: STALL_MS,
    ...(auth === null ? {} : { auth: { gh: auth as never } }),
  })
  jumpOverWaits(muster, clock)
  return muster
}

/** Follows one session to its end, through as many processes as it takes. */
async function follow(
  open: () => Promise<Muster>,
  target: object,
  onMuster: (muster: Muster) => void,
): Promise<{ session: SessionState; error: MusterError | null }> {
  for (;;) {
    const muster = await open()
    onMuster(muster)
    const run = muster.coordinator.enumerateTarget(target)
    const outcome = await run.done.then(
      (session) => ({ session, error: null }),
      async (error: MusterError) => ({
        session: (await muster.repositories.sessions.load(run.sessionId)) as SessionState,
        error,
      }),
    )
    await muster.close()
    const { session, error } = outcome
    if (error !== null || session.timeline.completedAt !== null) return outcome
  }
}

interface TaskRow {
  readonly key: string
}

function countTasks(database: string, sessionId: string, truth: Truth) {
  const db = new Database(database, { readonly: true })
  try {
    const rows = db
      .prepare(
        `select resources.key from tasks join resources on resources.id = tasks.target
         join sessions on sessions.id = tasks.session where sessions.session_id = ?`,
      )
      .all(sessionId) as TaskRow[]
    const ids = rows.map(({ key }) => Number(key.split('#').at(-1)))
    const distinct = new Set(ids)
    return {
      found: distinct.intersection(truth.throughout).size,
      strangers: distinct.difference(truth.ever).size,
      duplicates: ids.length - distinct.size,
    }
  } finally {
    db.close()
  }
}

/** Walks, and counts what came of it against what the server knows to be true. Close its sandbox afterwards. */
export async function walkThrough(params: WalkParams): Promise<Walked> {
  const clock = new SimulatedClock()
  clock.set(START)
  const database = quickDatabase()
  const truth = new Truth(params)
  const restarts = [...(params.restartAt ?? [])]
  let muster: Muster | undefined
  const sandbox = await startSandboxGitHub({
    ...params.sandbox,
    clock,
    onRequest(request, index, itself) {
      // A second of its own for each request, so that moments can be told apart.
      clock.increment(1_000)
      params.during?.(itself, index, request)
      if (index === params.hangsAt) setTimeout(() => clock.increment(STALL_MS), 20)
      truth.look(itself)
      if (restarts[0] === index) {
        restarts.shift()
        void muster?.close()
      }
    },
  })
  const base = params.enterprise === true ? sandbox.enterpriseUrl : sandbox.url
  const target = {
    name: 'acme',
    sourceType: 'github',
    ...(params.auth === null ? {} : { authRef: 'gh' }),
    github: { baseUrl: base, ...params.github },
    ...params.target,
  }
  const sessions: SessionState[] = []
  const requests: number[] = []
  let error: MusterError | null = null
  for (const [at, prepare] of [undefined, ...(params.between ?? [])].entries()) {
    prepare?.(sandbox, clock)
    const before = at === 0 ? 0 : sandbox.requests.length
    truth.begin(sandbox)
    const outcome = await follow(
      () => openMuster(database, clock, params),
      target,
      (opened) => {
        muster = opened
      },
    )
    sessions.push(outcome.session)
    error = outcome.error
    requests.push(sandbox.requests.length - before)
  }
  const session = sessions.at(-1) as SessionState
  return {
    session,
    sessions,
    error,
    expected: truth.throughout,
    ...countTasks(database, session.sessionId, truth),
    requestsWhileLimited: sandbox.requestsWhileLimited,
    requests,
    sandbox,
    database,
  }
}

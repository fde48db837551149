import type { TimeProvider } from '../domain/clock.ts'
import { errorRecord, RetryLaterError } from '../domain/errors.ts'
import { isActive, targetKeyOf, type TargetConfig } from '../domain/session-state.ts'
import type { SessionStatus } from '../../machines/index.ts'
import type { AnySource, PlanContext, SourcePlan } from '../sources/source.ts'
import { estimate, type Work } from './estimate.ts'
import type { CredentialWait, History, PastSession } from './history.ts'
import type { LastWalk, PlannedAction, TargetPlan } from './types.ts'

/** What planning needs. */
export interface PlanDeps {
  readonly sources: ReadonlyMap<string, AnySource>
  readonly credentials: {
    resolve: (
      target: TargetConfig,
      options?: { readonly renew?: boolean },
    ) => ReturnType<PlanContext['credentials']>
    mask(text: string): string
  }
  readonly clock: TimeProvider
  readonly history: History
  /** Waits that are not over. */
  readonly waits: readonly CredentialWait[]
  /** For how long a source is waited for; milliseconds. */
  readonly patienceMs: number
  /** Aborts when the plan is no longer wanted. */
  readonly signal?: AbortSignal | undefined
}

/** A plan of a target together with what the sum of all of them is made of. */
export interface Planned {
  readonly plan: TargetPlan
  /** Null where it is not known, or nothing is to be done. */
  readonly work: Work | null
}

/** An answer that nobody measured. Said of the time, never of a limit. */
const TYPICAL_ANSWER_MS = 300

/** Sources whose limits are those of hosts, and not of a credential. */
const LIMITED_BY_HOST = new Set(['url'])

/** The session that a run would go on with. */
const activeOf = (sessions: readonly PastSession[]): PastSession | undefined =>
  sessions.find(({ status }) => isActive(status as SessionStatus))

function actionFor(
  sessions: readonly PastSession[],
  now: number,
): { readonly action: PlannedAction; readonly session: PastSession | null } {
  const session = activeOf(sessions)
  const [newest] = sessions
  if (session === undefined) {
    const isDone = newest?.isOfOpenRound === true
    return isDone ? { action: 'done', session: newest } : { action: 'start', session: null }
  }
  const until = session.waiting?.until?.getTime()
  if (session.asked === 'cancel') return { action: 'cancel', session }
  if (session.asked === 'pause') return { action: 'paused', session }
  if (session.isWalked) return { action: 'walked', session }
  return { action: until !== undefined && until > now ? 'wait' : 'continue', session }
}

/** Actions that walk on, so that the source is worth asking. */
const WALKING: ReadonlySet<PlannedAction> = new Set(['start', 'continue', 'wait'])

function lastWalkOf(sessions: readonly PastSession[]): LastWalk | null {
  const last = sessions.find(({ status }) => !isActive(status as SessionStatus))
  if (last === undefined) return null
  const { comparison } = last
  return {
    sessionId: last.sessionId,
    status: last.status,
    completeness: last.completeness,
    endedAt: last.endedAt ?? last.startedAt,
    items: last.itemsFound,
    failed: last.itemsFailed,
    comparison: comparison && {
      new: comparison.new,
      changed: comparison.changed,
      missing: comparison.missing,
    },
  }
}

/** A wait of the same credential, which holds for this target too. */
function waitFor(
  config: TargetConfig,
  waits: readonly CredentialWait[],
): CredentialWait | undefined {
  const { sourceType, authRef, name } = config
  const sharing = waits.filter((wait) => {
    if (wait.sourceType !== sourceType) return false
    return LIMITED_BY_HOST.has(sourceType) ? wait.targetName === name : wait.authRef === authRef
  })
  return sharing.toSorted((a, b) => b.until.getTime() - a.until.getTime())[0]
}

/** What came of asking a source. */
interface Told {
  readonly told: SourcePlan | null
  readonly notAsked: string | null
  /** Nothing is sent before then. */
  readonly notBefore: number
  /** Requests that were sent. */
  readonly asked: number
  readonly problem: TargetPlan['problem']
}

const silent = (notAsked: string | null, notBefore = 0, asked = 0): Told => ({
  told: null,
  notAsked,
  notBefore,
  asked,
  problem: null,
})

async function ask(config: TargetConfig, deps: PlanDeps): Promise<Told> {
  const source = deps.sources.get(config.sourceType)
  const wait = waitFor(config, deps.waits)
  if (wait !== undefined) {
    const of = wait.targetName === config.name ? '' : ` (as target "${wait.targetName}" was told)`
    const reason = `its credential waits until ${wait.until.toISOString()}${of}: ${wait.reason}`
    return silent(reason, wait.until.getTime())
  }
  if (source?.plan === undefined) return silent(null)
  const { clock, credentials, patienceMs, signal } = deps
  const timeout = AbortSignal.timeout(patienceMs)
  let asked = 0
  const context: PlanContext = {
    noteRequest: () => {
      asked += 1
    },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    clock,
    authRef: config.authRef,
    credentials: (options) => credentials.resolve(config, options),
  }
  try {
    const told = await source.plan(config.spec as never, context)
    return { told, notAsked: null, notBefore: 0, asked, problem: null }
  } catch (thrown) {
    deps.signal?.throwIfAborted()
    if (thrown instanceof RetryLaterError) {
      return silent(credentials.mask(thrown.message), thrown.retryAt, asked)
    }
    const record = timeout.aborted
      ? { ...errorRecord(thrown), message: `no answer within ${patienceMs / 1000} s` }
      : errorRecord(thrown)
    const problem = { ...record, message: credentials.mask(record.message) }
    return { told: null, notAsked: null, notBefore: 0, asked, problem }
  }
}

/** What is expected of the whole listing, and where the number is from. */
function expected(
  told: SourcePlan | null,
  sessions: readonly PastSession[],
): Pick<TargetPlan, 'items' | 'itemsFrom'> {
  if (told?.items != null) return { items: told.items, itemsFrom: told.itemsFrom }
  const last = sessions.find((one) => one.endedAt !== null && one.itemsFound > 0)
  const counted = activeOf(sessions)?.total ?? last?.itemsFound ?? null
  return { items: counted, itemsFrom: counted === null ? null : 'last session' }
}

/** Pages of a whole walk, as the last one took, or the one that is under way; null without either. */
function pastPages(items: number | null, sessions: readonly PastSession[]): number | null {
  const last = sessions.find(({ endedAt, pages }) => endedAt !== null && pages > 0)
  if (last !== undefined) return last.pages
  const begun = activeOf(sessions)
  if (items === null || begun === undefined || begun.itemsFound === 0) return null
  return Math.ceil((items * begun.pages) / begun.itemsFound)
}

/** Requests of a whole walk: as the source says, by its pages, or as the last session took. */
function requestsOf(
  told: SourcePlan | null,
  items: number | null,
  sessions: readonly PastSession[],
): number | null {
  if (told?.requests != null) return told.requests
  const perRequest = told?.itemsPerRequest ?? null
  const pages = pastPages(items, sessions)
  if (items === null || perRequest === null) return pages
  const least = Math.max(1, Math.ceil(items / perRequest))
  // Where the source does not count, its pages may have been less than full.
  return told?.items == null && pages !== null ? Math.max(least, pages) : least
}

/** How long a request took in the last session, waits and all; null without one. */
function pastRequestMs(sessions: readonly PastSession[]): number | null {
  const last = sessions.find(({ endedAt, pages }) => endedAt !== null && pages > 0)
  if (last?.endedAt == null) return null
  return (last.endedAt.getTime() - last.startedAt.getTime()) / last.pages
}

function workOf(
  told: SourcePlan | null,
  requests: number | null,
  sessions: readonly PastSession[],
): Work | null {
  if (requests === null) return null
  return {
    requests,
    requestMs: told?.requestMs ?? pastRequestMs(sessions) ?? TYPICAL_ANSWER_MS,
    concurrency: told?.concurrency ?? 1,
    atLeastMs: told?.atLeastMs ?? 0,
    limits: told?.limits ?? [],
  }
}

const sessionPart = (session: PastSession | null): TargetPlan['session'] =>
  session && {
    sessionId: session.sessionId,
    pages: session.pages,
    items: session.itemsFound,
    reason: session.waiting?.reason ?? null,
    until: session.waiting?.until ?? null,
  }

/** The share of a walk that is still to come; one page at the least, which says that there is no more. */
function left(
  whole: number | null,
  session: PastSession | null,
  items: number | null,
): number | null {
  if (whole === null || session === null || items === null || items === 0) return whole
  const share = Math.max(0, 1 - session.itemsFound / items)
  return Math.max(Math.min(whole, 1), Math.ceil(whole * share))
}

/** Plans one target. It throws where the history cannot be read or the plan is no longer wanted, and for nothing else. */
export async function planTarget(config: TargetConfig, deps: PlanDeps): Promise<Planned> {
  const now = deps.clock.now()
  const sessions = await deps.history.sessionsOf(targetKeyOf(config))
  const { action, session } = actionFor(sessions, now)
  const isWalking = WALKING.has(action)
  const { told, notAsked, notBefore, asked, problem } = isWalking
    ? await ask(config, deps)
    : silent(null)
  const { items, itemsFrom } = expected(told, sessions)
  const resumed = action === 'start' ? null : session
  const requests = isWalking ? left(requestsOf(told, items, sessions), resumed, items) : 0
  const work = problem === null && isWalking ? workOf(told, requests, sessions) : null
  const begins = Math.max(
    now,
    notBefore,
    action === 'wait' ? (session?.waiting?.until?.getTime() ?? 0) : 0,
  )
  const time = work && estimate(work, begins)
  const plan: TargetPlan = {
    name: config.name,
    sourceType: config.sourceType,
    authRef: config.authRef,
    action,
    session: sessionPart(session),
    items,
    itemsFrom,
    itemsLeft: isWalking
      ? items === null
        ? null
        : Math.max(0, items - (resumed?.itemsFound ?? 0))
      : 0,
    requests: problem === null ? requests : null,
    durationMs: isWalking ? time && begins - now + time.durationMs : 0,
    bottleneck:
      time && (begins > now && begins - now > time.durationMs ? 'limit' : time.bottleneck),
    limits: told?.limits ?? [],
    last: lastWalkOf(sessions),
    unseen: told?.unseen ?? [],
    notes: told?.notes ?? [],
    notAsked,
    asked,
    problem,
  }
  return { plan, work }
}

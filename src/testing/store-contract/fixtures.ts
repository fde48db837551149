import type { Position } from '../../../machines/index.ts'
import { batchId, newId } from '../../domain/identity.ts'
import type { Batch } from '../../domain/batch.ts'
import type { Job } from '../../domain/job.ts'
import type { JsonRecord, JsonValue } from '../../domain/json.ts'
import type { SessionState } from '../../domain/session-state.ts'
import type { Identity } from '../../sources/source.ts'
import type { CommitPage, CommitSession, Fence, Store } from '../../store/store.ts'
import { collect } from '../checks.ts'
import { T0 } from './cases.ts'

export { T0 }

export const OWNER = 'host/1/aaaaaaaa'
export const OTHER_OWNER = 'host/2/bbbbbbbb'
export const LEASE_MS = 30_000

export const sessionNamed = (
  targetName: string,
  overrides: Partial<SessionState> = {},
): SessionState => ({
  sessionId: newId(),
  jobId: newId(),
  targetName,
  sourceType: 'github',
  status: 'INITIALIZED',
  failureReason: null,
  completeness: 'UNKNOWN',
  shortfalls: [],
  total: null,
  comparison: null,
  waiting: null,
  asked: null,
  lastCheckpoint: null,
  position: { at: 'start' },
  timeline: { startedAt: new Date(T0), lastUpdate: new Date(T0), completedAt: null },
  metrics: {
    totalBatches: 0,
    failedBatches: 0,
    itemsFound: 0,
    itemsProcessed: 0,
    itemsSkipped: 0,
    itemsFailed: 0,
  },
  config: { name: targetName, sourceType: 'github', authRef: 'ci', spec: { org: targetName } },
  ...overrides,
})

export const jobOf = (session: SessionState): Job => ({
  jobId: session.jobId,
  name: session.targetName,
  createdAt: session.timeline.startedAt,
})

/** A checkpoint as the walk stores it, as far as the store looks into it. */
export const checkpointOf = (session: SessionState): JsonRecord => ({
  v: 1,
  machine: 'session',
  snapshot: { value: session.status, context: { position: session.position as JsonValue } },
  // A later version may keep more than this one knows of.
  more: { of: [session.status, null, 'ö'] },
})

/** Stores a session under its target's name as key. */
export async function put(into: Store, session: SessionState): Promise<SessionState> {
  await into.createSession({
    session,
    targetKey: session.targetName,
    job: jobOf(session),
    checkpoint: checkpointOf(session),
  })
  return session
}

export const identity = (key: string, overrides: Partial<Identity> = {}): Identity => ({
  key,
  uri: `https://github.example/${key}`,
  name: key,
  ...overrides,
})

export const identities = (prefix: string, count: number): Identity[] =>
  Array.from({ length: count }, (_, i) => identity(`${prefix}-${i}`))

export interface PageOf {
  readonly kept?: readonly Identity[]
  readonly skipped?: readonly Identity[]
  readonly sighted?: CommitPage['sighted']
  readonly delivering?: boolean
  readonly rejected?: CommitPage['rejected']
  readonly retriedItems?: readonly number[]
  /** What the session becomes with this page. */
  readonly session?: Partial<SessionState>
  readonly batch?: Partial<Batch>
  readonly fence?: Partial<Fence>
  readonly at?: number
}

/**
 * One process's walk of one session, as the store sees it: it keeps the revision
 * and numbers the batches, and leaves the rest to the case.
 */
export class TestWalk {
  readonly #store: Store
  readonly owner: string
  state: SessionState
  revision: number
  batches: number

  private constructor(into: Store, owner: string, state: SessionState, revision: number) {
    this.#store = into
    this.owner = owner
    this.state = state
    this.revision = revision
    this.batches = state.metrics.totalBatches
  }

  /** Stores a session and claims it. */
  static async begin(into: Store, session: SessionState | string): Promise<TestWalk> {
    const stored = await put(into, typeof session === 'string' ? sessionNamed(session) : session)
    return TestWalk.claim(into, stored.sessionId)
  }

  static async claim(into: Store, sessionId: string, owner = OWNER): Promise<TestWalk> {
    const { state, revision } = await into.claimSession({
      sessionId,
      owner,
      leaseMs: LEASE_MS,
      isGone: () => true,
    })
    return new TestWalk(into, owner, state, revision)
  }

  get sessionId(): string {
    return this.state.sessionId
  }

  fence(overrides: Partial<Fence> = {}): Fence {
    return {
      sessionId: this.sessionId,
      owner: this.owner,
      revision: this.revision,
      leaseMs: LEASE_MS,
      ...overrides,
    }
  }

  /** What `page` and `advance` would commit. */
  params(page: PageOf = {}): CommitPage {
    const { kept = [], skipped = [], rejected = [], retriedItems = [], at = T0 } = page
    const position: Position = { at: 'after', cursor: this.batches + 1 }
    const session: SessionState = {
      ...this.state,
      status: 'IN_PROGRESS',
      position,
      metrics: { ...this.state.metrics, totalBatches: this.batches + 1 },
      ...page.session,
    }
    const moment = new Date(at)
    return {
      fence: this.fence(page.fence),
      session,
      checkpoint: checkpointOf(session),
      batch: {
        batchId: batchId(this.sessionId, this.batches + 1),
        sessionId: this.sessionId,
        number: this.batches + 1,
        status: rejected.length === 0 ? 'SUCCEEDED' : 'PARTIALLY_COMPLETED',
        position,
        timeline: { startedAt: moment, lastUpdate: moment, completedAt: moment },
        metrics: {
          expectedItems: kept.length + skipped.length + rejected.length,
          itemsProcessed: kept.length,
          itemsSkipped: skipped.length,
          itemsFailed: rejected.length,
          errorDetails: rejected[0]?.reason ?? null,
        },
        ...page.batch,
      },
      kept,
      skipped,
      rejected,
      retriedItems,
      ...(page.sighted && { sighted: page.sighted }),
      ...(page.delivering && { delivering: page.delivering }),
      at,
    }
  }

  /** Commits a page. @returns how many tasks it made */
  async page(page: PageOf = {}): Promise<number> {
    const params = this.params(page)
    const { tasksCreated } = await this.#store.commitPage(params)
    this.#took(params)
    this.batches += 1
    return tasksCreated
  }

  /** Commits a change of the session that no page belongs to. */
  async advance(
    change: Partial<SessionState>,
    also: Pick<CommitSession, 'batch' | 'missing'> = {},
  ): Promise<void> {
    const session = { ...this.state, ...change }
    const params = { fence: this.fence(), session, checkpoint: checkpointOf(session), ...also }
    await this.#store.commitSession(params)
    this.#took(params)
    if (also.batch !== undefined) this.batches += 1
  }

  #took({ session }: CommitSession): void {
    this.state = session
    this.revision += 1
  }
}

/** Everything that can be read through the store, for comparing before and after. */
export async function everythingIn(from: Store): Promise<unknown> {
  const r = from.repositories
  const sessions = await r.sessions.list(10_000)
  const tasks = await collect(r.tasks.stream())
  const ofSession = async ({ sessionId, jobId }: SessionState) => ({
    batches: await r.batches.findBySessionId(sessionId),
    checkpoint: await r.checkpoints.load(sessionId),
    failedItems: await r.failedItems.find({ sessionId, after: 0, limit: 10_000 }),
    outstanding: await from.takeTasks({ sessionId, after: 0, limit: 10_000 }),
    job: await r.jobs.getById(jobId),
    associated: await r.jobs.countTargets(jobId),
  })
  return {
    sessions,
    perSession: await Promise.all(sessions.map(ofSession)),
    tasks,
    progress: await Promise.all(tasks.map((task) => r.tasks.progress(task.taskId))),
    scanTargets: await r.scanTargets.list(10_000, 0),
    githubRepos: await r.githubRepos.list(10_000, 0),
    s3Objects: await r.s3Objects.list(10_000, 0),
    rules: await r.rules.list(),
    unfinished: await from.findUnfinished(),
  }
}

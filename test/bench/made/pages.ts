import { batchId, newId } from '../../../src/domain/identity.ts'
import { targetKeyOf } from '../../../src/domain/session-state.ts'
import {
  openStore,
  type CommitPage,
  type Identity,
  type SessionState,
  type Store,
} from '../../../src/index.ts'

/** When the session began; a fixed moment, so that two databases can be compared row by row. */
const AT = Date.UTC(2031, 4, 6)
const OWNER = 'bench'
const LEASE_MS = 86_400_000

/** The clock of stores that write them: a lease is as old as its session. */
export const MADE_AT = { now: () => AT }

/** A session that nobody has walked yet. */
function newSession(): SessionState {
  const moment = new Date(AT)
  return {
    sessionId: newId(),
    jobId: newId(),
    targetName: 'acme-industries',
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
    timeline: { startedAt: moment, lastUpdate: moment, completedAt: null },
    metrics: {
      totalBatches: 0,
      failedBatches: 0,
      itemsFound: 0,
      itemsProcessed: 0,
      itemsSkipped: 0,
      itemsFailed: 0,
    },
    config: {
      name: 'acme-industries',
      sourceType: 'github',
      authRef: 'ci',
      spec: { org: 'acme-industries' },
    },
  }
}

const checkpointOf = (session: SessionState) => ({
  v: 2,
  machine: 'session',
  snapshot: {
    status: 'active',
    value: session.status,
    context: { position: { at: 'after', cursor: session.metrics.totalBatches } },
  },
})

/** Puts a session into a store that is claimed and has no page yet. @returns the session, and its revision */
export async function claimedIn(store: Store) {
  const session = newSession()
  await store.createSession({
    session,
    targetKey: targetKeyOf(session.config),
    job: { jobId: session.jobId, name: session.targetName, createdAt: new Date(AT) },
    checkpoint: checkpointOf(session),
  })
  const { revision } = await store.claimSession({
    sessionId: session.sessionId,
    owner: OWNER,
    leaseMs: LEASE_MS,
    isGone: () => true,
  })
  return { session, revision }
}

/** Makes a database with one such session. */
export async function claimedDatabase(path: string) {
  const store = await openStore({ path, clock: MADE_AT })
  const claimed = await claimedIn(store)
  await store.close()
  return claimed
}

/** What a walk would commit, page by page, made before any clock starts. */
export function commitsOf(
  { session, revision }: { readonly session: SessionState; readonly revision: number },
  pages: readonly (readonly Identity[])[],
): CommitPage[] {
  let items = 0
  return pages.map((kept, index) => {
    items += kept.length
    const number = index + 1
    const at = AT + number
    const moment = new Date(at)
    const after: SessionState = {
      ...session,
      status: 'IN_PROGRESS',
      position: { at: 'after', cursor: number },
      timeline: { ...session.timeline, lastUpdate: moment },
      metrics: {
        ...session.metrics,
        totalBatches: number,
        itemsFound: items,
        itemsProcessed: items,
      },
    }
    return {
      fence: {
        sessionId: session.sessionId,
        owner: OWNER,
        revision: revision + index,
        leaseMs: LEASE_MS,
      },
      session: after,
      checkpoint: checkpointOf(after),
      batch: {
        batchId: batchId(session.sessionId, number),
        sessionId: session.sessionId,
        number,
        status: 'SUCCEEDED',
        position: { at: 'after', cursor: number },
        timeline: { startedAt: moment, lastUpdate: moment, completedAt: moment },
        metrics: {
          expectedItems: kept.length,
          itemsProcessed: kept.length,
          itemsSkipped: 0,
          itemsFailed: 0,
          errorDetails: null,
        },
      },
      kept,
      skipped: [],
      sighted: { onlyChanged: false },
      rejected: [],
      retriedItems: [],
      at,
    }
  })
}

import type { SessionSummary, Store } from '../store/store.ts'
import type { History, PastSession } from './history.ts'

/** Sessions of a target that are looked at, and sessions that wait: of more, those that wait longest are not told of. */
const MOST_SESSIONS = 20
const MOST_WAITS = 1_000

const pastSession = (summary: SessionSummary, ofRound: ReadonlySet<string>): PastSession => ({
  sessionId: summary.sessionId,
  targetName: summary.targetName,
  sourceType: summary.sourceType,
  authRef: summary.config.authRef,
  status: summary.status,
  failureReason: summary.failureReason,
  completeness: summary.completeness,
  asked: summary.asked,
  waiting: summary.waiting,
  isWalked: summary.walkedBy !== null,
  isOfOpenRound: ofRound.has(summary.sessionId),
  startedAt: summary.timeline.startedAt,
  endedAt: summary.timeline.completedAt,
  pages: summary.metrics.totalBatches,
  itemsFound: summary.metrics.itemsFound,
  itemsFailed: summary.metrics.itemsFailed,
  total: summary.total,
  comparison: summary.comparison,
})

/** The sessions of the round that is not over. */
async function openRoundOf(store: Store): Promise<ReadonlySet<string>> {
  const round = await store.lastRound()
  if (round?.isOpen !== true) return new Set()
  const sessions = await store.sessionsOfRound(round.roundId)
  return new Set(sessions.map(({ sessionId }) => sessionId))
}

/** The history of a store that is open already; it stays open. */
export async function historyOf(store: Store): Promise<History> {
  const { reports } = store.repositories
  const ofRound = await openRoundOf(store)
  return {
    note: null,
    async sessionsOf(targetKey) {
      const { rows } = await reports.sessions({ targetKey, limit: MOST_SESSIONS })
      return rows.map((row) => pastSession(row, ofRound))
    },
    async waits() {
      const { rows } = await reports.sessions({ group: 'waiting', limit: MOST_WAITS })
      return rows.flatMap(({ waiting, config, sourceType, targetName }) =>
        waiting?.until == null
          ? []
          : [
              {
                authRef: config.authRef,
                sourceType,
                targetName,
                reason: waiting.reason,
                until: waiting.until,
              },
            ],
      )
    },
    close: async () => {},
  }
}

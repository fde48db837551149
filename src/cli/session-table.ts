import type { SessionState } from '../domain/session-state.ts'
import { table, type Cell } from './output.ts'

/** The columns of `muster status`, which programs read by name. */
const SESSION_COLUMNS = [
  'session_id',
  'target',
  'source_type',
  'status',
  'completeness',
  'items_found',
  'items_processed',
  'items_failed',
  'total_batches',
  'failed_batches',
  'started_at',
  'completed_at',
  'failure_reason',
] as const

/** And those that a table leaves out where no session has anything in them. */
const MORE_COLUMNS = [
  'items_skipped',
  'items_new',
  'items_changed',
  'items_unchanged',
  'items_missing',
  'shortfalls',
  'waiting_until',
  'waiting_for',
  'asked',
] as const

/** A session, with or without its checkpoint. */
export type ShownSession = Omit<SessionState, 'lastCheckpoint' | 'position'>

type Column = (typeof SESSION_COLUMNS)[number] | (typeof MORE_COLUMNS)[number]

const cells = (s: ShownSession): Record<Exclude<Column, 'shortfalls'>, Cell> => ({
  session_id: s.sessionId,
  target: s.targetName,
  source_type: s.sourceType,
  status: s.status,
  completeness: s.completeness,
  items_found: s.metrics.itemsFound,
  items_processed: s.metrics.itemsProcessed,
  items_failed: s.metrics.itemsFailed,
  total_batches: s.metrics.totalBatches,
  failed_batches: s.metrics.failedBatches,
  started_at: s.timeline.startedAt.toISOString(),
  completed_at: s.timeline.completedAt?.toISOString() ?? null,
  failure_reason: s.failureReason,
  items_skipped: s.metrics.itemsSkipped,
  items_new: s.comparison?.new ?? null,
  items_changed: s.comparison?.changed ?? null,
  items_unchanged: s.comparison?.unchanged ?? null,
  items_missing: s.comparison?.missing ?? null,
  waiting_until: waitOf(s)?.until?.toISOString() ?? null,
  waiting_for: waitOf(s)?.reason ?? null,
  asked: s.asked,
})

/** What a session waits for now; a time that has passed is what it waited for before its last attempts. */
const waitOf = ({ waiting }: ShownSession): SessionState['waiting'] =>
  waiting?.until != null && waiting.until.getTime() <= Date.now() ? null : waiting

/** In a table the words must do; the sentences are in the JSON. */
const codesOf = ({ shortfalls }: ShownSession): Cell =>
  [...new Set(shortfalls.map(({ code }) => code))].join(',') || null

/** Sessions as the tool prints them: a table, or JSON with every column. */
export function sessionData(sessions: readonly ShownSession[], json: boolean): string {
  if (json) {
    const rows = sessions.map((s) => {
      const row: Record<Column, unknown> = { ...cells(s), shortfalls: s.shortfalls }
      return Object.fromEntries([...SESSION_COLUMNS, ...MORE_COLUMNS].map((c) => [c, row[c]]))
    })
    return `${JSON.stringify(rows, null, 2)}\n`
  }
  const rows = sessions.map((s) => ({ ...cells(s), shortfalls: codesOf(s) }))
  const more = MORE_COLUMNS.filter((column) => rows.some((row) => Boolean(row[column])))
  const columns = [...SESSION_COLUMNS, ...more]
  return table(
    columns,
    rows.map((row) => columns.map((column) => row[column])),
  )
}

import type { Completeness, Comparison } from '../domain/session-state.ts'
import type { Ask } from '../domain/steering.ts'
import type { CredentialWait, PastSession } from '../planning/history.ts'

/** A row of whichever version of the tables: columns that it has not are read as nothing. */
export type AnyRow = Readonly<Record<string, unknown>>

const number = (value: unknown): number | null => (typeof value === 'number' ? value : null)
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const date = (value: unknown): Date | null => (typeof value === 'number' ? new Date(value) : null)

/** JSON that cannot be read is as good as none: a plan must not fail for it. */
function json(value: unknown): unknown {
  try {
    return typeof value === 'string' ? (JSON.parse(value) as unknown) : null
  } catch {
    return null
  }
}

/** Before there was a column for it, the name of the credential stood in the config alone. */
const authRefOf = (row: AnyRow): string | null => {
  const config = json(row['config']) as { authRef?: unknown } | null
  return text(config?.authRef)
}

/** The sessions of a round that is not over. */
export interface OpenRoundRow {
  /** Sessions of a greater id were begun in it. */
  readonly after: number
  /** Those that it found unfinished. */
  readonly resumed: ReadonlySet<string>
}

export function openRoundOf(row: AnyRow | undefined): OpenRoundRow | null {
  if (row === undefined) return null
  const resumed = json(row['resumed'])
  return {
    after: number(row['after_session']) ?? Number.POSITIVE_INFINITY,
    resumed: new Set(Array.isArray(resumed) ? resumed.map(String) : []),
  }
}

export function pastSessionOf(row: AnyRow, round: OpenRoundRow | null, now: number): PastSession {
  const reason = text(row['waiting_reason'])
  const sessionId = String(row['session_id'])
  const id = number(row['id']) ?? 0
  return {
    sessionId,
    targetName: String(row['target_name']),
    sourceType: String(row['source_type']),
    authRef: authRefOf(row),
    status: String(row['status']),
    failureReason: text(row['failure_reason']),
    completeness: (text(row['completeness']) ?? 'UNKNOWN') as Completeness,
    asked: text(row['asked']) as Ask | null,
    waiting: reason === null ? null : { reason, until: date(row['waiting_until']) },
    isWalked: row['lease_owner'] !== null && (number(row['lease_until']) ?? 0) > now,
    isOfOpenRound: round !== null && (id > round.after || round.resumed.has(sessionId)),
    startedAt: date(row['started_at']) ?? new Date(0),
    endedAt: date(row['completed_at']),
    pages: number(row['total_batches']) ?? 0,
    itemsFound: number(row['items_found']) ?? 0,
    itemsFailed: number(row['items_failed']) ?? 0,
    total: number(row['total']),
    comparison: json(row['comparison']) as Comparison | null,
  }
}

export function waitOf(row: AnyRow): CredentialWait {
  return {
    authRef: authRefOf(row),
    sourceType: String(row['source_type']),
    targetName: String(row['target_name']),
    reason: text(row['waiting_reason']) ?? '',
    until: date(row['waiting_until']) ?? new Date(0),
  }
}

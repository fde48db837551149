import type { TimeProvider } from '../domain/clock.ts'
import type { History } from '../planning/history.ts'
import { type AnyRow, openRoundOf, pastSessionOf, waitOf } from './past-rows.ts'

/** Sessions of a target that are looked at: the one to go on with, and the last that ended. */
const MOST_SESSIONS = 20

/** Runs a query with `?` for its parameters. */
export type Read = (sql: string, parameters?: readonly (string | number)[]) => Promise<AnyRow[]>

const OPEN_ROUND = 'select * from rounds where completed_at is null order by id desc limit 1'
const SESSIONS = `select * from sessions where target_key = ? order by id desc limit ${MOST_SESSIONS}`
const WAITS = `select config, source_type, target_name, waiting_reason, waiting_until from sessions
  where status in ('INITIALIZED', 'IN_PROGRESS', 'STALLED') and waiting_until > ?`

/** The history in a database of any version that this Muster knows. */
export function historyFrom(
  read: Read,
  given: {
    readonly version: number
    readonly latest: number
    /** Whether sessions tell what they wait for. */
    readonly tellsWaits: boolean
    readonly clock: TimeProvider
    close(): Promise<void>
  },
): History {
  const { version, latest, tellsWaits, clock } = given
  const older = `the database has tables of version ${version}, and this Muster makes ${latest}: it was read as it is`
  return {
    note: version < latest ? older : null,
    async sessionsOf(targetKey) {
      const [open] = await read(OPEN_ROUND)
      const round = openRoundOf(open)
      const rows = await read(SESSIONS, [targetKey])
      return rows.map((row) => pastSessionOf(row, round, clock.now()))
    },
    async waits() {
      if (!tellsWaits) return []
      return (await read(WAITS, [clock.now()])).map(waitOf)
    },
    close: given.close,
  }
}

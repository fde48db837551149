import Database from 'better-sqlite3'
import { applyPragmas, type Pragmas } from './pragmas.ts'

const WINDOW = 500

/** What a host is handed of a task: its own columns and the public names of what it points at. */
const READ = `select t.seq, t.task_id, s.session_id, j.job_id, r.scan_target_id, r.target_type, t.uri, t.metadata
  from tasks t join sessions s on s.id = t.session join jobs j on j.id = s.job
  join scan_targets r on r.target_id = t.target
  where t.session = ? and t.acknowledged_at is null and t.seq > ? order by t.seq limit ${WINDOW}`

const ACKNOWLEDGE =
  'update tasks set acknowledged_at = ? where seq between ? and ? and acknowledged_at is null'

/**
 * The limit of delivery: reads the outstanding tasks of a database's one
 * session in windows and marks each window in a transaction.
 *
 * @returns how many there were, and the milliseconds that it took
 */
export function deliverRaw(path: string, pragmas: Pragmas): { taken: number; ms: number } {
  const database = new Database(path)
  try {
    applyPragmas(database, pragmas)
    const session = database.prepare('select id from sessions').pluck().get() as number
    const read = database.prepare(READ)
    const acknowledge = database.prepare(ACKNOWLEDGE)
    const begin = database.prepare('begin immediate')
    const commit = database.prepare('commit')
    const from = performance.now()
    let taken = 0
    for (let after = 0; ;) {
      const rows = read.all(session, after) as { seq: number }[]
      const last = rows.at(-1)
      if (last === undefined) break
      begin.run()
      acknowledge.run(1, rows[0]?.seq, last.seq)
      commit.run()
      after = last.seq
      taken += rows.length
    }
    return { taken, ms: performance.now() - from }
  } finally {
    database.close()
  }
}

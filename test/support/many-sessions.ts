import Database from 'better-sqlite3'

const columnsOf = (database: Database.Database): string[] =>
  (database.pragma('table_info(sessions)') as { name: string }[]).map(({ name }) => name)

/**
 * Makes so many copies of the one session of a database, with names of their
 * own, in a moment: walking ten thousand would take minutes.
 *
 * @param set columns of the copies, as SQL
 */
export function copySession(
  path: string,
  count: number,
  set: Readonly<Record<string, string | undefined>> = {},
): void {
  const database = new Database(path)
  try {
    const own: Record<string, string | undefined> = {
      session_id: `'copy-' || n`,
      target_key: `'key-' || n`,
      target_name: `'copy-' || n`,
      ...set,
    }
    const columns = columnsOf(database).filter((name) => name !== 'id')
    const values = columns.map((name) => own[name] ?? `s.${name}`)
    database.exec(
      `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${count})
       insert into sessions (${columns.join(', ')})
       select ${values.join(', ')} from numbers, (select * from sessions order by id limit 1) s`,
    )
  } finally {
    database.close()
  }
}

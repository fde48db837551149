import type Database from 'better-sqlite3'

/** How SQLite would go about a statement; the values do not matter to it. */
export function planOf(database: Database.Database, sql: string): readonly string[] {
  const values = Array.from(sql.matchAll(/\?(?!\d)/g), () => '[]')
  const places = Array.from(sql.matchAll(/\?(\d+)/g), ([, place]) => [place, '[]'])
  const named = places.length === 0 ? [] : [Object.fromEntries(places)]
  const rows = database.prepare(`explain query plan ${sql}`).all(...values, ...named)
  return (rows as { detail: string }[]).map(({ detail }) => detail)
}

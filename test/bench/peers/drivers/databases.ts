import pg from 'pg'
import { createDatabase as freshDatabase } from '../../../support/servers/databases.ts'
import type { Place } from '../types.ts'
import type { Checkpoint } from './walk.ts'

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** A new database on the server; throws when the server may lose what it has committed. */
export async function createDatabase(server: string): Promise<Place> {
  await withClient(server, async (client) => {
    const shown = await client.query<{ fsync: string }>('show fsync')
    if (shown.rows[0]?.fsync !== 'on')
      throw new Error('The PostgreSQL server has fsync off, so nothing is durable: turn fsync on')
  })
  const { url, drop } = await freshDatabase(server, 'muster_bench')
  return { at: url, remove: drop }
}

/** The one number that the query gives. */
export async function numberOf(at: string, query: string): Promise<number> {
  return await withClient(at, async (client) => {
    const { rows } = await client.query<{ n: string }>(query)
    return Number(rows[0]?.n ?? 0)
  })
}

/** The column `key` of every row that the query gives. */
export async function keysOf(at: string, query: string): Promise<string[]> {
  return await withClient(at, async (client) => {
    const { rows } = await client.query<{ key: string }>(query)
    return rows.map((row) => row.key)
  })
}

/** A checkpoint in a table of its own, in the peer's database. */
export async function checkpointIn(at: string): Promise<Checkpoint> {
  const client = new pg.Client({ connectionString: at })
  await client.connect()
  await client.query('create table if not exists progress (next int not null)')
  return {
    read: async () => {
      const { rows } = await client.query<{ next: number }>('select next from progress')
      const next = rows[0]?.next
      if (next === undefined) await client.query('insert into progress values (0)')
      return next ?? 0
    },
    write: async (next) => {
      await client.query({
        name: 'progress',
        text: 'update progress set next = $1',
        values: [next],
      })
    },
  }
}

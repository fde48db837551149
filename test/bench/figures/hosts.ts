/** Whether several hosts on one database find more in a second than one. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Fleet } from '../../hosts/fleet.ts'
import { numberedTarget } from '../../hosts/numbered-source.ts'
import { createDatabase } from '../../support/servers/databases.ts'
import { missingPostgres, startPostgres } from '../../support/servers/postgres.ts'
import type { Bench, Figure, Line, Row } from '../figure.ts'
import { against, interleave, perSecond } from '../rounds.ts'

/** A quick service, which a host's processor keeps up with, and a slow one, for which hosts wait. */
const PLACES = [
  { latencyMs: 50, share: 1 },
  { latencyMs: 400, share: 1 / 5 },
] as const
const PAGE_SIZE = 100
const SESSIONS = 16
const ITEMS = 48_000
const QUICK_ITEMS = 3_200
/** A round starts eight processes for each place. */
const MOST_ROUNDS = 5
/** Long enough that nothing is taken over. */
const LEASE_MS = 30_000

interface Job {
  readonly config: string
  readonly items: number
  readonly latencyMs: number
}

function jobOf(folder: string, items: number, latencyMs: number): Job {
  const each = Math.ceil(items / SESSIONS)
  const config = join(folder, `after-${latencyMs}.yaml`)
  const targets = Array.from({ length: SESSIONS }, (_, n) => numberedTarget(`list-${n}`, each))
  writeFileSync(config, JSON.stringify({ targets }))
  return { config, items: each * SESSIONS, latencyMs }
}

/** Walks it all with so many hosts, which divide the sessions evenly. @returns items a second */
async function walk(database: string, hosts: number, job: Job): Promise<number> {
  const { config, items, latencyMs } = job
  const fleet = new Fleet({
    database,
    config,
    leaseMs: LEASE_MS,
    maxSessions: Math.ceil(SESSIONS / hosts),
    pageSize: PAGE_SIZE,
    latencyMs,
    waits: true,
  })
  try {
    const lives = Array.from({ length: hosts }, (_, n) => fleet.start(`host-${n}`))
    await Promise.all(lives.map((host) => host.awaitSaid('ready')))
    for (const host of lives) host.go()
    const [over] = await Promise.all(lives.map((host) => host.awaitSaid('over', 600_000)))
    await Promise.all(lives.map((host) => host.close()))
    if (over === undefined || over.items !== items || over.failures.length > 0)
      throw new Error(`expected ${items} items; got ${JSON.stringify(over)}`)
    return perSecond(items, over.tookMs)
  } finally {
    await fleet.end()
  }
}

async function onPostgres(server: string, hosts: number, job: Job): Promise<number> {
  const database = await createDatabase(server, 'muster_bench')
  try {
    return await walk(database.url, hosts, job)
  } finally {
    await database.drop()
  }
}

async function onSqlite(bench: Bench, job: Job): Promise<number> {
  const folder = bench.folder()
  try {
    return await walk(join(folder, 'hosts.db'), 1, job)
  } finally {
    bench.discard(folder)
  }
}

async function measurePlace(bench: Bench, server: string, job: Job): Promise<Row[]> {
  const rounds = await interleave(
    {
      one: () => onPostgres(server, 1, job),
      two: () => onPostgres(server, 2, job),
      four: () => onPostgres(server, 4, job),
      sqlite: () => onSqlite(bench, job),
    },
    {
      bench,
      name: `hosts, ${job.latencyMs} ms a page`,
      rounds: bench.roundsAtMost(MOST_ROUNDS),
      warmUp: false,
    },
  )
  const row = { unit: 'items/s', measure: 'ratio' } as const
  const of = `${SESSIONS} sessions on PostgreSQL, ${job.latencyMs} ms a page of ${PAGE_SIZE}`
  return [
    { ...row, what: `${of}: 2 hosts`, against: '1 host', samples: against(rounds, 'two', 'one') },
    { ...row, what: `${of}: 4 hosts`, against: '1 host', samples: against(rounds, 'four', 'one') },
    {
      ...row,
      what: `${of}: 1 host`,
      against: 'the same on SQLite',
      samples: against(rounds, 'one', 'sqlite'),
    },
  ]
}

async function measureHosts(bench: Bench): Promise<readonly Line[]> {
  const why = missingPostgres()
  if (why !== undefined) return [{ what: 'several hosts', why: `not measured: ${why}` }]
  const items = bench.items(ITEMS, QUICK_ITEMS)
  const folder = bench.folder()
  const server = await startPostgres({ durable: true })
  try {
    const rows: Row[] = []
    // A look whether it runs needs one of them.
    for (const { latencyMs, share } of bench.quick ? PLACES.slice(0, 1) : PLACES) {
      const job = jobOf(folder, items * share, latencyMs)
      rows.push(...(await measurePlace(bench, server.url, job)))
    }
    return rows
  } finally {
    await server.stop()
    bench.discard(folder)
  }
}

export const hosts: Figure = { name: 'hosts', measure: measureHosts }

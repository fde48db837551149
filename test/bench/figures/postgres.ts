/** How near the commit of a page on PostgreSQL is to its limit, and to the commit on SQLite. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { CommitPage } from '../../../src/index.ts'
import { openPostgresStore } from '../../../src/store/postgres/open.ts'
import { missingPostgres, startPostgres } from '../../support/servers/postgres.ts'
import type { Bench, Figure, Line } from '../figure.ts'
import { shareOf } from '../goals.ts'
import { identitiesOf, inPages } from '../made/identities.ts'
import { claimedDatabase, claimedIn, commitsOf } from '../made/pages.ts'
import { commitRawOnPostgres } from '../raw/postgres.ts'
import { sameRowsOnPostgres } from '../raw/compare-postgres.ts'
import { against, collectGarbage, interleave, perSecond } from '../rounds.ts'
import { removeDatabase } from '../temp.ts'
import { commitByStore } from './commit.ts'

const ITEMS = 20_000
const QUICK_ITEMS = 1_000
const PAGE_SIZE = 100
const WHAT = 'durable commit on PostgreSQL, pages of 100'
const GOAL = shareOf(0.8, 0.95)

/** Commits the pages through the store. @returns milliseconds */
export async function commitOnPostgres(url: string, pages: readonly CommitPage[]): Promise<number> {
  const store = await openPostgresStore({ url })
  try {
    collectGarbage()
    const from = performance.now()
    for (const page of pages) await store.commitPage(page)
    return performance.now() - from
  } finally {
    await store.close()
  }
}

/** Databases of a server that all begin with the same claimed session. */
export async function claimedOnPostgres(server: string) {
  const at = (name: string) => new URL(`/${name}`, server).href
  const admin = new pg.Client({ connectionString: server })
  await admin.connect()
  const anew = async (name: string, template = 'template1') => {
    await admin.query(`drop database if exists ${name} with (force)`)
    await admin.query(`create database ${name} template ${template}`)
    return at(name)
  }
  const store = await openPostgresStore({ url: await anew('claimed') })
  const claimed = await claimedIn(store)
  await store.close()
  return { claimed, copy: (name: string) => anew(name, 'claimed'), end: () => admin.end() }
}

/** The same pages to SQLite, each time to a copy of one claimed database. */
async function onSqlite(bench: Bench, items: number) {
  const folder = bench.folder()
  const path = join(folder, 'claimed.db')
  const claimed = await claimedDatabase(path)
  const pages = commitsOf(claimed, inPages(identitiesOf(items), PAGE_SIZE))
  return {
    async commit() {
      const copy = join(folder, 'copy.db')
      copyFileSync(path, copy)
      const ms = await commitByStore(copy, pages)
      removeDatabase(copy)
      return ms
    },
    discard: () => bench.discard(folder),
  }
}

async function measureOn(server: string, bench: Bench): Promise<readonly Line[]> {
  const items = bench.items(ITEMS, QUICK_ITEMS)
  const { claimed, copy, end } = await claimedOnPostgres(server)
  const pages = commitsOf(claimed, inPages(identitiesOf(items), PAGE_SIZE))
  const sqlite = await onSqlite(bench, items)
  const rate = (ms: number) => perSecond(items, ms)
  const rounds = await interleave(
    {
      ours: async () => rate(await commitOnPostgres(await copy('ours'), pages)),
      raw: async () => rate(await commitRawOnPostgres(await copy('raw'), pages)),
      sqlite: async () => rate(await sqlite.commit()),
    },
    { bench, name: WHAT },
  )
  await sameRowsOnPostgres(new URL('/ours', server).href, new URL('/raw', server).href)
  await end()
  sqlite.discard()
  const row = { unit: 'items/s', measure: 'ratio' } as const
  return [
    {
      ...row,
      what: WHAT,
      against: 'one raw statement a page',
      goal: GOAL,
      samples: against(rounds, 'ours', 'raw'),
    },
    {
      ...row,
      what: WHAT,
      against: 'the same on SQLite',
      samples: against(rounds, 'ours', 'sqlite'),
    },
  ]
}

export const postgres: Figure = {
  name: 'postgres',
  async measure(bench) {
    const why = missingPostgres()
    if (why !== undefined) return [{ what: WHAT, why }]
    const server = await startPostgres({ durable: true })
    try {
      return await measureOn(server.url, bench)
    } finally {
      await server.stop()
    }
  },
}

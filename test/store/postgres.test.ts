import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { StoreError, type MusterError } from '../../src/domain/errors.ts'
import { openPostgresStore, type PostgresOptions } from '../../src/store/postgres/open.ts'
import type { Store } from '../../src/store/store.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'
import { startPostgres } from '../support/servers/postgres.ts'
import {
  collect,
  identities,
  identity,
  LEASE_MS,
  OTHER_OWNER,
  OWNER,
  put,
  sessionNamed,
  TestWalk,
} from './fixtures.ts'
import { Proxy } from './postgres-proxy.ts'

async function open(options: PostgresOptions): Promise<Store> {
  const store = await openPostgresStore(options)
  onTestFinished(() => store.close())
  return store
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

const refusal = (opening: Promise<unknown>): Promise<MusterError> =>
  opening.then(
    () => {
      throw new Error('it was opened')
    },
    (thrown: MusterError) => thrown,
  )

const claim = (store: Store, sessionId: string, overrides = {}) =>
  store.claimSession({
    sessionId,
    owner: OTHER_OWNER,
    leaseMs: LEASE_MS,
    isGone: () => false,
    ...overrides,
  })

describePostgres('leases on PostgreSQL', () => {
  test('are judged by the clock of the server, whatever the host takes the time to be', async () => {
    const url = await postgresUrl()
    const store = await open({ url })
    const walk = await TestWalk.begin(store, 'acme')
    const realNow = Date.now
    onTestFinished(() => void (Date.now = realNow))
    for (const wrongBy of [-36_000_000, 36_000_000]) {
      Date.now = () => realNow() + wrongBy
      await expect(claim(store, walk.sessionId)).rejects.toMatchObject({ code: 'LEASE_HELD' })
      expect(await walk.page({ kept: identities(`at ${wrongBy}`, 3) })).toBe(3)
    }
    const admin = await connected(url)
    await admin.query(`update sessions set lease_until = 1`)
    await expect(walk.page()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect((await claim(store, walk.sessionId)).revision).toBe(walk.revision + 1)
  })

  test('are given to one claimant alone, however many ask at once', async () => {
    const url = await postgresUrl()
    const stores = await Promise.all(Array.from({ length: 4 }, () => open({ url, poolSize: 4 })))
    const [first] = stores as [Store]
    for (let i = 0; i < 40; i += 1) await put(first, sessionNamed(`target-${i}`))
    const claims = Array.from({ length: 32 }, (_, i) =>
      (stores[i % stores.length] as Store).claimSessions({
        owner: `host/${i}`,
        leaseMs: LEASE_MS,
        isGone: () => false,
        limit: 2,
        sourceTypes: ['github'],
        except: [],
      }),
    )
    const claimed = (await Promise.all(claims)).flat().map(({ state }) => state.sessionId)
    expect(new Set(claimed).size).toBe(claimed.length)
    // What another was looking at was skipped: whoever asks again gets the rest.
    const rest = await first.claimSessions({
      owner: OWNER,
      leaseMs: LEASE_MS,
      isGone: () => false,
      limit: 100,
      sourceTypes: ['github'],
      except: [],
    })
    expect(claimed.length + rest.length).toBe(40)
  })

  test('come with the checkpoint of the commit that was under way', async () => {
    const url = await postgresUrl()
    const store = await open({ url })
    const walk = await TestWalk.begin(store, 'acme')
    await store.releaseLease({ sessionId: walk.sessionId, owner: OWNER })
    const other = await connected(url)
    await other.query('begin')
    await other.query('update sessions set revision = revision + 1')
    await other.query(`update checkpoints set data = '{"written":"meanwhile"}'`)
    const claiming = claim(store, walk.sessionId)
    await waitForLock(await connected(url))
    await other.query('commit')
    const { state, revision } = await claiming
    expect(revision).toBe(walk.revision + 2)
    expect(state.lastCheckpoint?.data).toEqual({ written: 'meanwhile' })
  })
})

/** Until somebody waits for a lock. */
async function waitForLock(client: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query(`select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`)
    if (rows.length > 0) return
  }
}

describePostgres('a PostgreSQL database', () => {
  test('is made by one of many hosts that start at once', async () => {
    const url = await postgresUrl()
    const stores = await Promise.all(Array.from({ length: 8 }, () => open({ url })))
    const admin = await connected(url)
    expect((await admin.query('select version::int from muster_versions')).rows).toEqual([
      { version: 1 },
      { version: 2 },
    ])
    for (const [i, store] of stores.entries()) await put(store, sessionNamed(`target-${i}`))
  })

  test('that is newer is refused, and left as it was', async () => {
    const url = await postgresUrl()
    await (await openPostgresStore({ url })).close()
    const admin = await connected(url)
    await admin.query(`insert into muster_versions (version, name) values (99, 'later')`)
    const { code, message } = await refusal(openPostgresStore({ url }))
    expect(code).toBe('STORE_NEWER')
    expect(message).toContain('has schema version 99, this Muster knows up to 2')
  })

  test('of another program is refused where its tables have our names, and used where they have not', async () => {
    const url = await postgresUrl()
    const admin = await connected(url)
    await admin.query('create table customers (id int)')
    await admin.query('create table sessions (token text)')
    const { code, message } = await refusal(openPostgresStore({ url }))
    expect(code).toBe('STORE_FOREIGN')
    expect(message).toContain('(sessions)')
    const tables = `select relname from pg_class where relnamespace = 'public'::regnamespace`
    expect((await admin.query(tables)).rows).toHaveLength(2)
    // In a schema of its own there is room, and in this one when the table is gone.
    await admin.query('create schema scans')
    await open({ url: `${url}?options=-c%20search_path%3Dscans` })
    expect((await admin.query(tables)).rows).toHaveLength(2)
    await admin.query('drop table sessions')
    await open({ url })
  })

  test('is not opened by a step that fails, and keeps the steps before it', async () => {
    const url = await postgresUrl()
    const step = (name: string, up: () => Promise<void>) => ({ name, up })
    const failing = [
      step('good', async () => undefined),
      step('bad', () => Promise.reject(new Error('no'))),
    ]
    await expect(openPostgresStore({ url, migrations: failing })).rejects.toThrow('no')
    const admin = await connected(url)
    const { rows } = await admin.query('select name from muster_versions')
    expect(rows).toEqual([{ name: 'good' }])
  })

  test('that can only be read is refused', async () => {
    const url = await postgresUrl()
    const readOnly = `${url}?options=-c%20default_transaction_read_only%3Don`
    expect((await refusal(openPostgresStore({ url: readOnly }))).code).toBe('STORE_READ_ONLY')
  })
})

describePostgres('a URL of PostgreSQL', () => {
  test.each([
    ['', 'has no scheme'],
    ['mysql://u:s3cret@h/d', 'begins with mysql:'],
    ['postgres://u:s3cret@h', 'names no database'],
    ['postgres://u:s3#cret@h/d', 'write characters such as #'],
    ['postgres://u:s3cret@h:5432x/d', 'cannot be read'],
    ['postgres://u:s3cret@h/d/e', 'has a / in the name'],
    ['postgres://u@h/d?password=s3cret#x', 'has a # in it'],
  ])('%j is refused before anybody connects', async (url, words) => {
    const thrown = await refusal(openPostgresStore({ url }))
    expect(thrown.code).toBe('INVALID_OPTIONS')
    expect(thrown.message).toContain(words)
    expect(thrown.message).not.toMatch(/s3|cret/)
  })

  test('keeps its password out of every message', async () => {
    const url = new URL(await postgresUrl())
    url.password = 's3cret'
    const errors: MusterError[] = []
    const attempt = async (change: (wrong: URL) => void) => {
      const wrong = new URL(url)
      change(wrong)
      wrong.searchParams.set('password', 's3cret')
      errors.push(await refusal(openPostgresStore({ url: wrong.href })))
    }
    await attempt((wrong) => void (wrong.port = '1'))
    await attempt((wrong) => void (wrong.pathname = '/absent'))
    await attempt((wrong) => void (wrong.username = 'nobody'))
    await attempt((wrong) => void wrong.searchParams.set('sslmode', 'verify-full'))
    await attempt((wrong) => void wrong.searchParams.set('sslrootcert', '/absent.pem'))
    expect(errors.map(({ code }) => code)).toEqual([
      'STORE_BUSY',
      'STORE_FAILED',
      'STORE_FAILED',
      'STORE_FAILED',
      'STORE_FAILED',
    ])
    expect(errors[0]).toMatchObject({ retryable: true })
    for (const error of errors) {
      expect(error.message).toContain('database postgres://')
      expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain('s3cret')
    }
  })
})

describePostgres('texts in PostgreSQL', () => {
  const odd = [
    'nul \0',
    'escape \u001a0',
    'escape \u001a',
    'nul \0 escape \u001a1',
    '{"a",NULL}',
    'NULL',
    '',
    '\\',
    '\\n',
    '\n',
    // What is not compressed away has to fit into an index.
    Array.from({ length: 9_000 }, (_, i) =>
      String.fromCodePoint(0x4e00 + ((i * 7_919) % 20_000)),
    ).join(''),
  ]

  test('of half a surrogate pair are what UTF-8 makes of them, and one where it makes one', async () => {
    const store = await open({ url: await postgresUrl() })
    const walk = await TestWalk.begin(store, 'acme')
    expect(await walk.page({ kept: [identity('half \ud800'), identity('half \udc00')] })).toBe(1)
    expect(await walk.page({ kept: [identity('half \udc00')] })).toBe(0)
    const [repo] = await store.repositories.githubRepos.list(2, 0)
    expect(repo?.key).toBe('half \ufffd')
  })

  test('are the same when they come back, as keys and in lists, and no two are one', async () => {
    const store = await open({ url: await postgresUrl() })
    const walk = await TestWalk.begin(store, 'acme')
    const kept = odd.map((text) => identity(text, { uri: text, name: text, version: text }))
    expect(await walk.page({ kept, sighted: { onlyChanged: false } })).toBe(odd.length)
    expect(await walk.page({ kept, sighted: { onlyChanged: false } })).toBe(0)
    const repos = await store.repositories.githubRepos.list(100, 0)
    expect(new Set(repos.map(({ key }) => key))).toEqual(new Set(odd))
    for (const text of odd) {
      expect(await store.repositories.githubRepos.getByUrl(text)).toMatchObject({ name: text })
    }
    const { sessionId } = walk
    expect(await store.findSeen({ sessionId, keys: [...odd, 'other'] })).toEqual(new Set(odd))
  })
})

/** A page and a new connection have to fit in between, on a machine that is busy too. */
const KILL_EVERY_MS = 150

describePostgres('a connection to PostgreSQL that is lost', () => {
  async function walkBehindProxy() {
    const proxy = await Proxy.before(await postgresUrl())
    onTestFinished(() => proxy.close())
    const store = await open({ url: proxy.url })
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('before', 2) })
    return { proxy, store, walk }
  }

  test.each(['loseQuestion', 'loseAnswer'] as const)(
    'at a page (%s) loses nothing, and makes nothing twice',
    async (lose) => {
      const { proxy, store, walk } = await walkBehindProxy()
      proxy[lose]()
      expect(
        await walk.page({ kept: identities('repo', 5), rejected: [{ item: 'x', reason: 'y' }] }),
      ).toBe(5)
      expect(await walk.page({ kept: identities('repo', 5) })).toBe(0)
      expect(await collect(store.repositories.tasks.stream())).toHaveLength(7)
      const { sessionId } = walk
      expect(await store.repositories.batches.findBySessionId(sessionId)).toHaveLength(3)
      expect(
        await store.repositories.failedItems.find({ sessionId, after: 0, limit: 9 }),
      ).toHaveLength(1)
    },
  )

  test.each(['loseQuestion', 'loseAnswer'] as const)(
    'at a change of the session (%s) is made up for',
    async (lose) => {
      const { proxy, store, walk } = await walkBehindProxy()
      proxy[lose]()
      await walk.advance({ status: 'STALLED' })
      await walk.advance({ status: 'COMPLETED' })
      const state = await store.repositories.sessions.load(walk.sessionId)
      expect(state?.status).toBe('COMPLETED')
    },
  )

  test('while a session is made, at whatever statement, makes it once', async () => {
    const proxy = await Proxy.before(await postgresUrl())
    onTestFinished(() => proxy.close())
    let statements = 0
    let loseAt = Infinity
    let lose: 'loseQuestion' | 'loseAnswer' = 'loseAnswer'
    const onStatement = (_: string, phase: string) => {
      if (phase !== 'before') return
      statements += 1
      if (statements === loseAt) proxy[lose]()
    }
    const store = await open({ url: proxy.url, onStatement })
    statements = 0
    await put(store, sessionNamed('counted'))
    const whole = statements
    expect(whole).toBeGreaterThan(4)
    let made = 1
    for (lose of ['loseQuestion', 'loseAnswer'] as const) {
      for (loseAt = 1; loseAt <= whole; loseAt += 1) {
        statements = 0
        await put(store, sessionNamed(`${lose} ${loseAt}`))
        made += 1
        expect(await store.repositories.sessions.list(100)).toHaveLength(made)
      }
    }
    // And a second one is still refused.
    loseAt = Infinity
    await expect(put(store, sessionNamed('counted'))).rejects.toMatchObject({ code: 'LEASE_HELD' })
  })

  test('is taken over by a commit that comes too late as by any other', async () => {
    const { proxy, store, walk } = await walkBehindProxy()
    await claim(store, walk.sessionId, { isGone: () => true })
    proxy.loseAnswer()
    await expect(walk.page({ kept: identities('repo', 5) })).rejects.toMatchObject({
      code: 'LEASE_LOST',
    })
    expect(await collect(store.repositories.tasks.stream())).toHaveLength(2)
  })

  test('at a page does not take a claim of the same owner for that page', async () => {
    const { proxy, store, walk } = await walkBehindProxy()
    // It raises the revision just as the page would have.
    await claim(store, walk.sessionId, { owner: walk.owner })
    proxy.loseQuestion()
    await expect(walk.page({ kept: identities('repo', 5) })).rejects.toMatchObject({
      code: 'LEASE_LOST',
    })
  })

  test('to a server that ends it again and again is made anew, and nothing is lost or twice', async () => {
    const url = await postgresUrl()
    const store = await open({ url })
    const admin = await connected(url)
    let isOver = false
    const killing = (async () => {
      while (!isOver) {
        await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'muster' and datname = current_database()`)
        await new Promise((resolve) => setTimeout(resolve, KILL_EVERY_MS))
      }
    })()
    onTestFinished(async () => {
      isOver = true
      await killing
    })
    const walks = await Promise.all(['a', 'b', 'c'].map((name) => TestWalk.begin(store, name)))
    await Promise.all(
      walks.map(async (walk, w) => {
        for (let page = 0; page < 15; page += 1) {
          expect(await walk.page({ kept: identities(`${w}-${page}`, 20) })).toBe(20)
        }
      }),
    )
    expect(await store.repositories.tasks.count()).toBe(900)
    isOver = true
    await killing
    const revisions = await admin.query('select revision::int from sessions')
    expect(revisions.rows).toEqual(Array.from({ length: 3 }, () => ({ revision: 16 })))
  })

  test('by a restart of the server in the middle of commits is waited out', async () => {
    const server = await startPostgres()
    onTestFinished(() => server.stop())
    const store = await open({ url: server.url })
    const walk = await TestWalk.begin(store, 'acme')
    let pages = 0
    const walking = (async () => {
      for (; pages < 40; pages += 1) await walk.page({ kept: identities(`p${pages}`, 10) })
    })()
    while (pages < 5) await new Promise((resolve) => setTimeout(resolve, 5))
    await server.restart()
    while (pages < 10) await new Promise((resolve) => setTimeout(resolve, 5))
    await server.kill()
    await server.restart()
    await walking
    expect(await store.repositories.tasks.count()).toBe(400)
    expect(await store.repositories.batches.findBySessionId(walk.sessionId)).toHaveLength(40)
  })

  test('for longer than the patience lasts is an error to be tried again', async () => {
    const server = await startPostgres()
    onTestFinished(() => server.stop())
    const store = await open({ url: server.url, limits: { patienceMs: 100 } })
    const walk = await TestWalk.begin(store, 'acme')
    await server.kill()
    for (const call of [() => walk.page(), () => store.findUnfinished(), () => walk.advance({})]) {
      const thrown = await call().catch((error: unknown) => error)
      expect(thrown).toBeInstanceOf(StoreError)
      expect(thrown).toMatchObject({ code: 'STORE_BUSY', retryable: true })
    }
  })
})

describePostgres('a row on PostgreSQL', () => {
  test('that another holds for long is an error to be tried again', async () => {
    const url = await postgresUrl()
    const store = await open({ url, limits: { lockMs: 50, patienceMs: 100 } })
    const walk = await TestWalk.begin(store, 'acme')
    const other = await connected(url)
    await other.query('begin; select from sessions for update')
    await expect(walk.page()).rejects.toMatchObject({ code: 'STORE_BUSY', retryable: true })
    await other.query('rollback')
    expect(await walk.page({ kept: identities('repo', 2) })).toBe(2)
  })

  test('that many walks share brings none of them to wait for another in a circle', async () => {
    const url = await postgresUrl()
    const store = await open({ url })
    const walks = await Promise.all(
      Array.from({ length: 8 }, (_, i) => TestWalk.begin(store, `target-${i}`)),
    )
    const shared = identities('repo', 200)
    for (let page = 0; page < 3; page += 1) {
      await Promise.all(
        walks.map((walk, i) => {
          const turned = [...shared.slice(i * 25), ...shared.slice(0, i * 25)]
          return walk.page({ kept: i % 2 === 0 ? turned : turned.toReversed() })
        }),
      )
    }
    expect(await store.repositories.tasks.count()).toBe(1_600)
    const admin = await connected(url)
    await admin.query('select pg_stat_clear_snapshot()')
    const { rows } = await admin.query(
      'select deadlocks::int from pg_stat_database where datname = current_database()',
    )
    expect(rows).toEqual([{ deadlocks: 0 }])
  })

  test('that another target is seeing at this moment is not given up', async () => {
    const url = await postgresUrl()
    const store = await open({ url })
    const sighted = { onlyChanged: false }
    const first = await TestWalk.begin(store, 'acme')
    await first.page({ kept: [identity('a')], sighted })
    await first.advance({ status: 'COMPLETED' })
    const second = await TestWalk.begin(store, 'acme')
    const { comparison } = await store.surveySession(second.sessionId)
    // Another host's page of another target, between its resources and its sightings.
    const other = await connected(url)
    await other.query('begin')
    await other.query(`update resources set is_active = 1`)
    const ending = second.advance(
      { status: 'COMPLETED', comparison },
      { missing: { deactivateAfter: 1 } },
    )
    await waitForLock(await connected(url))
    await other.query(`insert into sightings (target, resource, session, change, missed)
      select 999, id, 999, 'new', 0 from resources`)
    await other.query('commit')
    await ending
    const [repo] = await store.repositories.githubRepos.list(1, 0)
    expect(repo?.isActive).toBe(true)
  })
})

import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import { sql } from 'kysely'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { StoreError } from '../../src/domain/errors.ts'
import { MIGRATIONS, type Migration } from '../../src/store/migrations.ts'
import { openStore } from '../../src/store/open.ts'
import { APPLICATION_ID, type SqliteOptions } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { quickDatabase as newPath } from '../support/temp.ts'
import { everythingIn, identities, TestWalk } from './fixtures.ts'

const SCRIPT = fileURLToPath(new URL('../support/open-store.ts', import.meta.url))
const run = promisify(execFile)

/** A user without rights, for a test that runs as one with all of them. */
const NOBODY = 65_534

interface Outcome {
  readonly opened: boolean
  readonly name?: string
  readonly code?: string
  readonly message?: string
}

interface Elsewhere {
  readonly as?: { readonly uid?: number; readonly gid?: number }
  readonly name?: string
  readonly startAt?: number
  readonly stepMs?: number
}

/** Opens databases in a process of its own. */
async function openElsewhere(paths: readonly string[], how: Elsewhere = {}): Promise<Outcome[]> {
  const { as = {}, name = 'job', startAt = 0, stepMs = 0 } = how
  const args = [SCRIPT, name, String(startAt), String(stepMs), ...paths]
  const { stdout } = await run(process.execPath, args, as)
  return JSON.parse(stdout) as Outcome[]
}

async function open(path: string, options: Partial<SqliteOptions> = {}): Promise<Store> {
  const store = await openStore({ path, ...options })
  onTestFinished(() => store.close())
  return store
}

/** A store with pages of items in it, closed again. */
async function fillStore(path: string, items = 50): Promise<void> {
  const store = await openStore({ path })
  const walk = await TestWalk.begin(store, 'acme')
  for (let from = 0; from < items; from += 50) {
    await walk.page({ kept: identities(`page-${from}`, 50) })
  }
  await store.close()
}

/** Does something to a database as another program would. */
function raw<T>(path: string, use: (database: Database.Database) => T): T {
  const database = new Database(path)
  try {
    return use(database)
  } finally {
    database.close()
  }
}

const pragma = (path: string, name: string): unknown =>
  raw(path, (database) => database.pragma(name, { simple: true }))

/** Names and contents of all files in the folder: what "it was not changed" means. */
const bytesBeside = (path: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dirname(path)).map((name) => {
      const file = join(dirname(path), name)
      if (statSync(file).isDirectory()) return [name, 'folder']
      return [name, createHash('sha256').update(readFileSync(file)).digest('hex')]
    }),
  )

async function refusal(opening: Promise<unknown>): Promise<StoreError> {
  const thrown: unknown = await opening.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(StoreError)
  return thrown as StoreError
}

/** A database that is shut even to readers, and somebody who tries: that takes as long as a store is patient. */
let locked: { path: string; opening: Promise<Outcome[]>; release: () => void }

beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-test-'))
  const path = join(folder, 'muster.db')
  const other = new Database(path)
  other.exec('begin exclusive')
  locked = { path, opening: openElsewhere([path]), release: () => void other.close() }
  return () => rmSync(folder, { recursive: true })
})

describe('a new database', () => {
  test('is marked as Muster’s, knows its schema version and keeps a write-ahead log', async () => {
    const path = newPath()
    await (await openStore({ path })).close()
    expect(pragma(path, 'application_id')).toBe(APPLICATION_ID)
    expect(pragma(path, 'user_version')).toBe(MIGRATIONS.length)
    expect(pragma(path, 'journal_mode')).toBe('wal')
  })

  test('may be a file that exists and is empty', async () => {
    const path = newPath()
    writeFileSync(path, '')
    const store = await open(path)
    expect(await store.repositories.sessions.list(1)).toEqual([])
  })

  test('leaves one file behind when it is closed', async () => {
    const path = newPath()
    await fillStore(path)
    expect(readdirSync(dirname(path))).toEqual(['muster.db'])
  })

  test('in memory makes no file', async () => {
    await open(':memory:')
    expect(existsSync(':memory:')).toBe(false)
  })
})

describe('a database that is opened again', () => {
  test('is migrated once', async () => {
    const path = newPath()
    let ran = 0
    const migrations: Migration[] = [
      {
        name: 'counted',
        async up(db) {
          ran += 1
          await MIGRATIONS[0]?.up(db)
        },
      },
    ]
    for (let i = 0; i < 3; i += 1) await (await openStore({ path, migrations })).close()
    expect(ran).toBe(1)
  })

  test('holds what was stored in it, whether it was closed or its process was killed', async () => {
    const path = newPath()
    const first = await open(path)
    const walk = await TestWalk.begin(first, 'acme')
    await walk.page({ kept: identities('repo', 120) })
    const before = await everythingIn(first)
    // What a killed process leaves: the file and a log that nobody merged.
    const left = newPath()
    copyFileSync(path, left)
    copyFileSync(`${path}-wal`, `${left}-wal`)
    expect(await everythingIn(await open(left))).toEqual(before)
    await first.close()
    expect(await everythingIn(await open(path))).toEqual(before)
  })
})

describe('several processes', () => {
  test('that open a new file at the same moment all succeed', async () => {
    const paths = Array.from({ length: 40 }, newPath)
    const names = ['first', 'second', 'third']
    const startAt = Date.now() + 1_500
    const outcomes = await Promise.all(
      names.map((name) => openElsewhere(paths, { name, startAt, stepMs: 25 })),
    )
    for (const outcome of outcomes.flat()) expect(outcome).toEqual({ opened: true })
    for (const path of paths) {
      const jobs = raw(path, (db) => db.prepare('select job_id from jobs order by 1').pluck().all())
      expect(jobs).toEqual(names)
      expect(pragma(path, 'user_version')).toBe(MIGRATIONS.length)
    }
  })
})

describe('a migration', () => {
  const broken: Migration = {
    name: 'second, broken',
    async up(db) {
      await sql`create table half (a integer)`.execute(db)
      throw new Error('power cut')
    },
  }
  const mended: Migration = {
    name: 'second, mended',
    up: async (db) => void (await sql`create table whole (a integer)`.execute(db)),
  }
  const tables = (path: string) =>
    raw(path, (db) =>
      db
        .prepare(`select name from sqlite_master where name in ('sessions', 'half', 'whole')`)
        .all(),
    )

  test('that breaks off leaves whole steps only, and the next open goes on from there', async () => {
    const path = newPath()
    const first = MIGRATIONS[0] as Migration
    await expect(openStore({ path, migrations: [first, broken] })).rejects.toThrow('power cut')
    expect(pragma(path, 'user_version')).toBe(1)
    expect(tables(path)).toEqual([{ name: 'sessions' }])

    await (await openStore({ path, migrations: [first, mended] })).close()
    expect(pragma(path, 'user_version')).toBe(2)
    expect(tables(path)).toEqual([{ name: 'sessions' }, { name: 'whole' }])
  })

  test('that is cut off at any statement is finished by the next open', async () => {
    let statements = 0
    await (await openStore({ path: ':memory:', onStatement: () => (statements += 1) })).close()
    expect(statements).toBeGreaterThan(40)
    for (let cut = 1; cut <= statements; cut += 1) {
      const path = newPath()
      let seen = 0
      const onStatement = () => {
        seen += 1
        if (seen >= cut) throw new Error('cut off')
      }
      await expect(openStore({ path, onStatement })).rejects.toThrow('cut off')
      // Each step is done whole, or not at all.
      expect(pragma(path, 'user_version')).toBeOneOf([0, ...MIGRATIONS.keys(), MIGRATIONS.length])
      const store = await openStore({ path })
      await TestWalk.begin(store, 'acme')
      await store.close()
    }
  })
})

describe('a file that cannot be used is refused, unchanged', () => {
  interface Refused {
    readonly what: string
    readonly make: (path: string) => void | Promise<void>
    readonly code: StoreError['code']
    readonly wrong: RegExp
    readonly remedy: RegExp
  }

  const cases: readonly Refused[] = [
    {
      what: 'one with a newer schema',
      make: async (path) => {
        await fillStore(path)
        raw(path, (db) => db.pragma(`user_version = ${MIGRATIONS.length + 6}`))
      },
      code: 'STORE_NEWER',
      wrong: new RegExp(`schema version ${MIGRATIONS.length + 6}.*up to ${MIGRATIONS.length}`),
      remedy: /update Muster, or name another file/,
    },
    {
      what: 'one with the tables of another program',
      make: (path) => raw(path, (db) => void db.exec('create table contacts (name text)')),
      code: 'STORE_FOREIGN',
      wrong: /belongs to another program \(application id 0, 1 tables\)/,
      remedy: /name another file/,
    },
    {
      what: 'one with the application id of another program',
      make: (path) => raw(path, (db) => void db.pragma('application_id = 42')),
      code: 'STORE_FOREIGN',
      wrong: /application id 42/,
      remedy: /name another file/,
    },
    {
      what: 'one with the version number of another program',
      make: (path) => raw(path, (db) => void db.pragma('user_version = 1')),
      code: 'STORE_FOREIGN',
      wrong: /belongs to another program/,
      remedy: /name another file/,
    },
    {
      what: 'a text',
      make: (path) => writeFileSync(path, 'targets:\n  - name: acme\n'),
      code: 'STORE_FOREIGN',
      wrong: /is not a SQLite database/,
      remedy: /name another file, or move this one away/,
    },
    {
      what: 'one byte',
      make: (path) => writeFileSync(path, '\n'),
      code: 'STORE_FOREIGN',
      wrong: /is not a SQLite database/,
      remedy: /name another file/,
    },
    {
      what: 'nothing but zeros',
      make: (path) => writeFileSync(path, Buffer.alloc(3 * 4096)),
      code: 'STORE_FOREIGN',
      wrong: /is not a SQLite database/,
      remedy: /name another file/,
    },
    {
      what: 'one of which only the first half arrived',
      make: async (path) => {
        await fillStore(path)
        truncateSync(path, Math.floor(statSync(path).size / 8192) * 4096)
      },
      code: 'STORE_CORRUPT',
      wrong: /is damaged/,
      remedy: /restore it from a backup/,
    },
    {
      what: 'one whose first page was cut',
      make: async (path) => {
        await fillStore(path)
        truncateSync(path, 1000)
      },
      code: 'STORE_CORRUPT',
      wrong: /is damaged/,
      remedy: /restore it from a backup/,
    },
    {
      what: 'one whose schema was overwritten',
      make: async (path) => {
        await fillStore(path)
        overwrite(path, 100, randomBytes(3900))
      },
      code: 'STORE_CORRUPT',
      wrong: /is damaged/,
      remedy: /restore it from a backup/,
    },
    {
      what: 'a folder',
      make: (path) => mkdirSync(path),
      code: 'STORE_FOREIGN',
      wrong: /is a folder/,
      remedy: /name a file inside it, such as .*muster\.db/,
    },
  ]

  function overwrite(path: string, at: number, bytes: Buffer): void {
    const file = openSync(path, 'r+')
    writeSync(file, bytes, 0, bytes.length, at)
    closeSync(file)
  }

  test.each(cases)('$what', async ({ make, code, wrong, remedy }) => {
    const path = newPath()
    await make(path)
    const before = bytesBeside(path)
    const error = await refusal(openStore({ path }))
    expect(error.code).toBe(code)
    expect(error.message).toContain(path)
    expect(error.message).toMatch(wrong)
    expect(error.message).toMatch(remedy)
    expect(error.retryable).toBe(false)
    expect(bytesBeside(path)).toEqual(before)
  })

  test.each([
    ['another program’s', 'STORE_FOREIGN', 42, 0],
    ['a newer one', 'STORE_NEWER', APPLICATION_ID, 99],
  ])(
    '%s, with a log that its killed process left unmerged',
    async (_, code, applicationId, version) => {
      const written = newPath()
      const path = newPath()
      raw(written, (db) => {
        db.pragma('journal_mode = WAL')
        db.exec('create table contacts (name text)')
        db.pragma(`application_id = ${applicationId}`)
        db.pragma(`user_version = ${version}`)
        copyFileSync(written, path)
        copyFileSync(`${written}-wal`, `${path}-wal`)
      })
      const before = bytesBeside(path)
      expect((await refusal(openStore({ path }))).code).toBe(code)
      expect(bytesBeside(path)).toMatchObject(before)
    },
  )

  test('a file in a folder that does not exist', async () => {
    const folder = join(dirname(newPath()), 'nowhere')
    const path = join(folder, 'muster.db')
    const error = await refusal(openStore({ path }))
    expect(error.code).toBe('STORE_READ_ONLY')
    expect(error.message).toContain(`${path}: its folder ${folder} does not exist`)
    expect(error.message).toContain('create the folder, or name another file')
    expect(existsSync(folder)).toBe(false)
  })

  test('a path that is empty', async () => {
    const error = await refusal(openStore({ path: '' }))
    expect(error.code).toBe('STORE_FOREIGN')
    expect(error.message).toMatch(/empty.*such as \.\/muster\.db/)
  })

  test('a damaged page in the middle is found when it is read', async () => {
    const path = newPath()
    await fillStore(path, 2_000)
    const pages = statSync(path).size / 4096
    // The schema is at the beginning; what follows is rows and indexes, of which a third is hit.
    for (let page = 40; page < pages; page += 3) overwrite(path, page * 4096, randomBytes(4096))
    const before = bytesBeside(path)
    const store = await openStore({ path })
    const error = await refusal(everythingIn(store))
    await store.close()
    expect(error.code).toBe('STORE_CORRUPT')
    expect(error.message).toContain(path)
    expect(error.message).toMatch(/is damaged.*restore it from a backup/)
    expect(bytesBeside(path)).toEqual(before)
  })
})

describe('a user without the right to write', () => {
  const isRoot = process.getuid?.() === 0
  // The administrator may write everywhere: the test goes on as somebody whom `chmod` binds.
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  let unable: string | undefined

  beforeAll(async () => {
    if (process.getuid === undefined) {
      unable = 'this system has no file modes'
      return
    }
    const folder = mkdtempSync(join(tmpdir(), 'muster-test-'))
    if (isRoot) chownSync(folder, NOBODY, NOBODY)
    const [control] = await openElsewhere([join(folder, 'muster.db')], { as }).catch(() => [])
    if (control?.opened !== true) unable = 'another user cannot run the files of this project'
    rmSync(folder, { recursive: true })
  })

  async function openUnprivileged(path: string): Promise<Outcome> {
    const [outcome] = await openElsewhere([path], { as })
    return outcome as Outcome
  }

  const outcomeOf = (code: string, path: string) => ({
    opened: false,
    name: 'StoreError',
    code,
    message: expect.stringContaining(path) as unknown,
  })

  test('is told so of a read-only file', async ({ skip }) => {
    skip(unable !== undefined, unable)
    const path = newPath()
    await fillStore(path)
    chmodSync(dirname(path), 0o777)
    chmodSync(path, 0o444)
    const before = bytesBeside(path)
    const outcome = await openUnprivileged(path)
    expect(outcome).toEqual(outcomeOf('STORE_READ_ONLY', path))
    expect(outcome.message).toMatch(/cannot be written.*give this user the right to write/)
    expect(bytesBeside(path)).toEqual(before)
  })

  test.for([
    ['with a database in it', true],
    ['without one', false],
  ] as const)('is told so of a read-only folder %s', async ([_, exists], { skip }) => {
    skip(unable !== undefined, unable)
    const path = newPath()
    if (exists) {
      await fillStore(path)
      chmodSync(path, 0o666)
    }
    const before = bytesBeside(path)
    chmodSync(dirname(path), 0o555)
    onTestFinished(() => chmodSync(dirname(path), 0o755))
    const outcome = await openUnprivileged(path)
    expect(outcome).toEqual(outcomeOf('STORE_READ_ONLY', path))
    expect(outcome.message).toMatch(
      /allowed to write there|right to write to the file and its folder/,
    )
    expect(bytesBeside(path)).toEqual(before)
  })

  test('is told so of a file that may not even be read', async ({ skip }) => {
    skip(unable !== undefined, unable)
    const path = newPath()
    await fillStore(path)
    chmodSync(dirname(path), 0o777)
    chmodSync(path, 0o000)
    expect(await openUnprivileged(path)).toEqual(outcomeOf('STORE_READ_ONLY', path))
  })
})

describe('a database that another program has locked', () => {
  test('is refused for now when it cannot even be looked at', async () => {
    const { path, opening, release } = locked
    const [outcome] = await opening
    expect(outcome).toMatchObject({ opened: false, name: 'StoreError', code: 'STORE_BUSY' })
    expect(outcome?.message).toContain(path)
    expect(outcome?.message).toMatch(/locked by another process.*run it again when/)
    release()
    await open(path)
  })

  test('can be opened and read, and says of a write that it has to wait', async () => {
    const path = newPath()
    const patience: Migration = {
      name: 'the test does not wait long',
      up: async (db) => void (await sql`pragma busy_timeout = 50`.execute(db)),
    }
    const store = await open(path, { migrations: [...MIGRATIONS, patience] })
    const walk = await TestWalk.begin(store, 'acme')
    const other = new Database(path)
    onTestFinished(() => void other.close())
    other.exec('begin immediate')
    const before = await everythingIn(store)
    const error = await refusal(walk.page({ kept: identities('repo', 3) }))
    expect(error.code).toBe('STORE_BUSY')
    expect(error.retryable).toBe(true)
    expect(error.message).toContain(path)
    expect(await everythingIn(store)).toEqual(before)

    other.exec('rollback')
    expect(await walk.page({ kept: identities('repo', 3) })).toBe(3)
  })
})

describe('a full disk', () => {
  /** A limit that SQLite treats as a full disk; it belongs to the connection. */
  const limitedTo = (pages: () => number): Migration => ({
    name: 'a small disk',
    up: async (db) => void (await sql.raw(`pragma max_page_count = ${pages()}`).execute(db)),
  })

  test('while a database is made leaves nothing that the next open trips over', async () => {
    const path = newPath()
    const migrations = [limitedTo(() => 8), ...MIGRATIONS]
    const error = await refusal(openStore({ path, migrations }))
    expect(error.code).toBe('STORE_FULL')
    expect(error.retryable).toBe(true)
    expect(error.message).toContain(path)
    expect(error.message).toMatch(/the disk is full.*make room and run it again/)
    const store = await open(path, { migrations })
    await TestWalk.begin(store, 'acme')
  })

  test('while a page is committed loses that page alone; it can be committed when there is room', async () => {
    const path = newPath()
    let pages = 80
    const migrations = [...MIGRATIONS, limitedTo(() => pages)]
    const small = await openStore({ path, migrations })
    const walk = await TestWalk.begin(small, 'acme')
    let committed = 0
    let before: unknown
    const error = await refusal(
      (async () => {
        for (;;) {
          before = await everythingIn(small)
          await walk.page({ kept: identities(`page-${committed}`, 100) })
          committed += 1
        }
      })(),
    )
    expect(error.code).toBe('STORE_FULL')
    expect(committed).toBeGreaterThan(0)
    expect(await everythingIn(small)).toEqual(before)
    await small.close()

    pages = 1_000_000
    const store = await open(path, { migrations })
    expect(await everythingIn(store)).toEqual(before)
    const again = await TestWalk.claim(store, walk.sessionId)
    expect(await again.page({ kept: identities(`page-${committed}`, 100) })).toBe(100)
  })
})

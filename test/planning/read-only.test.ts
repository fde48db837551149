import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/domain/clock.ts'
import { targetKeyOf } from '../../src/domain/session-state.ts'
import { createMuster } from '../../src/muster.ts'
import { openReadOnly } from '../../src/store/open-read-only.ts'
import { openCopy } from '../../src/store/read-only-sqlite.ts'
import { makeVersion1 } from '../support/version-1.ts'
import { tempFolder } from '../support/temp.ts'

const clock = systemClock
const CONFIG = { name: 'list', sourceType: 'url', url: { urls: ['https://a.example/1', 'x'] } }

/** Every file of the folder, by what is in it; the index of a log is none of the database. */
const contents = (folder: string) =>
  readdirSync(folder)
    .toSorted()
    .map((name) => {
      const hash = createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex')
      return name.endsWith('-shm') ? name : `${name} ${hash}`
    })

/** A database with a walked target; still in use where it is to be. */
async function walked(db: string) {
  const muster = await createMuster({ database: db })
  const { config } = await muster.coordinator.enumerateTarget(CONFIG).done
  return { muster, key: targetKeyOf(config) }
}

async function historyIn(db: string, key: string) {
  const history = await openReadOnly(db, { clock })
  try {
    return {
      note: history.note,
      sessions: await history.sessionsOf(key),
      waits: await history.waits(),
    }
  } finally {
    await history.close()
  }
}

const EXPECTED = {
  note: null,
  sessions: [
    { targetName: 'list', status: 'PARTIALLY_COMPLETED', pages: 1, itemsFound: 2, itemsFailed: 1 },
  ],
  waits: [],
}

describe('a database that is only read', () => {
  test('is as it was, and nothing is beside it, once it is closed', async () => {
    const db = join(tempFolder(), 'muster.db')
    const { muster, key } = await walked(db)
    await muster.close()
    const before = contents(dirname(db))
    expect(await historyIn(db, key)).toMatchObject(EXPECTED)
    expect(contents(dirname(db))).toEqual(before)
    expect(before).toHaveLength(1)
    // As an older Node reads it.
    const copy = openCopy(db)
    expect(copy.all('select count(*) as n from sessions')).toEqual([{ n: 1 }])
    copy.close()
    expect(contents(dirname(db))).toEqual(before)
  })

  test('is as it was while a process has it, and what stands in its log is read', async () => {
    const db = join(tempFolder(), 'muster.db')
    const { muster, key } = await walked(db)
    const before = contents(dirname(db))
    expect(before.length).toBeGreaterThan(1)
    expect(await historyIn(db, key)).toMatchObject(EXPECTED)
    expect(contents(dirname(db))).toEqual(before)
    await muster.close()
  })

  test('is as it was after a process that died with it', async () => {
    const db = join(tempFolder(), 'muster.db')
    const { muster, key } = await walked(db)
    const left = join(tempFolder(), 'muster.db')
    for (const end of ['', '-wal', '-shm']) copyFileSync(`${db}${end}`, `${left}${end}`)
    await muster.close()
    const before = contents(dirname(left))
    expect(await historyIn(left, key)).toMatchObject(EXPECTED)
    expect(contents(dirname(left))).toEqual(before)
  })

  test('need not be writable', async () => {
    const db = join(tempFolder(), 'muster.db')
    const { muster, key } = await walked(db)
    await muster.close()
    chmodSync(db, 0o444)
    expect(await historyIn(db, key)).toMatchObject(EXPECTED)
  })

  test('of an older version is read as it is, and not migrated', async () => {
    const db = join(tempFolder(), 'muster.db')
    await makeVersion1(db)
    const copy = openCopy(db)
    const [row] = copy.all("select target_key from sessions where target_name = 'part'")
    copy.close()
    const before = contents(dirname(db))
    const { note, sessions } = await historyIn(db, String(row?.['target_key']))
    expect(note).toMatch(/tables of version 1, and this Muster makes \d+: it was read as it is/)
    expect(sessions).toMatchObject([
      { targetName: 'part', status: 'PARTIALLY_COMPLETED', asked: null },
    ])
    expect(contents(dirname(db))).toEqual(before)
  })

  test('that is not there is not made', async () => {
    const db = join(tempFolder(), 'muster.db')
    expect((await historyIn(db, 'any')).note).toContain('no history')
    expect(existsSync(db)).toBe(false)
  })
})

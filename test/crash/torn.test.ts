import { writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { beforeAll, describe, expect, test } from 'vitest'
import { drawing } from '../support/crash-draw.ts'
import { effort } from '../support/effort.ts'
import { takeFiles, type Files } from './files.ts'
import { dyingHost } from './kill-host.ts'
import { inPlace } from './places.ts'
import { recordLife } from './record.ts'
import { meet, tear, tornScenario, type Met } from './torn.ts'

/** What SQLite writes (sqlite.org/fileformat2.html): pages, and a log of them with a header each. */
const PAGE = 4096
const WAL_HEADER = 32
const FRAME = 24 + PAGE

/**
 * A process died, and then the files suffered: a power cut took what was not on
 * the disk yet, a copy was cut short, a file was left out of it. Opened again
 * they hold what was committed up to some moment, or are refused as they are.
 */
let torn: Awaited<ReturnType<typeof tear>>
let whole: Files
let main: Buffer
let wal: Buffer
let frames: number

const below = drawing('torn')
const cut = (bytes: Buffer, length: number) => bytes.subarray(0, length)
const frameAt = (index: number) => WAL_HEADER + index * FRAME

const drawnBytes = (length: number) => Buffer.from(Array.from({ length }, () => below(256)))

function flipped(bytes: Buffer, from: number, length: number): Buffer {
  const copy = Buffer.from(bytes)
  const at = from + below(length)
  copy[at]! ^= 1 << below(8)
  return copy
}

function overwritten(bytes: Buffer, at: number, by: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy.set(by, at)
  return copy
}

/** Every n-th of a row of numbers, so that about as many are left as are asked for. */
function some(count: number, wanted: number): number[] {
  const step = Math.max(1, Math.floor(count / wanted))
  return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step)
}

async function meetAll(damages: readonly Partial<Files>[]): Promise<Met[]> {
  const met = []
  for (const damage of damages) met.push(await meet(torn, damage))
  return met
}

const ends = (met: readonly Met[]) => new Set(met.map(({ end }) => end))
const losses = (met: readonly Met[]) => met.map((m) => (m.end === 'truth' ? m.lost : m.end))

beforeAll(async () => {
  torn = await tear()
  whole = torn.files
  main = whole.main!
  wal = whole.wal!
  frames = (wal.length - WAL_HEADER) / FRAME
})

describe('the log', () => {
  test('holds most of what was committed', () => {
    expect(Number.isInteger(frames)).toBe(true)
    expect(frames).toBeGreaterThan(80)
    expect(torn.history.length).toBeGreaterThan(40)
  })

  test('cut between two frames costs whole commits, and no more the later it is cut', async () => {
    const met = await meetAll(
      some(frames + 1, effort(25, Infinity)).map((n) => ({ main, wal: cut(wal, frameAt(n)) })),
    )
    expect(ends(met)).toEqual(new Set(['truth']))
    expect(losses(met)).toEqual(losses(met).toSorted((a, b) => Number(b) - Number(a)))
  })

  test('cut within a frame costs whole commits', async () => {
    const cuts = Array.from({ length: effort(15, 300) }, () => below(wal.length))
    expect(ends(await meetAll(cuts.map((at) => ({ main, wal: cut(wal, at) }))))).toEqual(
      new Set(['truth']),
    )
  })

  test('whose last frame holds a wrong bit costs the last commit', async () => {
    const damages = Array.from({ length: effort(12, 200) }, () => ({
      main,
      wal: flipped(wal, frameAt(frames - 1), FRAME),
    }))
    expect(new Set(losses(await meetAll(damages)))).toEqual(new Set([1]))
  })

  test('that holds a wrong bit anywhere costs the commits from there on', async () => {
    const damages = Array.from({ length: effort(12, 300) }, () => ({
      main,
      wal: flipped(wal, 0, wal.length),
    }))
    expect(ends(await meetAll(damages))).toEqual(new Set(['truth']))
  })

  test('with half a frame behind it, or with frames of an earlier log, costs nothing', async () => {
    const half = Buffer.concat([wal, cut(wal.subarray(WAL_HEADER), 1_000)])
    const stale = Buffer.concat([wal, drawnBytes(FRAME), wal.subarray(WAL_HEADER, frameAt(3))])
    expect(losses(await meetAll([half, stale].map((w) => ({ main, wal: w }))))).toEqual([0, 0])
  })

  test('that is gone, empty, zeros or another database’s costs all that it held', async () => {
    const met = await meetAll([
      { main },
      { main, shm: whole.shm },
      { main, wal: Buffer.alloc(0) },
      { main, wal: Buffer.alloc(wal.length) },
      { main, wal: overwritten(wal, 16, drawnBytes(8)) },
    ])
    expect(new Set(losses(met))).toEqual(new Set([torn.history.length - 1]))
  })
})

test('the shared memory is made anew, whatever is left of it', async () => {
  const length = whole.shm?.length ?? 0
  expect(length).toBeGreaterThan(0)
  const met = await meetAll(
    [null, whole.shm, Buffer.alloc(0), Buffer.alloc(length), drawnBytes(length)].map((shm) => ({
      main,
      wal,
      shm,
    })),
  )
  expect(losses(met)).toEqual([0, 0, 0, 0, 0])
})

test('a merge that broke off between two pages, or within one, costs nothing', async () => {
  const { merged } = torn
  const lengths = some(merged.length / PAGE + 1, effort(12, Infinity)).flatMap((n) => [
    n * PAGE,
    Math.min(n * PAGE + 1 + below(PAGE - 1), merged.length),
  ])
  const met = await meetAll(
    lengths.map((n) => ({ wal, main: Buffer.concat([cut(merged, n), main.subarray(n)]) })),
  )
  expect(new Set(losses(met))).toEqual(new Set([0]))
})

describe('the main file', () => {
  const beginnings = [1, 16, 50, 99, 100, 512, 1_000]

  /** Where it is cut: in the header, between pages, and within them. */
  const cutLengths = () => {
    const pages = some(main.length / PAGE, effort(8, Infinity)).slice(1)
    return [...beginnings, ...pages.flatMap((n) => [n * PAGE, n * PAGE + 7])]
  }
  test('that is cut is refused as it is, when nothing lies over it', async () => {
    const lengths = cutLengths()
    const met = await meetAll(lengths.map((n) => ({ main: cut(main, n) })))
    expect(met.map(({ end }) => end)).toEqual(lengths.map(() => 'refused'))
    for (const m of met) {
      if (m.end === 'refused') expect(m.code).toMatch(/^STORE_(CORRUPT|FOREIGN)$/)
    }
  })

  /**
   * A log hides where the file was cut: SQLite finds it when it reads a page
   * that is gone. Where the log holds all that was cut off, nothing is.
   */
  test('that is cut under a log is refused as soon as what is gone is read', async () => {
    const met = await meetAll(cutLengths().map((n) => ({ main: cut(main, n), wal })))
    expect(ends(met.slice(0, beginnings.length))).toEqual(new Set(['refused']))
    for (const m of met) expect(['refused', 'unread', 0]).toContain(losses([m])[0])
  })

  test.for([
    ['empty', Buffer.alloc(0)],
    ['missing', null],
  ] as const)(
    'that is %s beside a log is refused: the log alone holds the rest',
    async ([, file]) => {
      const met = await meetAll([
        { main: file, wal },
        { main: file, wal, shm: whole.shm },
      ])
      for (const m of met) {
        expect(m).toMatchObject({ end: 'refused', code: 'STORE_CORRUPT' })
        expect((m as { message: string }).message).toMatch(
          /its log .*-wal is not.*nothing was changed/,
        )
      }
    },
  )

  test('of nothing but zeros is refused as it is', async () => {
    const zeros = Buffer.alloc(main.length)
    expect(ends(await meetAll([{ main: zeros }, { main: zeros, wal }]))).toEqual(
      new Set(['refused']),
    )
  })

  /** Not what a crash leaves, but what a disk does. */
  test('with a damaged page is refused when that is read, and says what is true of the file', async () => {
    const pages = some(main.length / PAGE, effort(10, Infinity))
    const damages = pages.flatMap((n) => {
      const bad = overwritten(main, n * PAGE, drawnBytes(PAGE))
      return [{ main: bad }, { main: bad, wal }]
    })
    const met = await meetAll(damages)
    expect(ends(met)).toContain('refused')
    // Without the log, every page counts: none of these comes to the truth.
    expect(ends(met.filter((_, i) => i % 2 === 0))).not.toContain('truth')
  })
})

describe('a rollback journal', () => {
  /** A database without a log, in the middle of a commit: pages are overwritten, and the journal knows what they were. */
  const interrupted = (files: Files): Promise<Files> =>
    inPlace(async (path) => {
      writeFileSync(path, files.main!)
      const database = new Database(path)
      database.pragma('journal_mode = delete')
      // Pages go to the file before the commit.
      database.pragma('cache_size = 1')
      database.exec(`begin; update tasks set uri = 'lost', metadata = hex(randomblob(2000));
        update sessions set status = 'COMPLETED'; update resources set metadata = uri`)
      const taken = takeFiles(path)
      database.close()
      return taken
    })

  test('of a commit that broke off takes the pages back', async () => {
    const hot = await interrupted(whole)
    expect(hot.journal?.length).toBeGreaterThan(PAGE)
    expect(hot.main?.equals(main)).toBe(false)
    expect(await meet(torn, hot)).toEqual({ end: 'truth', lost: torn.history.length - 1 })
    const cold = { ...hot, journal: null }
    expect(await meet(torn, cold).catch(() => 'never committed')).not.toMatchObject({
      end: 'truth',
    })
  })

  test('that was never begun in earnest is passed over', async () => {
    const met = await meetAll([
      { main, wal, journal: Buffer.alloc(0) },
      { main, wal, journal: Buffer.alloc(512) },
      { main, journal: Buffer.from('nonsense') },
    ])
    expect(losses(met)).toEqual([0, 0, torn.history.length - 1])
  })

  test('beside a log is refused: one of them belongs to another database', async () => {
    const { journal } = await interrupted(whole)
    for (const j of [journal, Buffer.from('nonsense')]) {
      const met = await meet(torn, { main, wal, journal: j })
      expect(met).toMatchObject({ end: 'refused', code: 'STORE_CORRUPT' })
      expect((met as { message: string }).message).toMatch(/a log and a rollback journal/)
    }
  })
})

test('what a real kill left and a power cut then tore still comes to the truth', async () => {
  const killed = await inPlace(async (path) => {
    await tornScenario.prepare?.(path)
    const { reached } = await inPlace(async (other) => {
      await tornScenario.prepare?.(other)
      return recordLife(tornScenario, other)
    })
    const dieAt = Math.floor(reached.length * 0.8)
    const { signal, facts } = await dyingHost({ scenario: 'torn', path, dieAt })
    expect(signal).toBe('SIGKILL')
    return { files: takeFiles(path), facts }
  })
  const { main: file, wal: log, shm } = killed.files
  expect(log!.length).toBeGreaterThan(20 * FRAME)
  const theirs = { ...torn, facts: killed.facts, history: null }
  const cuts = Array.from({ length: effort(8, 100) }, () => cut(log!, below(log!.length)))
  for (const left of [log!, ...cuts]) {
    expect(await meet(theirs, { main: file, wal: left, shm })).toMatchObject({ end: 'truth' })
  }
})

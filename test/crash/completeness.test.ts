import { beforeAll, describe, expect, test } from 'vitest'
import type { TimeProvider } from '../../src/domain/clock.ts'
import { openStore } from '../../src/store/open.ts'
import { storeContract } from '../../src/testing/index.ts'
import { CRASHED_IN, uncalled, uncrashed, type Recordings } from './completeness.ts'
import { record } from './record.ts'
import { ALL } from './scenarios.ts'
import { isWrite, shapeOf } from './statements.ts'
import { deedOf, pragmasInSource, writesInSource } from './written.ts'

/** A crash that nobody thought of is looked for here: whatever writes has to be crashed at. */
const recordings: Record<string, Awaited<ReturnType<typeof record>>> = {}
/** The writes that the contract of all stores makes this one do. */
const byContract = new Set<string>()

beforeAll(async () => {
  for (const [name, scenario] of ALL) {
    const recording = await record(scenario)
    recordings[name] = { ...recording, wrecks: recording.wrecks.slice(0, 1) }
  }
  const onStatement = (sql: string) => {
    if (isWrite(sql)) byContract.add(shapeOf(sql))
  }
  const open = (options: { readonly clock: TimeProvider }) =>
    openStore({ path: ':memory:', onStatement, ...options })
  for (const { run } of storeContract(open)) await run()
})

const without = (...names: string[]): Recordings =>
  Object.fromEntries(Object.entries(recordings).filter(([known]) => !names.includes(known)))

const reached = () => Object.values(recordings).flatMap((recording) => recording.reached)

describe('every method of the store that writes', () => {
  test('is called in the scenario in which the process dies around it', () => {
    expect(uncalled(recordings)).toEqual([])
  })

  test('has to be named: the types ask for each', () => {
    const { commitPage, ...others } = CRASHED_IN
    // @ts-expect-error TypeScript sees that one is missing
    const lacking: typeof CRASHED_IN = others
    expect(Object.keys(lacking)).not.toContain('commitPage')
    expect(commitPage).toBe('walk')
  })

  test.for([...new Set(Object.values(CRASHED_IN))].filter((name) => name !== 'reads'))(
    'is named when the scenario "%s" is left out',
    (name) => {
      const missed = Object.entries(CRASHED_IN).filter(([, scenario]) => scenario === name)
      expect(uncalled(without(name))).toEqual(missed.map(([method]) => method))
    },
  )
})

describe('every statement that writes', () => {
  test('has a crash before and after it, if the contract of all stores leads to it', () => {
    expect(byContract.size).toBeGreaterThan(30)
    expect(uncrashed(byContract, recordings)).toEqual([])
  })

  test('has a crash before and after it, if it stands in the source of the store', () => {
    const written = writesInSource()
    expect(written.size).toBeGreaterThan(30)
    const crashed = new Set(reached().map(({ what }) => deedOf(what)))
    expect([...written].filter(([deed]) => !crashed.has(deed))).toEqual([])
  })

  test('is named when the scenario that makes it is left out', () => {
    expect(uncrashed(byContract, without('resources')).join('\n')).toMatch(
      /^update "resources" set .*\nupdate "scan_targets" set .*/,
    )
    expect(uncrashed(byContract, without('rounds', 'hosts')).join('\n')).toMatch(
      /^insert into "rounds".*\nupdate "rounds" set "completed_at"/m,
    )
    expect(uncrashed(byContract, {})).toEqual([...byContract].toSorted())
  })
})

describe('what opens, ends and merges', () => {
  test.for([
    'begin immediate',
    'commit',
    'close',
    'the live session takes batch.committed',
    ...pragmasInSource(),
  ])('%s has a crash before it and after it', (what) => {
    const phases = reached()
      .filter((boundary) => new RegExp(`^(pragma )?${what}\\b`).test(boundary.what))
      .map(({ phase }) => phase)
    expect(new Set(phases)).toEqual(new Set(['before', 'after']))
  })

  test('a file that exists and has nothing in it is among what crashes leave', () => {
    const [first] = recordings['creation']?.wrecks ?? []
    expect(first?.files).toMatchObject({ main: Buffer.alloc(0), wal: null })
  })
})

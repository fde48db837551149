import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parseArguments, UsageError } from './arguments.ts'
import type { Bench, Row } from './figure.ts'
import { FIGURES } from './figures/index.ts'
import { moreAtMost, shareOf, timesAtMost, verdictOf } from './goals.ts'
import { waitOfMost, watchLoop } from './loop-delays.ts'
import { against, bestOf, interleave } from './rounds.ts'
import { median, spreadOf } from './statistics.ts'
import { renderTable, spreadOfRow, written } from './table.ts'

const KNOWN = ['commit', 'walk']

const bench = (rounds: number): Bench => ({
  quick: true,
  rounds,
  roundsAtMost: (most) => Math.min(rounds, most),
  items: (_, quick) => quick,
  folder: () => {
    throw new Error('no folder is needed')
  },
  discard: () => undefined,
  say: () => undefined,
})

describe('the statistics', () => {
  test('the median is the middle one, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([10, 9, 2, 1])).toBe(5.5)
    expect(median([4])).toBe(4)
  })

  test('numbers are ordered as numbers', () => {
    expect(median([100, 20, 3])).toBe(20)
  })

  test('the values stay as they were', () => {
    const values = [3, 1, 2]
    expect(spreadOf(values)).toEqual({ median: 2, min: 1, max: 3 })
    expect(values).toEqual([3, 1, 2])
  })

  test('of no values there is none', () => {
    expect(() => median([])).toThrow(RangeError)
  })
})

describe('the arguments', () => {
  test('without any: everything, seven rounds', () => {
    expect(parseArguments([], KNOWN)).toEqual({
      quick: false,
      only: [],
      rounds: 7,
      items: undefined,
      json: 'bench-results.json',
    })
  })

  test('a quick run has one round unless more are asked for', () => {
    expect(parseArguments(['--quick'], KNOWN)).toMatchObject({ quick: true, rounds: 1 })
    expect(parseArguments(['--quick', '--rounds', '3'], KNOWN)).toMatchObject({ rounds: 3 })
  })

  test('names may be separated by commas or given one by one', () => {
    const both = ['commit', 'walk']
    expect(parseArguments(['--only', 'commit,walk'], KNOWN).only).toEqual(both)
    expect(parseArguments(['--only', 'commit', '--only', 'walk'], KNOWN).only).toEqual(both)
  })

  test('items and the file are taken over', () => {
    const given = parseArguments(['--items', '500', '--json', 'out.json'], KNOWN)
    expect(given).toMatchObject({ items: 500, json: 'out.json' })
  })

  test.each([
    [['--rounds', '0'], '--rounds: expected a whole number from 1 on; got "0"'],
    [['--rounds', 'many'], '--rounds: expected a whole number from 1 on; got "many"'],
    [['--items', '1.5'], '--items: expected a whole number from 1 on; got "1.5"'],
    [['--only', 'speed'], 'got "speed"; known are commit, walk'],
    [['--only', ''], 'got ""; known are commit, walk'],
    [['--json', ' '], '--json: expected a file'],
    [['--fast'], "Unknown option '--fast'"],
    [['commit'], 'known are --quick, --only'],
    [['--rounds'], "Option '--rounds <value>' argument missing"],
  ])('%j is refused in words', (argv, message) => {
    expect(() => parseArguments(argv, KNOWN)).toThrow(UsageError)
    expect(() => parseArguments(argv, KNOWN)).toThrow(message)
  })

  test('a mistake ends the program with 2, one line and no stack', () => {
    const main = fileURLToPath(new URL('main.ts', import.meta.url))
    const { status, stderr, stdout } = spawnSync(process.execPath, [main, '--only', 'speed'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    expect({ status, stdout, lines: stderr.trim().split('\n').length }).toEqual({
      status: 2,
      stdout: '',
      lines: 1,
    })
    expect(stderr).toContain('expected names of figures; got "speed"')
  })

  test('every figure has a name of its own', () => {
    const names = FIGURES.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(parseArguments(['--only', names.join(',')], names).only).toEqual(names)
  })
})

describe('the rounds', () => {
  const record = (calls: string[], name: string) => () => {
    calls.push(name)
    return calls.length
  }

  test('every other round is in reverse order, and the warm-up is not counted', async () => {
    const calls: string[] = []
    const contestants = { a: record(calls, 'a'), b: record(calls, 'b'), c: record(calls, 'c') }
    const rounds = await interleave(contestants, { bench: bench(3), name: 'test' })
    expect(calls.join('')).toBe('cbaabccbaabc')
    expect(rounds).toEqual([
      { a: 4, b: 5, c: 6 },
      { c: 7, b: 8, a: 9 },
      { a: 10, b: 11, c: 12 },
    ])
    expect(against(rounds, 'a', 'c')[1]).toEqual({ ours: 9, base: 7 })
  })

  test('a figure may have fewer rounds, and no warm-up', async () => {
    const calls: string[] = []
    const options = { bench: bench(5), name: 'test', rounds: 2, warmUp: false }
    const rounds = await interleave({ a: record(calls, 'a'), b: record(calls, 'b') }, options)
    expect(calls.join('')).toBe('abba')
    expect(rounds).toHaveLength(2)
  })

  test('what both wrote is looked at after each round; a difference ends the run', async () => {
    const seen: number[] = []
    const calls: string[] = []
    const run = interleave(
      { a: record(calls, 'a') },
      {
        bench: bench(3),
        name: 'test',
        after: () => {
          seen.push(calls.length)
          if (seen.length === 3) throw new Error('not the same rows')
        },
      },
    )
    await expect(run).rejects.toThrow('not the same rows')
    expect(seen).toEqual([1, 2, 3])
  })
})

describe('the best of several', () => {
  const rounds = [
    { a: 10, b: 20, c: 15 },
    { a: 11, b: 20, c: 99 },
    { a: 12, b: 21, c: 1 },
  ]

  test('is so by its median, not by its best round', () => {
    expect(bestOf(rounds, ['a', 'b', 'c'], 'higher')).toBe('b')
    expect(bestOf(rounds, ['c', 'b', 'a'], 'lower')).toBe('a')
  })

  test('of none there is none', () => {
    expect(() => bestOf(rounds, [], 'lower')).toThrow(RangeError)
  })
})

describe('the verdict', () => {
  test.each([
    [shareOf(0.8, 0.95), 0.96, 'reached the aim'],
    [shareOf(0.8, 0.95), 0.95, 'reached the aim'],
    [shareOf(0.8, 0.95), 0.8, 'reached'],
    [shareOf(0.8, 0.95), 0.79, 'missed'],
    [timesAtMost(0.95, 0.8), 0.8, 'reached the aim'],
    [timesAtMost(0.95, 0.8), 0.9, 'reached'],
    [timesAtMost(0.95, 0.8), 0.96, 'missed'],
    [moreAtMost(40, 10), -3, 'reached the aim'],
    [moreAtMost(40, 10), 41, 'missed'],
  ])('%j at %d: %s', (goal, value, verdict) => {
    expect(verdictOf(goal, value)).toBe(verdict)
  })
})

describe('the table', () => {
  const row: Row = {
    what: 'durable commit',
    against: 'raw',
    unit: 'items/s',
    measure: 'ratio',
    goal: shareOf(0.8, 0.95),
    samples: [
      { ours: 30_000, base: 60_000 },
      { ours: 45_000, base: 50_000 },
      { ours: 36_000, base: 40_000 },
    ],
  }
  /** The cells of the rows below the head; a cell may go over several lines. */
  const cellsOf = (table: string): string[][] =>
    table
      .split('\n')
      .slice(3)
      .filter((line) => line.startsWith('│'))
      .map((line) => line.split('│').map((cell) => cell.trim()))

  test('ratios are of each round, not of the medians', () => {
    expect(spreadOfRow(row)).toEqual({ median: 0.9, min: 0.5, max: 0.9 })
  })

  test('has the medians, the spread, the goals and the verdict', () => {
    const [first] = cellsOf(renderTable([row], true))
    const shown = ['36,000 items/s', '50,000 items/s', '0.90', '0.50 – 0.90', '≥ 0.80', '≥ 0.95']
    expect(first).toEqual(['', 'durable commit', ...shown, 'reached', ''])
  })

  test('judges no quick run, and no row without a goal', () => {
    const { goal: _, ...plain } = row
    const cells = cellsOf(renderTable([row, plain], false))
    expect(cells[0]?.at(-2)).toBe('not judged')
    expect(cells[2]?.slice(-4)).toEqual(['', '', '', ''])
  })

  test('a difference has its sign', () => {
    const memory: Row = {
      ...row,
      unit: 'MB',
      measure: 'difference',
      goal: moreAtMost(40, 10),
      samples: [{ ours: 120, base: 100 }],
    }
    const [first] = cellsOf(renderTable([memory], true))
    expect(first?.slice(4, -1)).toEqual(['+20', '+20 – +20', '≤ +40', '≤ +10', 'reached'])
  })

  test('says why something was not measured', () => {
    const why = 'not measured: there is no server'
    expect(renderTable([{ what: 'durable items', why }], true)).toContain(why)
  })

  test.each([
    [12_345.6, '12,346'],
    [99.96, '100'],
    [12.34, '12.3'],
    [0.123, '0.12'],
  ])('%d is written as %s', (value, text) => {
    expect(written(value)).toBe(text)
  })
})

describe('the delay of the event loop', () => {
  test('of a loop that comes round every millisecond: nearly a millisecond', () => {
    expect(waitOfMost(Array.from({ length: 1_000 }, () => 1))).toBeCloseTo(0.99, 2)
  })

  test('one long stop counts for as long as it lasted', () => {
    // Of 2,000 ms, 1,000 are one stop: whoever comes in its first 20 ms waits 980 or more.
    const gaps = [1_000, ...Array.from({ length: 1_000 }, () => 1)]
    expect(waitOfMost(gaps)).toBeCloseTo(980, 0)
  })

  test('stops that make up less than a hundredth do not show', () => {
    expect(waitOfMost([50, ...Array.from({ length: 9_950 }, () => 1)])).toBeLessThan(1)
  })

  test('of nothing there is none', () => {
    expect(waitOfMost([])).toBe(0)
  })

  test('who keeps the loop to the end has kept it', () => {
    const stop = watchLoop()
    const until = performance.now() + 30
    while (performance.now() < until);
    const { p99, max } = stop()
    expect(max).toBeGreaterThanOrEqual(30)
    expect(p99).toBeGreaterThan(0.9 * max)
  })
})

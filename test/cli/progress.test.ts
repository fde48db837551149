import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { progressLines } from '../../src/cli/progress-lines.ts'
import type { Line } from '../../src/cli/progress-state.ts'
import { fitted, widthOf } from '../../src/cli/text-width.ts'
import { noSessionMetrics } from '../../machines/index.ts'
import type { SessionState } from '../../src/domain/session-state.ts'
import { writeConfig } from '../support/config.ts'
import { tempFolder } from '../support/temp.ts'

const NOW = Date.parse('2026-01-01T10:00:00Z')

const line = (
  name: string,
  given: Partial<Line> & {
    found?: number
    failed?: number
    total?: number | null
    status?: string
  } = {},
): [string, Line] => {
  const { found = 0, failed = 0, total = null, status = 'IN_PROGRESS', ...rest } = given
  const session = {
    sessionId: name,
    targetName: name,
    status,
    total,
    metrics: { ...noSessionMetrics, itemsFound: found, itemsFailed: failed, totalBatches: 2 },
    timeline: { startedAt: new Date(NOW), lastUpdate: new Date(NOW), completedAt: null },
  } as unknown as SessionState
  const base: Line = {
    session,
    startedAt: NOW - 10_000,
    itemsBefore: 0,
    doing: 'walking',
    reason: null,
    until: null,
  }
  return [name, { ...base, ...rest }]
}

const screen = { width: 100, rows: 14, color: false, now: NOW }

describe('the progress display', () => {
  test('shows a bar, a rate and the time left where a total is known, and a count elsewhere', () => {
    const state = new Map([
      line('acme', { found: 500, total: 2_000 }),
      line('list', { found: 1_234, failed: 3 }),
    ])
    expect(progressLines(state, screen)).toEqual([
      'acme  █████░░░░░░░░░░░░░░░ 500 of 2,000  50/s, 30 s left',
      'list  1,234, 3 failed (2 pages)  123/s',
      '0 of 2 targets ended, 1,734 items, 173/s, 3 failed',
    ])
  })

  test("counts a resumed walk's rate from where this process took it up", () => {
    const state = new Map([line('acme', { found: 500, itemsBefore: 400 })])
    expect(progressLines(state, screen)[0]).toContain('  10/s')
  })

  test('counts down to the end of a wait, with its reason', () => {
    const waiting = { doing: 'waiting', until: NOW + 90_000, reason: 'the limit is spent' } as const
    const at = (now: number) =>
      progressLines(new Map([line('acme', waiting)]), { ...screen, now })[0]
    expect(at(NOW)).toContain('waits 1 min 30 s: the limit is spent')
    expect(at(NOW + 60_000)).toContain('waits 30 s: the limit is spent')
  })

  test('tells what is paused, held, tried again and ended', () => {
    const state = new Map([
      line('a', { doing: 'paused', reason: 'the token was refused' }),
      line('b', { doing: 'holding' }),
      line('c', { doing: 'retrying', reason: 'GitHub failed' }),
      line('d', { doing: 'ended', status: 'COMPLETED' }),
    ])
    const said = progressLines(state, screen).join('\n')
    expect(said).toContain('paused: the token was refused')
    expect(said).toContain('held until the host takes more tasks')
    expect(said).toContain('tries again: GitHub failed')
    expect(said).toContain('COMPLETED')
    expect(said).toContain('1 of 4 targets ended')
  })

  test.each([20, 40, 69, 70, 100, 200])('fits a terminal of %i columns', (width) => {
    const name = `${'very-long-name-'.repeat(10)}日本語の名前${'🙂'.repeat(9)}`
    const why = { doing: 'waiting', until: NOW, reason: 'because '.repeat(50) } as const
    const state = new Map([
      line(name, { ...why, found: 1_000_000, total: 2_000_000 }),
      line(`日本語${name}`, { found: 7, total: 1_234_567_890 }),
    ])
    const lines = progressLines(state, { ...screen, width, color: true })
    for (const text of lines) {
      expect(widthOf(stripVTControlCharacters(text)), text).toBeLessThan(width)
    }
    expect(lines).toHaveLength(3)
  })

  test('counts two columns for the letters that take them', () => {
    expect(widthOf('日本語ab🙂')).toBe(10)
    expect(fitted('日本語', 5)).toBe('日本…')
    expect(fitted('日本語', 4)).toBe('日…')
  })

  test('shows what needs to be seen, and counts the others', () => {
    const state = new Map([
      ...Array.from({ length: 30 }, (_, at) => line(`done-${at}`, { doing: 'ended' })),
      line('slow'),
      line('late', { doing: 'waiting', until: NOW + 1_000 }),
    ])
    const lines = progressLines(state, { ...screen, rows: 6 })
    expect(lines).toHaveLength(6)
    expect(lines.join('\n')).toMatch(/slow[^]*late[^]*… 28 more targets\n30 of 32 targets ended/)
  })

  test('lets no name move the cursor, and has colours only where they are wanted', () => {
    const state = new Map([line('a\u001B[2Jb\nc', { doing: 'ended', status: 'FAILED' })])
    const [plain = ''] = progressLines(state, screen)
    expect(plain).toMatch(/^ab c /)
    // oxlint-disable-next-line no-control-regex
    expect(plain).not.toMatch(/[\u0000-\u001F]/)
    const [colored = ''] = progressLines(state, { ...screen, color: true })
    expect(colored).toContain('\u001B[31mFAILED\u001B[39m')
  })
})

const SCRIPT = '/usr/bin/script'
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

// util-linux's `script` gives a terminal to a process that has none.
describe.runIf(existsSync(SCRIPT))('on a terminal', () => {
  const inTerminal = (given: NodeJS.ProcessEnv) => {
    const folder = tempFolder()
    const config = writeConfig(folder, {
      targets: [
        { name: 'good', source_type: 'url', url: { urls: ['https://a.example/1'] } },
        { name: 'some', source_type: 'url', url: { urls: ['https://a.example/1', 'nothing'] } },
      ],
    })
    const db = join(folder, 'a b.db')
    const tool = `'${process.execPath}' '${MAIN}' run '${config}' --db '${db}' > '${folder}/out'`
    const { stdout } = spawnSync(SCRIPT, ['-qec', `stty cols 80 rows 20; ${tool}`, '/dev/null'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', ...given },
    })
    return { stdout, db, config }
  }

  test('walks are shown as they go, and the end says what to do next', () => {
    const { stdout, db, config } = inTerminal({ NO_COLOR: '' })
    expect(stdout).toContain('\u001B[32mCOMPLETED\u001B[39m')
    const text = stripVTControlCharacters(stdout).replaceAll('\r', '')
    expect(text).toContain('2 of 2 targets ended, 3 items, 1 failed')
    const id = /muster retry ([\da-f-]{36})/.exec(text)?.[1]
    expect(text).toContain(
      `muster: some: 1 item failed; try again: muster retry ${id} --db '${db}' --config ${config}\n`,
    )
    expect(text).toContain('muster: 1 of 2 targets complete, 1 item')
  })

  test('NO_COLOR leaves the colours out', () => {
    const { stdout } = inTerminal({ NO_COLOR: '1' })
    expect(stdout).toContain('COMPLETED')
    expect(stdout).not.toContain('\u001B[32m')
  })
})

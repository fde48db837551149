import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { runCli } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { ask, askNumber } from '../support/database.ts'
import { effort } from '../support/effort.ts'
import { quickDatabase } from '../support/temp.ts'

/** A tenth shows a leak; a million shows what is promised. */
const LINES = effort(100_000, 1_000_000)
const MAX_MB = 250

const urlOf = (line: number) => `https://files.example/archive/${line % 1_000}/${line}.warc.gz`

/** Written in pieces: the test's own memory is of no interest, but the machine's is shared. */
function writeList(path: string): void {
  const file = openSync(path, 'w')
  for (let line = 0; line < LINES; line += 10_000) {
    writeSync(file, Array.from({ length: 10_000 }, (_, i) => `${urlOf(line + i)}\n`).join(''))
  }
  closeSync(file)
}

// A busy machine holds up the collector, and the peak with it; a leak is there every time.
const options = { retry: 2, timeout: 900_000 }

test(
  `a list of ${LINES.toLocaleString('en')} lines is walked in ${MAX_MB} MB`,
  options,
  async () => {
    const db = quickDatabase()
    const folder = dirname(db)
    const peak = join(folder, 'peak')
    writeList(join(folder, 'urls.txt'))
    const config = writeConfig(folder, {
      targets: [{ name: 'many', source_type: 'url', url: { urls_file: 'urls.txt' } }],
    })
    const began = performance.now()
    const { code, stderr } = await runCli(['run', config, '--db', db], {
      env: {
        MUSTER_TEST_MEMORY: peak,
        NODE_OPTIONS: `--import=${new URL('../support/report-memory.ts', import.meta.url).href}`,
      },
    })
    const seconds = (performance.now() - began) / 1000
    const megabytes = (Number(readFileSync(peak, 'utf8')) * 1024) / 1e6
    console.log(`${LINES} lines: ${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB at most`)
    expect(code, stderr).toBe(0)
    expect(
      ask(db, 'select status, completeness, items_processed, items_failed from sessions'),
    ).toEqual([
      { status: 'COMPLETED', completeness: 'COMPLETE', items_processed: LINES, items_failed: 0 },
    ])
    expect(askNumber(db, 'select count(*) from tasks')).toBe(LINES)
    expect(askNumber(db, 'select count(distinct uri) from tasks')).toBe(LINES)
    expect(ask(db, 'select uri from tasks order by seq limit 1')).toEqual([{ uri: urlOf(0) }])
    expect(ask(db, 'select uri from tasks order by seq desc limit 1')).toEqual([
      { uri: urlOf(LINES - 1) },
    ])
    expect(megabytes).toBeLessThan(MAX_MB)
  },
)

/**
 * Measures Muster against what it is built on and against what is there to be
 * used in its place:
 *
 *   node test/bench/main.ts [--quick] [--only NAME,...] [--rounds N] [--items N] [--json FILE]
 *
 * Each figure is held against a baseline of the same minutes. The table goes to
 * standard output, the progress to standard error, every number to the file.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArguments, UsageError, type Arguments } from './arguments.ts'
import type { Bench, Figure, Line } from './figure.ts'
import { FIGURES } from './figures/index.ts'
import { resultsOf } from './results.ts'
import { renderTable } from './table.ts'
import { TempFolders } from './temp.ts'

const FAILED_STATUS = 1
const USAGE_STATUS = 2
/** As a shell reports it. */
const INTERRUPTED_STATUS = 130
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

function benchOf({ quick, rounds, items }: Arguments, folders: TempFolders): Bench {
  return {
    quick,
    rounds,
    roundsAtMost: (most) => Math.min(rounds, most),
    items: (full, small) => items ?? (quick ? small : full),
    folder: () => folders.make(),
    discard: (folder) => folders.discard(folder),
    say: (text) => console.error(text),
  }
}

/** A figure that fails takes no other with it: the rest took minutes too. */
async function measured(figure: Figure, bench: Bench): Promise<readonly Line[]> {
  try {
    return await figure.measure(bench)
  } catch (thrown) {
    process.exitCode = FAILED_STATUS
    console.error(thrown)
    return [{ what: figure.name, why: `failed: ${(thrown as Error).message}` }]
  }
}

async function run(given: Arguments): Promise<void> {
  const startedAt = new Date()
  const bench = benchOf(given, new TempFolders())
  const wanted = FIGURES.filter(({ name }) => given.only.length === 0 || given.only.includes(name))
  const lines: Line[] = []
  for (const figure of wanted) {
    lines.push(...(await measured(figure, bench)))
    // After each, so that whoever interrupts the run has what was measured.
    const results = resultsOf({ ...given, lines, startedAt })
    writeFileSync(given.json, `${JSON.stringify(results, undefined, 2)}\n`)
  }
  console.log(renderTable(lines, !given.quick))
  console.error(`every number: ${given.json}`)
}

/**
 * The same again with the collector at hand, and without what a developer's
 * environment adds: users run XState's production build.
 */
async function again(): Promise<number> {
  const child = spawn(
    process.execPath,
    ['--expose-gc', fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    { stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: '' } },
  )
  // Whoever stops this process means the one that works.
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  const [status] = (await once(child, 'exit')) as [number | null]
  return status ?? FAILED_STATUS
}

try {
  const names = FIGURES.map(({ name }) => name)
  const given = parseArguments(process.argv.slice(2), names)
  if (globalThis.gc === undefined) process.exitCode = await again()
  else {
    // An exit, in place of a death: only an exit has the temporary files removed.
    for (const signal of SIGNALS) {
      process.once(signal, () => process.exit(INTERRUPTED_STATUS))
    }
    await run(given)
  }
} catch (thrown) {
  if (!(thrown instanceof UsageError)) throw thrown
  console.error(`bench: ${thrown.message}`)
  process.exitCode = USAGE_STATUS
}

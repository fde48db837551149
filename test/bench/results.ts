import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os'
import { isMissing, type Line } from './figure.ts'
import { verdictOf } from './goals.ts'
import { spreadOfRow } from './table.ts'

interface Run {
  readonly lines: readonly Line[]
  readonly quick: boolean
  readonly rounds: number
  readonly startedAt: Date
}

/** Packages whose speed is part of the figures. */
const PACKAGES = ['better-sqlite3', 'kysely', 'xstate', '@octokit/rest', 'p-queue', 'zod'] as const

const versionOf = (name: string): string => {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryMb: Math.round(totalmem() / 1_048_576),
  system: `${platform()} ${release()}`,
  /** Of the last minute: what else the machine did. */
  load: loadavg()[0],
})

const lineOf = (line: Line, judged: boolean) => {
  if (isMissing(line)) return line
  const spread = spreadOfRow(line)
  return {
    ...line,
    ...spread,
    ...(judged && line.goal && { verdict: verdictOf(line.goal, spread.median) }),
  }
}

/** Everything that a run found, as it is written to a file. */
export function resultsOf({ lines, quick, rounds, startedAt }: Run) {
  return {
    startedAt: startedAt.toISOString(),
    endedAt: new Date().toISOString(),
    quick,
    rounds,
    node: process.version,
    machine: machine(),
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    lines: lines.map((line) => lineOf(line, !quick)),
  }
}

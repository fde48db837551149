/** How soon another host goes on with what a host had that was killed, or sleeps. */
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { Onlooker } from '../../hosts/audit.ts'
import { Duel, type Blow, type Prize } from '../../hosts/duel.ts'
import { numberedTarget } from '../../hosts/numbered-source.ts'
import { createDatabase } from '../../support/servers/databases.ts'
import { missingPostgres, postgresServer } from '../../support/servers/postgres.ts'
import type { Bench, Figure, Line, Row } from '../figure.ts'
import { timesAtMost } from '../goals.ts'

/** Of each: fewer would say little of where in a lease the blow falls. */
const TIMES = 10
/** A lease is renewed when a third of it is over, and looked at each quarter of it. */
const GOAL = timesAtMost(2, 1.35)
/** Where the other knows that its process is dead, the lease does not matter. */
const LONG_LEASE_MS = 30_000
const GOAL_AT_ONCE = timesAtMost(0.2, 0.05)

interface Case {
  readonly prize: Prize
  readonly blow: Blow
  readonly leaseMs: number
  /** Whether the hosts have one host name. */
  readonly alike?: boolean
}

const CASES: readonly Case[] = [
  { prize: 'session', blow: 'kill', leaseMs: 1_000 },
  { prize: 'session', blow: 'kill', leaseMs: 3_000 },
  { prize: 'session', blow: 'stop', leaseMs: 1_000 },
  { prize: 'session', blow: 'stop', leaseMs: 3_000 },
  { prize: 'session', blow: 'kill', leaseMs: LONG_LEASE_MS, alike: true },
  { prize: 'leadership', blow: 'kill', leaseMs: 1_000 },
  { prize: 'leadership', blow: 'kill', leaseMs: 3_000 },
  { prize: 'leadership', blow: 'stop', leaseMs: 1_000 },
  { prize: 'leadership', blow: 'stop', leaseMs: 3_000 },
  { prize: 'leadership', blow: 'kill', leaseMs: LONG_LEASE_MS, alike: true },
]

/** Whether it runs at all. */
const QUICK_CASES = CASES.filter(({ leaseMs, blow }) => leaseMs === 1_000 && blow === 'kill')

const inWords = ({ prize, blow, alike = false }: Case): string =>
  [
    prize === 'session' ? 'first page of another host' : 'another host leads',
    `after ${blow === 'kill' ? 'kill -9' : 'SIGSTOP'}`,
    ...(alike ? ['on the same machine'] : []),
  ].join(' ')

async function measureCase(bench: Bench, server: string, one: Case): Promise<Row> {
  const { prize, blow, leaseMs, alike = false } = one
  const times = bench.quick ? 1 : TIMES
  const database = await createDatabase(server, 'muster_bench')
  const onlooker = await Onlooker.over(database.url)
  const folder = bench.folder()
  const config = join(folder, 'muster.yaml')
  writeFileSync(config, JSON.stringify({ targets: [numberedTarget('endless', 10_000_000)] }))
  const names = ['north', alike ? 'north' : 'south'] as const
  const duel = new Duel({ onlooker, database: database.url, config, leaseMs, names })
  const samples: Row['samples'][number][] = []
  try {
    duel.begin()
    while (samples.length < times) {
      bench.say(`takeover: ${inWords(one)}, ${samples.length + 1} of ${times}`)
      const { tookMs } = await duel.strike(prize, blow)
      samples.push({ ours: tookMs, base: leaseMs })
    }
  } finally {
    await duel.end()
    await onlooker.close()
    await database.drop()
    bench.discard(folder)
  }
  return {
    what: inWords(one),
    against: `the lease: ${leaseMs / 1_000} s`,
    unit: 'ms',
    measure: 'ratio',
    goal: alike ? GOAL_AT_ONCE : GOAL,
    samples,
  }
}

async function measureTakeover(bench: Bench): Promise<readonly Line[]> {
  const why = missingPostgres()
  if (why !== undefined) return [{ what: 'take-over between hosts', why: `not measured: ${why}` }]
  const server = await postgresServer()
  try {
    const rows: Row[] = []
    for (const one of bench.quick ? QUICK_CASES : CASES)
      rows.push(await measureCase(bench, server.url, one))
    return rows
  } finally {
    await server.stop()
  }
}

export const takeover: Figure = { name: 'takeover', measure: measureTakeover }

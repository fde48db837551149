import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { drawing } from '../support/crash-draw.ts'
import { writeConfig } from '../support/config.ts'
import { effort, isLong } from '../support/effort.ts'
import { describeWith } from '../support/servers/shared.ts'
import { missingNats, startNats } from '../support/servers/nats.ts'
import { missingPostgres, startPostgres } from '../support/servers/postgres.ts'
import { tempFolder } from '../support/temp.ts'
import { isTakeover, Onlooker } from './audit.ts'
import { Collector } from './collector.ts'
import { Disturber, drawOrder } from './disturbances.ts'
import { Fleet } from './fleet.ts'
import { numberedTarget } from './numbered-source.ts'
import {
  again,
  countProblems,
  endingProblems,
  expectedTasks,
  fenceProblems,
  rowProblems,
  streamProblems,
} from './truth.ts'

const NAMES = ['north', 'east', 'south', 'west'].slice(0, effort(3, 4))
const SESSIONS = effort(8, 40)
const EACH = effort(500, 2_500)
const TOTAL = SESSIONS * EACH
const COUNTS = {
  kills: effort(4, 30),
  stops: effort(2, 10),
  restarts: effort(1, 2),
}
const LEASE_MS = effort(1_000, 2_000)
const PREFIX = 'chaos'
const CONNECTIONS = `select count(*) from pg_stat_activity where application_name = 'muster'`

/** How long the whole may take; it ends as soon as it can. */
const PATIENCE_MS = effort(100_000, 800_000)

async function setting() {
  const [postgres, nats] = await Promise.all([startPostgres(), startNats()])
  onTestFinished(async () => void (await Promise.all([postgres.stop(), nats.stop()])))
  const onlooker = await Onlooker.over(postgres.url)
  onTestFinished(() => onlooker.close())
  const collector = await Collector.begin(nats.url, PREFIX)
  onTestFinished(() => collector.close())
  const lists = Array.from({ length: SESSIONS }, (_, n) => `list-${String(n).padStart(2, '0')}`)
  const config = writeConfig(tempFolder(), {
    targets: lists.map((list) => numberedTarget(list, EACH)),
  })
  const fleet = new Fleet({
    database: postgres.url,
    config,
    leaseMs: LEASE_MS,
    maxSessions: effort(4, 16),
    pageSize: effort(20, 50),
    latencyMs: effort(250, 400),
    nats: { url: nats.url, prefix: PREFIX },
  })
  onTestFinished(() => fleet.end())
  return { postgres, nats, onlooker, collector, fleet }
}

type Setting = Awaited<ReturnType<typeof setting>>

async function until(what: string, happened: () => Promise<boolean>, giveUpAt: number) {
  while (!(await happened())) {
    if (performance.now() > giveUpAt) throw new Error(`waited in vain until ${what}`)
    await sleep(50)
  }
}

/** Disturbs the round as it goes on, evenly by what is found, so that nothing is left for when it is over. */
async function disturbAll({ onlooker, ...at }: Setting, giveUpAt: number): Promise<Disturber> {
  const below = drawing('chaos of hosts')
  const disturber = new Disturber({ ...at, onlooker, below })
  const plan = drawOrder(COUNTS, below)
  const found = () => onlooker.number('select coalesce(sum(items_processed), 0) from sessions')
  for (const [n, what] of plan.entries()) {
    const from = (TOTAL * (n + 1)) / (plan.length + 2)
    await until(`${from} are found`, async () => (await found()) >= from, giveUpAt)
    await disturber.do(what)
    disturber.most = Math.max(disturber.most, await onlooker.number(CONNECTIONS))
  }
  await disturber.settle()
  return disturber
}

async function awaitEnd({ onlooker, collector, fleet }: Setting, giveUpAt: number): Promise<void> {
  const open = 'select count(*) from rounds where completed_at is null'
  const isOver = async () => (await onlooker.number(open)) === 0
  await until('the round is over', isOver, giveUpAt)
  await until('all is taken', async () => collector.ended().length >= SESSIONS, giveUpAt)
  const isTold = async () => fleet.awake.every((host) => host.said('ready'))
  await until('every host is there', isTold, giveUpAt)
}

function report({ fleet, collector }: Setting, figures: Record<string, unknown>): void {
  const told = {
    ...figures,
    'fenced commits': fleet.count('counted'),
    'rounds that broke in a host': fleet.count('broke'),
    ...again(collector),
  }
  console.log(
    Object.entries(told)
      .map(([what, value]) => `${what}: ${JSON.stringify(value)}`)
      .join('\n'),
  )
}

const missing = () => missingPostgres() ?? missingNats()

describeWith(missing)('hosts that die, sleep and lose their servers', () => {
  test(
    `walk ${TOTAL} resources through ${COUNTS.kills} kills and ${COUNTS.stops} stops, and hand on each once`,
    async () => {
      const began = performance.now()
      const giveUpAt = began + PATIENCE_MS
      const all = await setting()
      const { onlooker, fleet, collector } = all
      for (const name of NAMES) fleet.start(name)
      const disturber = await disturbAll(all, giveUpAt)
      await awaitEnd(all, giveUpAt)
      const fell = endingProblems(fleet)
      const endings = await Promise.all(fleet.awake.map((host) => host.close()))
      const changes = await onlooker.changes()
      const sessions = await onlooker.ask<{ session_id: string; target_name: string }>(
        'select session_id, target_name from sessions order by id',
      )
      report(all, {
        seconds: Math.round((performance.now() - began) / 1_000),
        done: disturber.done,
        takeovers: changes.filter(isTakeover).length,
        'connections at most': disturber.most,
        leaders: (await onlooker.leaders()).length,
      })
      expect(fell).toEqual([])
      expect(endings).toEqual(endings.map(() => ({ code: 0, signal: null })))
      expect(await rowProblems(onlooker, { sessions: SESSIONS, each: EACH })).toEqual([])
      expect(await onlooker.number(CONNECTIONS)).toBe(0)
      expect(fenceProblems(changes)).toEqual([])
      expect(countProblems(fleet)).toEqual([])
      expect(streamProblems(collector, expectedTasks(sessions, EACH))).toEqual([])
      // Else nothing of the above was put to the test.
      expect(changes.filter(isTakeover).length).toBeGreaterThan(0)
      if (isLong) expect(fleet.count('counted')).toBeGreaterThan(0)
    },
    PATIENCE_MS + 60_000,
  )
})

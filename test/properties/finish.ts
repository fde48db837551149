import { expect } from 'vitest'
import type { JsonValue } from '../../src/index.ts'
import { TIMES } from '../model/rig.ts'
import type { Host, Run } from './host.ts'
import { contextOf, sessionsIn, type SessionRow, type Truth } from './truth.ts'
import type { World } from './world.ts'

/** Answers and pauses that the longest of these walks needs, many times over. */
const MOST_STEPS = 600

const HOUR = 3_600_000

const ACTIVE = /^(INITIALIZED|IN_PROGRESS|STALLED)$/

/**
 * Everything is brought to its end: who sleeps wakes up and closes, another
 * process takes up what is left, the source answers, and the host takes every task.
 */
export async function finish(world: World, truth: Truth): Promise<void> {
  await endAll(world)
  const [host] = world.hosts
  await host.start()
  for (const { session_id: id } of unfinished(world)) {
    await walkToEnd(world, host, await host.resume(id))
  }
  truth.expectTrue()
  for (const row of sessionsIn(world).filter(({ status }) => /FAILED|PARTIALLY/.test(status))) {
    truth.resuming(row.session_id)
    await walkToEnd(world, host, await host.resume(row.session_id))
    truth.expectTrue()
  }
  await deliverAll(world, host)
  truth.expectTrue()
  await host.close()
  truth.expectTrue()
  expectEnded(world)
}

/** Whoever runs is closed in an orderly way, or dies if it was to die in its next write. */
async function endAll(world: World): Promise<void> {
  for (const host of world.hosts) {
    if (!host.isRunning) continue
    if (!host.isAwake) host.wake()
    host.rig.disk.watch = undefined
    await host.close()
  }
}

const unfinished = (world: World) => sessionsIn(world).filter(({ status }) => ACTIVE.test(status))

/** Gives the walk what it asks for, until it is over. */
async function walkToEnd(world: World, host: Host, run: Run): Promise<void> {
  const { source } = host
  for (let i = 0; i < MOST_STEPS; i += 1) {
    await world.calm()
    if (run.outcome !== undefined) return
    const [request] = source.open
    // Now and then for hours: a limit that was stored holds for this process too.
    if (request === undefined) world.time.pass(i % 20 === 19 ? 4 * HOUR : TIMES.waitMs)
    else source.give(request, world.listings.end(request.list, request.number))
  }
  throw new Error(`session ${run.sessionId} does not come to its end`)
}

/** A host takes all tasks of all sessions, several loops at a time. */
async function deliverAll(world: World, host: Host): Promise<void> {
  for (const row of sessionsIn(world)) {
    const run = await host.resume(row.session_id)
    host.take(run)
    host.take(run)
    for (let i = 0; i < MOST_STEPS; i += 1) {
      await world.calm()
      const readers = host.readers.filter(({ isOver }) => !isOver)
      if (readers.length === 0) break
      if (i === MOST_STEPS - 1) throw new Error('a loop over the tasks of a walk does not end')
      for (const reader of readers) host.ask(reader)
    }
  }
}

/** Every session is as complete as its items allow, and every task is acknowledged. */
function expectEnded(world: World): void {
  expect(world.faults).toEqual([])
  expect(world.ledger.missing()).toEqual([])
  for (const row of sessionsIn(world)) {
    expect({ id: row.session_id, at: contextOf(row).position.at }).toEqual({
      id: row.session_id,
      at: 'end',
    })
    expectNothingMendedIsMissing(world, row)
  }
}

/** Once everything was mended, and tried again, only what never was a resource is missing. */
function expectNothingMendedIsMissing(world: World, row: SessionRow): void {
  const { listings } = world
  if (!listings.mended) return
  const failed = `select item from failed_items where session = ${row.id}`
  const items = world.askEach<string>(failed).map((item) => JSON.parse(item) as JsonValue)
  expect(items.filter((item) => listings.isGood(item))).toEqual([])
}

import fc from 'fast-check'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { TIMES } from '../model/rig.ts'
import { LISTS, pageShapes } from './commands.ts'
import { emptyDatabase } from './empty-database.ts'
import { finish } from './finish.ts'
import type { Request } from './listed-source.ts'
import type { PageShape } from './listings.ts'
import { PATIENCE_MS, runs } from './runs.ts'
import { sessionsIn, Truth } from './truth.ts'
import { World } from './world.ts'

/** What happens to a walk while it goes on, each at any moment. */
const EVENTS = {
  cancel: ({ hosts: [host] }) => host.runs.forEach(({ cancel }) => cancel.abort()),
  drain: ({ hosts: [host] }) => host.runs.forEach(({ drain }) => drain.abort()),
  'the watchdog': ({ time }) => time.pass(TIMES.stallMs),
  'a pause ends': ({ time }) => time.pass(TIMES.backoffMs),
  'the hold ends': ({ time }) => time.pass(TIMES.holdMs),
  'the heart beats': ({ time }) => time.pass(TIMES.beatMs),
  close: ({ hosts: [host] }) => host.beginClose(),
  'another process walks': (world, truth) => takeOver(world, truth),
  'walked again': ({ hosts: [host] }) => {
    if (host.isRunning && !host.isClosing) for (const list of LISTS) host.walk(list)
  },
  'a reader comes': ({ hosts: [host] }) => {
    if (host.isRunning && !host.isClosing) for (const run of host.runs.slice(0, 2)) host.take(run)
  },
  'readers ask': ({ hosts: [host] }) => host.readers.forEach((reader) => host.ask(reader)),
  'a reader leaves': ({ hosts: [host] }) => {
    const reader = host.readers.find(({ isOver }) => !isOver)
    if (reader !== undefined) host.leave(reader)
  },
  'the disk fails': ({ hosts: [host] }) => {
    if (host.isRunning) host.breakAt(1, 'before', 'fails')
  },
} satisfies Record<string, (world: World, truth: Truth) => unknown>

type EventName = keyof typeof EVENTS

/** The leases of the first process run out while it is suspended; then both of them walk. */
function takeOver(world: World, truth: Truth): void {
  const [first, second] = world.hosts
  world.canBeRefused = true
  if (first.isRunning) first.sleep()
  world.time.pass(TIMES.backoffMs)
  if (first.isRunning) first.wake()
  if (!second.isRunning) return
  for (const { session_id: id } of sessionsIn(world)) {
    truth.resuming(id)
    second.resume(id).catch(() => undefined)
  }
}

interface Scenario {
  readonly lists: number
  readonly pages: readonly PageShape[]
  /** Each may happen from a step of the race on. */
  readonly events: readonly (readonly [from: number, name: EventName])[]
  readonly settings: {
    readonly concurrency: number
    readonly deliveryWindow: number
    readonly maxAttempts: number
  }
}

const settings = fc.record({
  concurrency: fc.integer({ min: 1, max: 2 }),
  deliveryWindow: fc.constantFrom(1, 1_000),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
})

const pages = fc.array(pageShapes, { minLength: 1, maxLength: 3, size: 'max' })

/** Everything at once. */
const scenarios: fc.Arbitrary<Scenario> = fc.record({
  lists: fc.integer({ min: 1, max: 3 }),
  pages,
  events: fc.array(fc.tuple(fc.nat(50), fc.constantFrom(...(Object.keys(EVENTS) as EventName[]))), {
    minLength: 1,
    maxLength: 8,
    size: 'max',
  }),
  settings,
})

/** One walk, and one who stops it. */
const stops: fc.Arbitrary<Scenario> = fc.record({
  lists: fc.constant(1),
  pages,
  events: fc
    .tuple(fc.nat(20), fc.constantFrom('cancel' as const, 'drain' as const, 'close' as const))
    .map((event) => [event]),
  settings,
})

/** Puts everything that takes time into the hands of the scheduler. */
class Race {
  readonly #world: World
  readonly #truth: Truth
  readonly #scheduler: fc.Scheduler
  readonly #scenario: Scenario
  readonly #asked = new WeakSet<Request>()
  steps = 0

  constructor(world: World, truth: Truth, scheduler: fc.Scheduler, scenario: Scenario) {
    this.#world = world
    this.#truth = truth
    this.#scheduler = scheduler
    this.#scenario = scenario
  }

  async run(): Promise<void> {
    const [first, second] = this.#world.hosts
    await first.start()
    await second.start()
    this.#takeHold()
    for (const list of LISTS.slice(0, this.#scenario.lists)) first.walk(list)
    await this.#race()
    this.#letGo()
  }

  /** From here on every step of a store waits for its turn, and so does the news of what came of it. */
  #takeHold(): void {
    for (const host of this.#world.hosts) {
      host.activity.before = this.#inOrder(host.name)
      host.activity.after = (step) =>
        this.#scheduler.schedule(Promise.resolve(), `${host.name} hears of ${step}`)
    }
  }

  /** A process asks for one thing after the other, and that is how it gets to its file. */
  #inOrder(process: string): (step: string) => Promise<void> {
    let last: Promise<unknown> = Promise.resolve()
    return (step) => {
      const scheduled = last.then(() =>
        this.#scheduler.schedule(Promise.resolve(), `${process} does ${step}`),
      )
      last = scheduled
      return scheduled
    }
  }

  #letGo(): void {
    for (const { activity } of this.#world.hosts) {
      activity.before = undefined
      activity.after = undefined
    }
  }

  async #race(): Promise<void> {
    const coming = this.#scenario.events.toSorted(([a], [b]) => a - b)
    const admit = () => {
      // Where nothing else is left to happen, the next one need not wait.
      while (coming[0] !== undefined) {
        if (coming[0][0] > this.steps && this.#scheduler.count() > 0) return
        const [, name] = coming.shift() as (typeof coming)[number]
        this.#when(name, () => EVENTS[name](this.#world, this.#truth))
      }
    }
    for (await this.#quiet(), admit(); this.#scheduler.count() > 0; await this.#quiet(), admit()) {
      await this.#scheduler.waitNext(1)
      this.steps += 1
      this.#truth.expectFile()
    }
  }

  /** Everything that can go on goes on, up to where it waits for the scheduler. */
  async #quiet(): Promise<void> {
    const activities = this.#world.hosts.map(({ activity }) => activity)
    for (let quiet = 0; quiet < 4; quiet += 1) {
      await turn()
      if (activities.some(({ isWriting }) => isWriting)) quiet = 0
      this.#answerNew()
    }
  }

  /** Requests are answered, at a moment of the scheduler's choice, whoever still waits then. */
  #answerNew(): void {
    for (const { source } of this.#world.hosts) {
      for (const request of source.open) {
        if (this.#asked.has(request)) continue
        this.#asked.add(request)
        this.#when(`${request.list} ${request.number} is answered`, () => {
          source.giveLate(request, this.#answerTo(request))
        })
      }
    }
  }

  #answerTo({ list, number }: Request): unknown {
    const { listings } = this.#world
    const shape = this.#scenario.pages[number - 1]
    if (shape === undefined) return listings.end(list, number)
    return listings.page(list, number, shape)
  }

  #when(what: string, act: () => unknown): void {
    void this.#scheduler.schedule(Promise.resolve(), what).then(act)
  }
}

describe('whoever comes first', () => {
  test.each([
    [
      'nothing is lost, nothing comes twice, and everything ends as it should',
      scenarios,
      30,
      4_000,
    ],
    ['a walk that is stopped has finished its writes when it is done', stops, 40, 2_000],
  ] as const)('%s', { timeout: PATIENCE_MS }, async (_, arbitrary, usual, long) => {
    const empty = await emptyDatabase()
    // XState says so when a session is stopped while its beginning is stored: what is stored counts.
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    onTestFinished(() => warnings.mockRestore())
    const counts = { runs: 0, steps: 0 }
    const property = fc.asyncProperty(arbitrary, fc.scheduler(), async (scenario, scheduler) => {
      const world = new World(empty, scenario.settings)
      try {
        const truth = new Truth(world)
        const race = new Race(world, truth, scheduler, scenario)
        await race.run()
        await world.calm()
        truth.expectTrue()
        await finish(world, truth)
        counts.runs += 1
        counts.steps += race.steps
      } finally {
        await world.end()
      }
    })
    await fc.assert(property, runs(usual, long))
    const average = (counts.steps / counts.runs).toFixed(1)
    console.log(`${counts.runs} runs × ${average} steps (${counts.steps})`)
    expect(counts.steps).toBeGreaterThan(counts.runs * 5)
  })
})

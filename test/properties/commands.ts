import fc from 'fast-check'
import { PauseError, RetryLaterError, SourceError } from '../../src/index.ts'
import { TIMES } from '../model/rig.ts'
import type { Host, Reader, Run } from './host.ts'
import { DEAF, type Request } from './listed-source.ts'
import type { PageShape } from './listings.ts'
import { sessionsIn, type Truth } from './truth.ts'
import type { World } from './world.ts'

export const LISTS = ['alpha', 'beta', DEAF] as const

const HOUR = 3_600_000

/** One thing that can happen; where it cannot, the run goes on without it. */
interface Step {
  /** What is counted; the rest of the title says with what. */
  readonly name: string
  readonly with?: string
  /** @returns what it would do now, if there is anything for it */
  plan(world: World, truth: Truth): (() => unknown) | undefined
}

/** How often each command did something. */
export class Tally {
  readonly #counts = new Map<string, number>()
  runs = 0

  get commands(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }

  count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  /** Commands that never did anything. */
  missing(names: readonly string[]): readonly string[] {
    return names.filter((name) => !this.#counts.has(name))
  }

  toString(): string {
    const each = [...this.#counts].toSorted(([, a], [, b]) => b - a)
    const average = (this.commands / Math.max(1, this.runs)).toFixed(1)
    return `${this.runs} runs × ${average} commands (${this.commands}): ${each.map(([name, count]) => `${name} ${count}`).join(', ')}`
  }
}

/** A step as fast-check runs it: after it, everything has to be true. */
class Command implements fc.AsyncCommand<Truth, World> {
  readonly #step: Step
  readonly #tally: Tally
  #plan: (() => unknown) | undefined
  readonly #world: () => World

  constructor(step: Step, tally: Tally, world: () => World) {
    this.#step = step
    this.#tally = tally
    this.#world = world
  }

  check(truth: Readonly<Truth>): boolean {
    this.#plan = this.#step.plan(this.#world(), truth as Truth)
    return this.#plan !== undefined
  }

  async run(truth: Truth, world: World): Promise<void> {
    this.#tally.count(this.#step.name)
    await this.#plan?.()
    await world.calm()
    for (const host of world.awake) host.expectAllTaken()
    truth.expectTrue()
  }

  toString(): string {
    return this.#step.with === undefined
      ? this.#step.name
      : `${this.#step.name} (${this.#step.with})`
  }
}

/** The one that a number stands for. */
const pick = <T>(all: readonly T[], n: number): T | undefined => all[n % Math.max(1, all.length)]

const requests = ({ awake }: World): (readonly [Host, Request])[] =>
  awake.flatMap((host) => host.source.open.map((request) => [host, request] as const))

const givenUp = ({ awake }: World): (readonly [Host, Request])[] =>
  awake.flatMap((host) =>
    host.source.givenUp
      .filter(({ list }) => list === DEAF)
      .map((request) => [host, request] as const),
  )

const running = ({ awake }: World): Run[] =>
  awake.flatMap(({ runs }) => runs.filter(({ outcome }) => outcome === undefined))

const readers = ({ awake }: World): (readonly [Host, Reader])[] =>
  awake.flatMap((host) =>
    host.readers.filter(({ isOver }) => !isOver).map((reader) => [host, reader] as const),
  )

/** Errors that a source throws, in their kinds. */
const ERRORS: Readonly<Record<string, (world: World) => unknown>> = {
  'refuses for good': () => new SourceError('SOURCE_FAILED', 'the source refuses'),
  'is paused': () => new PauseError('AUTHENTICATION_FAILED', 'the token was refused'),
  'throws an error': () => new Error('connection reset'),
  'throws no error': () => 'nothing is well',
  'throws undefined': () => undefined,
  'is limited until the past': ({ time }) => new RetryLaterError('limited', time.now - HOUR),
  'is limited for a while': ({ time }) => new RetryLaterError('limited', time.now + TIMES.waitMs),
  'is limited for long': ({ time }) => new RetryLaterError('limited', time.now + 3 * HOUR),
  'is limited for ever': () => new RetryLaterError('limited', Number.NaN),
}

/** Answers that are no pages. */
const NO_PAGES: Readonly<Record<string, (request: Request) => unknown>> = {
  'gives undefined': () => undefined,
  'gives a text': () => 'a page',
  'gives no items': ({ number }) => ({ cursor: number }),
  'gives no cursor': () => ({ items: ['lost'] }),
  'gives the same cursor twice': ({ number }) => ({ items: ['lost'], cursor: number - 1 }),
  'gives a cursor that is no JSON': () => ({ items: ['lost'], cursor: new Date(0) }),
  'gives half a total': ({ number }) => ({ items: ['lost'], cursor: number, total: 0.5 }),
  'gives shortfalls without a code': ({ number }) => ({
    items: ['lost'],
    cursor: number,
    shortfalls: [{}],
  }),
}

/** A first page has no cursor before it that it could repeat. */
const isNoPage = (kind: string, { number }: Request) =>
  kind !== 'gives the same cursor twice' || number > 1

export const pageShapes: fc.Arbitrary<PageShape> = fc.record({
  items: fc.array(
    fc.tuple(
      fc.constantFrom('good', 'good', 'good', 'bad', 'broken', 'skipped', 'shared', 'again'),
      fc.nat(20),
    ),
    { maxLength: 6 },
  ),
  isShort: fc.boolean(),
  saysTotal: fc.boolean(),
})

const describeShape = ({ items, isShort, saysTotal }: PageShape) =>
  [items.map(([kind]) => kind).join('+') || 'empty', isShort && 'short', saysTotal && 'total']
    .filter(Boolean)
    .join(', ')

const hostOf = (world: World, slot: number): Host => world.hosts[slot] as Host

const slots = fc.constantFrom(0, 0, 0, 1)
const numbers = fc.nat(11)

const walk = fc.tuple(slots, fc.constantFrom(...LISTS)).map(([slot, list]): Step => ({
  name: 'walk',
  with: `${slot}: ${list}`,
  plan: (world) => (hostOf(world, slot).isAwake ? () => hostOf(world, slot).walk(list) : undefined),
}))

const page = fc.tuple(numbers, pageShapes).map(([n, shape]): Step => ({
  name: 'page',
  with: `${n}: ${describeShape(shape)}`,
  plan: (world) => {
    const found = pick(requests(world), n)
    if (found === undefined) return undefined
    const [{ source }, request] = found
    const { list, number } = request
    return () => source.give(request, world.listings.page(list, number, shape))
  },
}))

const end = numbers.map((n): Step => ({
  name: 'end of the listing',
  with: String(n),
  plan: (world) => {
    const found = pick(requests(world), n)
    if (found === undefined) return undefined
    const [{ source }, request] = found
    return () => source.give(request, world.listings.end(request.list, request.number))
  },
}))

const refuse = fc
  .tuple(numbers, fc.constantFrom(...Object.keys(ERRORS)))
  .map(([n, kind]): Step => ({
    name: kind,
    with: String(n),
    plan: (world) => {
      const found = pick(requests(world), n)
      if (found === undefined) return undefined
      return () => found[0].source.refuse(found[1], ERRORS[kind]?.(world))
    },
  }))

const giveNoPage = fc
  .tuple(numbers, fc.constantFrom(...Object.keys(NO_PAGES)))
  .map(([n, kind]): Step => ({
    name: kind,
    with: String(n),
    plan: (world) => {
      const found = pick(requests(world), n)
      if (found === undefined || !isNoPage(kind, found[1])) return undefined
      return () => found[0].source.give(found[1], NO_PAGES[kind]?.(found[1]))
    },
  }))

const answerLate = fc.tuple(numbers, fc.boolean(), pageShapes).map(([n, fails, shape]): Step => ({
  name: 'late answer',
  with: `${n}: ${fails ? 'an error' : 'a page'}`,
  plan: (world) => {
    const found = pick(givenUp(world), n)
    if (found === undefined) return undefined
    const [{ source }, request] = found
    const { list, number } = request
    if (fails) return () => source.refuse(request, new Error('too late'))
    return () => source.give(request, world.listings.page(list, number, shape))
  },
}))

const PASSING = [TIMES.beatMs, TIMES.backoffMs, TIMES.waitMs, TIMES.stallMs, TIMES.holdMs, 4 * HOUR]

const pass = fc.constantFrom(...PASSING).map((ms): Step => ({
  name: ms === TIMES.stallMs ? 'a request hangs' : 'time passes',
  with: `${ms} ms`,
  plan:
    ({ time }) =>
    () =>
      time.pass(ms),
}))

const jump = fc.constantFrom(-HOUR, 3 * HOUR, -1).map((ms): Step => ({
  name: ms > 0 ? 'the clock jumps on' : 'the clock jumps back',
  with: `${ms} ms`,
  plan:
    ({ time }) =>
    () => {
      time.now += ms
    },
}))

const stop = fc.tuple(numbers, fc.constantFrom('cancel', 'drain')).map(([n, how]): Step => ({
  name: how,
  with: String(n),
  plan: (world) => {
    const run = pick(running(world), n)
    if (run === undefined || run[how as 'cancel' | 'drain'].signal.aborted) return undefined
    return async () => {
      run[how as 'cancel' | 'drain'].abort()
      await world.calm()
      if (how === 'drain' || run.outcome !== undefined || run.life.isOver) return
      world.faults.push('a walk was cancelled, and goes on')
    }
  },
}))

/** The session could not be read: that was the test's own doing. */
const unlessBroken = (thrown: unknown) => {
  if (!/disk I\/O error|the process died/.test(String(thrown))) throw thrown
}

const resume = fc.tuple(slots, numbers).map(([slot, n]): Step => ({
  name: 'resume on purpose',
  with: `${slot}: ${n}`,
  plan: (world, truth) => {
    const ended = sessionsIn(world).filter(({ status }) => /FAILED|PARTIALLY/.test(status))
    const session = pick(ended, n)
    const host = hostOf(world, slot)
    if (session === undefined || !host.isAwake) return undefined
    return () => {
      truth.resuming(session.session_id)
      // Another session of its target may be under way.
      world.canBeRefused = true
      return host.resume(session.session_id).catch(unlessBroken)
    }
  },
}))

/** Not on purpose: who has been told of a session goes on with it, whoever walked it. */
const takeUp = fc.tuple(fc.constantFrom(0, 1), numbers).map(([slot, n]): Step => ({
  name: 'take up by its id',
  with: `${slot}: ${n}`,
  plan: (world) => {
    const session = pick(
      sessionsIn(world).filter(({ status }) => !/FAILED|PARTIALLY/.test(status)),
      n,
    )
    const host = hostOf(world, slot)
    if (session === undefined || !host.isAwake) return undefined
    return () => host.resume(session.session_id).catch(unlessBroken)
  },
}))

/** Whoever walks them, and whether anybody does: what is asked is stored. */
const steer = fc
  .tuple(slots, numbers, fc.constantFrom('pause', 'end a pause', 'cancel on request'))
  .map(([slot, n, name]): Step => ({
    name,
    with: `${slot}: ${n}`,
    plan: (world) => {
      const host = hostOf(world, slot)
      const steered = sessionsIn(world).filter(({ status, asked }) => {
        const isActive = !/COMPLETED|FAILED/.test(status)
        return isActive && asked === (name === 'end a pause' ? 'pause' : null)
      })
      const sessionId = pick(steered, n)?.session_id
      if (sessionId === undefined || !host.isAwake || host.isClosing) return undefined
      const wish = () => {
        if (name === 'pause') return host.rig.muster.pause(sessionId)
        if (name !== 'end a pause') return host.rig.muster.cancel(sessionId)
        return host.rig.store.steerSession({ sessionId, ask: null, by: host.name })
      }
      return () =>
        wish().catch((thrown: unknown) => {
          // Whoever died over it has no database any more.
          if (host.isRunning) unlessBroken(thrown)
        })
    },
  }))

const mend = fc.boolean().map((mended): Step => ({
  name: mended ? 'bad items are mended' : 'items are bad again',
  plan: ({ listings }) =>
    listings.mended === mended
      ? undefined
      : () => {
          listings.mended = mended
        },
}))

const crash = slots.map((slot): Step => ({
  name: 'crash',
  with: String(slot),
  plan: (world) => (hostOf(world, slot).isRunning ? () => hostOf(world, slot).crash() : undefined),
}))

const crashAndStart = slots.map((slot): Step => ({
  name: 'crash and restore',
  with: String(slot),
  plan: (world) =>
    hostOf(world, slot).isRunning
      ? async () => {
          await hostOf(world, slot).crash()
          await hostOf(world, slot).start()
          for (const list of LISTS) hostOf(world, slot).walk(list)
        }
      : undefined,
}))

const start = fc.constantFrom(0, 0, 1).map((slot): Step => ({
  name: slot === 0 ? 'start again' : 'a second process starts',
  plan: (world) => {
    if (hostOf(world, slot).isRunning) return undefined
    return async () => {
      if (world.hosts.some((host) => host.isRunning)) world.canBeRefused = true
      await hostOf(world, slot).start()
    }
  },
}))

const close = slots.map((slot): Step => ({
  name: 'close',
  with: String(slot),
  plan: (world) => (hostOf(world, slot).isAwake ? () => hostOf(world, slot).close() : undefined),
}))

/** One process is suspended, past the end of its leases perhaps, and knows nothing of it. */
const sleep = fc.tuple(slots, fc.boolean()).map(([slot, isLong]): Step => ({
  name: isLong ? 'sleep past the lease' : 'sleep',
  with: String(slot),
  plan: (world) =>
    hostOf(world, slot).isAwake
      ? () => {
          hostOf(world, slot).sleep()
          if (isLong) world.time.pass(TIMES.backoffMs)
        }
      : undefined,
}))

const wake = slots.map((slot): Step => ({
  name: 'wake up',
  with: String(slot),
  plan: (world) => {
    const host = hostOf(world, slot)
    return host.isRunning && !host.isAwake ? () => host.wake() : undefined
  },
}))

const breakAt = fc
  .tuple(
    slots,
    fc.integer({ min: 1, max: 30 }),
    fc.constantFrom('before', 'after'),
    fc.constantFrom('fails', 'dies'),
  )
  .map(([slot, statement, phase, what]): Step => ({
    name: what === 'fails' ? 'the disk fails once' : 'the process dies in a write',
    with: `${slot}: ${phase} statement ${statement}`,
    plan: (world) => {
      const host = hostOf(world, slot)
      // What was done and said to have failed would be another disk than SQLite knows.
      const at = what === 'fails' ? 'before' : phase
      return host.isRunning
        ? () => host.breakAt(statement, at as 'before' | 'after', what as 'fails' | 'dies')
        : undefined
    },
  }))

const take = fc.tuple(numbers, fc.integer({ min: 1, max: 3 })).map(([n, k]): Step => ({
  name: 'take tasks',
  with: `${n}: ${k} readers`,
  plan: (world) => {
    const found = pick(
      world.awake.flatMap((host) => host.runs.map((run) => [host, run] as const)),
      n,
    )
    if (found === undefined || readers(world).length >= 6) return undefined
    return () => {
      for (let i = 0; i < k; i += 1) found[0].take(found[1])
    }
  },
}))

/** Whoever walks the session: what is stored of it can be taken by anybody. */
const takeBoth = numbers.map((n): Step => ({
  name: 'two processes take the same tasks',
  with: String(n),
  plan: (world, truth) => {
    const outstanding = new Set(
      world.askEach<number>('select session from tasks where acknowledged_at is null'),
    )
    const session = pick(
      sessionsIn(world).filter(({ id }) => outstanding.has(id)),
      n,
    )
    if (session === undefined || world.awake.length < 2) return undefined
    return async () => {
      truth.resuming(session.session_id)
      world.canBeRefused = true
      for (const host of world.awake) {
        const run = await host.resume(session.session_id).catch(unlessBroken)
        if (run !== undefined) host.take(run)
      }
    }
  },
}))

const ask = numbers.map((n): Step => ({
  name: 'ask for the next task',
  with: String(n),
  plan: (world) => {
    const found = pick(
      readers(world).filter(([, { isAsking }]) => !isAsking),
      n,
    )
    return found === undefined ? undefined : () => found[0].ask(found[1])
  },
}))

const askAll: fc.Arbitrary<Step> = fc.integer({ min: 1, max: 8 }).map((times) => ({
  name: 'all readers ask',
  with: `${times} times`,
  plan: (world) => {
    if (readers(world).every(([, { isAsking }]) => isAsking)) return undefined
    return async () => {
      for (let i = 0; i < times; i += 1) {
        for (const [host, reader] of readers(world)) host.ask(reader)
        await world.calm()
      }
    }
  },
}))

const leave = numbers.map((n): Step => ({
  name: 'leave the loop',
  with: String(n),
  plan: (world) => {
    const found = pick(readers(world), n)
    return found === undefined ? undefined : () => found[0].leave(found[1])
  },
}))

/** All that can happen, and how likely it is. */
const WEIGHTS: readonly (readonly [weight: number, step: fc.Arbitrary<Step>])[] = [
  [4, walk],
  [10, page],
  [2, end],
  [3, refuse],
  [3, giveNoPage],
  [2, answerLate],
  [2, pass],
  [1, jump],
  [2, stop],
  [3, resume],
  [2, takeUp],
  [2, steer],
  [1, mend],
  [3, take],
  [2, takeBoth],
  [3, ask],
  [3, askAll],
  [1, leave],
  [1, crash],
  [1, crashAndStart],
  [3, start],
  [1, close],
  [1, sleep],
  [2, wake],
  [2, breakAt],
]

const steps = WEIGHTS.flatMap(([weight, step]) => Array.from({ length: weight }, () => step))

const OTHERS = `walk, page, end of the listing, late answer, time passes, a request hangs,
  the clock jumps on, the clock jumps back, cancel, drain, resume on purpose, take up by its id,
  pause, end a pause, cancel on request,
  bad items are mended, items are bad again, crash, crash and restore, start again,
  a second process starts, close, sleep, sleep past the lease, wake up, the disk fails once,
  the process dies in a write, take tasks, two processes take the same tasks, ask for the next task, all readers ask, leave the loop`

/** The names that are counted: each has to happen in the usual run. */
export const NAMES: readonly string[] = [
  ...OTHERS.split(/,\s+/),
  ...Object.keys(ERRORS),
  ...Object.keys(NO_PAGES),
]

/** Lists of commands over the world that there is at the time. */
export const commandLists = (params: {
  readonly tally: Tally
  readonly world: () => World
  readonly maxCommands: number
  readonly replayPath?: string | undefined
}) =>
  fc.commands(
    steps.map((step) => step.map((made) => new Command(made, params.tally, params.world))),
    {
      maxCommands: params.maxCommands,
      size: 'max',
      ...(params.replayPath === undefined ? {} : { replayPath: params.replayPath }),
    },
  )

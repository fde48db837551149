import { createActor, fromPromise, SimulatedClock } from 'xstate'
import { describe, expect, test } from 'vitest'
import {
  enumeratorMachine,
  type CommitOutcome,
  type EnumeratorContext,
  type EnumeratorEvent,
  type EnumeratorInput,
  type EnumeratorOutput,
  type FetchOutcome,
  type WaitRecord,
} from '../../machines/index.ts'
import { coordinatorLogic, type ActorsDeps } from '../../src/enumeration/actors.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import { leavesOf, nameOf } from '../../src/testing/machine-structure.ts'
import { settle } from './kit.ts'

const STATES = [
  'fetching.queued',
  'fetching.asking',
  'committing',
  'holding',
  'recordingWait',
  'waiting',
  'backingOff',
  'stalling',
  'ending',
  'failing',
  'ended',
  'failed',
  'paused',
  'stopped',
  'abandoned',
  'broken',
] as const
type State = (typeof STATES)[number]
type EventType = EnumeratorEvent['type']
type Work =
  | 'fetchPage'
  | 'commitPage'
  | 'awaitWindow'
  | 'recordWait'
  | 'recordStall'
  | 'recordEnd'
  | 'recordFailure'

interface Call {
  readonly work: Work
  readonly input: {
    readonly sessionId: string
    readonly reason?: string
    readonly until?: number | null
  }
  readonly signal: AbortSignal
  readonly answer: PromiseWithResolvers<unknown>
}

const INPUT: EnumeratorInput = {
  sessionId: 's1',
  maxAttempts: 6,
  backoffMs: 100,
  maxBackoffMs: 400,
  stallMs: 5_000,
  holdMs: 3_000,
}

const page: FetchOutcome = { kind: 'page' }
const exhausted: FetchOutcome = { kind: 'exhausted' }
const limited = (until = 9_000): FetchOutcome => ({ kind: 'wait', until, reason: 'limited' })
const refused: FetchOutcome = { kind: 'pause', reason: 'the token was refused' }
const error = (retryable: boolean): FetchOutcome => ({ kind: 'error', retryable, reason: 'sneeze' })
const committed = (windowFull = false): CommitOutcome => ({ kind: 'committed', windowFull })
const stale: CommitOutcome = { kind: 'stale', reason: 'taken over' }

const coverage = new MachineCoverage(enumeratorMachine)

/** An enumerator whose work is answered by the test, and whose time the test moves. */
class Bench {
  readonly clock = new SimulatedClock()
  readonly calls: Call[] = []
  readonly announced: string[] = []
  released = 0
  readonly actor

  constructor(input: Partial<EnumeratorInput> = {}) {
    const asked =
      <T, Input extends Call['input'] = { readonly sessionId: string }>(work: Work) =>
      ({ input, signal }: { input: Input; signal: AbortSignal }) => {
        const answer = Promise.withResolvers<unknown>()
        this.calls.push({ work, input, signal, answer })
        return answer.promise as Promise<T>
      }
    const machine = enumeratorMachine.provide({
      actors: {
        fetchPage: fromPromise(asked<FetchOutcome>('fetchPage')),
        commitPage: fromPromise(asked<CommitOutcome>('commitPage')),
        awaitWindow: fromPromise(asked<void>('awaitWindow')),
        recordWait: fromPromise(asked<CommitOutcome, WaitRecord>('recordWait')),
        recordStall: fromPromise(asked<CommitOutcome>('recordStall')),
        recordEnd: fromPromise(asked<CommitOutcome>('recordEnd')),
        recordFailure: fromPromise(
          asked<CommitOutcome, { readonly sessionId: string; readonly reason: string }>(
            'recordFailure',
          ),
        ),
      },
      actions: {
        announceState: (_, { state }) => void this.announced.push(state),
        releaseHold: () => void (this.released += 1),
      },
      delays: {
        WAIT: ({ context }) => Math.max(0, (context.waitUntil ?? 0) - this.clock.now()),
      },
    })
    this.actor = createActor(machine, {
      input: { ...INPUT, ...input },
      clock: this.clock,
      inspect: coverage.inspect,
    })
    this.actor.start()
  }

  get state(): State {
    const { value } = this.actor.getSnapshot()
    return (typeof value === 'string' ? value : `fetching.${value.fetching}`) as State
  }

  get context(): EnumeratorContext {
    return this.actor.getSnapshot().context
  }

  get output(): EnumeratorOutput | undefined {
    return this.actor.getSnapshot().output
  }

  /** The call that waits for an answer. */
  get open(): Call {
    const call = this.calls.at(-1)
    if (call === undefined) throw new Error('nothing was asked for')
    return call
  }

  count(work: Work): number {
    return this.calls.filter((call) => call.work === work).length
  }

  send(event: EnumeratorEvent): this {
    this.actor.send(event)
    return this
  }

  async answer(work: Work, outcome?: FetchOutcome | CommitOutcome): Promise<this> {
    expect(this.open.work).toBe(work)
    this.open.answer.resolve(outcome)
    await settle()
    return this
  }

  async reject(work: Work, thrown: unknown): Promise<this> {
    expect(this.open.work).toBe(work)
    this.open.answer.reject(thrown)
    await settle()
    return this
  }

  pass(ms: number): this {
    this.clock.increment(ms)
    return this
  }

  /** The source asks for a wait, and it is written down. */
  async limited(until?: number): Promise<this> {
    await this.asked(limited(until))
    return this.answer('recordWait', committed())
  }

  /** A slot, and then the source's answer. */
  asked(outcome: FetchOutcome): Promise<this> {
    return this.send({ type: 'request.started' }).answer('fetchPage', outcome)
  }
}

/** How each state is come by. */
const REACHING: Record<State, (input?: Partial<EnumeratorInput>) => Promise<Bench>> = {
  'fetching.queued': async (input) => new Bench(input),
  'fetching.asking': async (input) => new Bench(input).send({ type: 'request.started' }),
  committing: (input) => new Bench(input).asked(page),
  holding: async (input) =>
    (await REACHING.committing(input)).answer('commitPage', committed(true)),
  recordingWait: (input) => new Bench(input).asked(limited()),
  waiting: (input) => new Bench(input).limited(),
  backingOff: (input) => new Bench(input).asked(error(true)),
  stalling: async (input) => (await REACHING['fetching.asking'](input)).pass(INPUT.stallMs),
  ending: (input) => new Bench(input).asked(exhausted),
  failing: (input) => new Bench(input).asked(error(false)),
  ended: async (input) => (await REACHING.ending(input)).answer('recordEnd', { kind: 'ended' }),
  failed: async (input) => (await REACHING.failing(input)).answer('recordFailure', committed()),
  paused: async (input) =>
    (await new Bench(input).asked(refused)).answer('recordWait', committed()),
  stopped: async (input) => new Bench(input).send({ type: 'enumerator.cancel' }),
  abandoned: async (input) => (await REACHING.committing(input)).answer('commitPage', stale),
  broken: async (input) =>
    (await REACHING.committing(input)).reject('commitPage', new Error('the disk is full')),
}

const EVENTS: Record<EventType, EnumeratorEvent> = {
  'enumerator.drain': { type: 'enumerator.drain' },
  'enumerator.cancel': { type: 'enumerator.cancel' },
  'request.started': { type: 'request.started' },
  'lease.lost': { type: 'lease.lost', reason: 'taken over' },
}

type Expected = State | 'is remembered' | 'is refused'

const over: Record<EventType, Expected> = {
  'enumerator.drain': 'is refused',
  'enumerator.cancel': 'is refused',
  'request.started': 'is refused',
  'lease.lost': 'is refused',
}
const pausing: Record<EventType, Expected> = {
  'enumerator.drain': 'stopped',
  'enumerator.cancel': 'stopped',
  'request.started': 'is refused',
  'lease.lost': 'abandoned',
}
const writing: Record<EventType, Expected> = {
  'enumerator.drain': 'is remembered',
  'enumerator.cancel': 'is remembered',
  'request.started': 'is refused',
  'lease.lost': 'is refused',
}

/** Every event in every state: a new one does not compile until it is decided here. */
const TABLE: Record<State, Record<EventType, Expected>> = {
  'fetching.queued': { ...pausing, 'request.started': 'fetching.asking' },
  'fetching.asking': { ...pausing, 'enumerator.drain': 'is remembered' },
  committing: writing,
  holding: pausing,
  recordingWait: writing,
  waiting: pausing,
  backingOff: pausing,
  stalling: writing,
  ending: writing,
  // It ends in any case; there is nothing that a cancellation could cut short.
  failing: { ...writing, 'enumerator.cancel': 'is refused' },
  ended: over,
  failed: over,
  paused: over,
  stopped: over,
  abandoned: over,
  broken: over,
}

const cells = Object.entries(TABLE).flatMap(([state, row]) =>
  Object.entries(row).map(([type, expected]) => ({
    state: state as State,
    type: type as EventType,
    expected,
    title: expected.startsWith('is ') ? expected : `leads to ${expected}`,
  })),
)

describe('every event in every state', () => {
  test.each(cells)('$type in $state $title', async ({ state, type, expected }) => {
    const bench = await REACHING[state]()
    expect(bench.state).toBe(state)
    const before = bench.actor.getSnapshot()
    const calls = bench.calls.length
    // XState drops what is sent to an actor at its end, and says so on the console.
    if (before.status !== 'active') return expect(expected).toBe('is refused')
    expect(before.can(EVENTS[type])).toBe(expected !== 'is refused')
    bench.send(EVENTS[type])
    await settle()
    if (expected === 'is refused') {
      expect(bench.actor.getSnapshot()).toBe(before)
      return
    }
    expect(bench.state).toBe(expected === 'is remembered' ? state : expected)
    expect(bench.context.draining).toBe(
      expected === 'is remembered' || (type === 'enumerator.drain' && state !== 'fetching.queued'),
    )
    if (expected === 'abandoned') expect(bench.context.reason).toBe('taken over')
    expect(bench.calls).toHaveLength(calls)
  })

  test('the table knows every state and event of the machine, and no other', () => {
    expect(leavesOf(enumeratorMachine).map(nameOf).toSorted()).toEqual([...STATES].toSorted())
    const sent = enumeratorMachine.events.filter((type) => !type.startsWith('xstate.'))
    expect(Object.keys(EVENTS).toSorted()).toEqual(sent.toSorted())
  })
})

describe('a walk', () => {
  test('asks for a page, commits it and asks for the next, until the listing is exhausted', async () => {
    const bench = new Bench()
    for (let pages = 0; pages < 3; pages += 1) {
      await bench.asked(page)
      expect(bench.state).toBe('committing')
      await bench.answer('commitPage', committed())
      expect(bench.state).toBe('fetching.queued')
    }
    await bench.asked(exhausted)
    await bench.answer('recordEnd', { kind: 'ended' })
    expect(bench.output).toEqual({ end: 'ended', reason: null })
    expect(bench.calls.map((call) => call.input)).toEqual(
      bench.calls.map(() => ({ sessionId: 's1' })),
    )
  })

  test('never asks for a page before the one before is committed', async () => {
    const bench = await new Bench().asked(page)
    bench.pass(1_000_000)
    await settle()
    expect(bench.count('fetchPage')).toBe(1)
    await bench.answer('commitPage', committed())
    expect(bench.count('fetchPage')).toBe(2)
  })

  test('goes on with the listing when only the retry of failed items was exhausted', async () => {
    const bench = await REACHING.ending()
    await bench.answer('recordEnd', committed())
    expect(bench.state).toBe('fetching.queued')
  })

  test.each<[State, Work, EnumeratorOutput['end']]>([
    ['committing', 'commitPage', 'abandoned'],
    ['recordingWait', 'recordWait', 'abandoned'],
    ['stalling', 'recordStall', 'abandoned'],
    ['ending', 'recordEnd', 'abandoned'],
    ['failing', 'recordFailure', 'abandoned'],
  ])(
    'that is told in %s that the session was taken over ends quietly',
    async (state, work, end) => {
      const bench = await REACHING[state]()
      await bench.answer(work, stale)
      expect(bench.output).toEqual({ end, reason: 'taken over' })
    },
  )

  test.each<[State, Work]>([
    ['fetching.queued', 'fetchPage'],
    ['committing', 'commitPage'],
    ['holding', 'awaitWindow'],
    ['recordingWait', 'recordWait'],
    ['stalling', 'recordStall'],
    ['ending', 'recordEnd'],
    ['failing', 'recordFailure'],
  ])('in %s says whose %s is asked for', async (state, work) => {
    const bench = await REACHING[state]()
    expect(bench.open).toMatchObject({ work, input: { sessionId: 's1' } })
  })

  test.each<[State, Work]>([
    ['fetching.queued', 'fetchPage'],
    ['fetching.asking', 'fetchPage'],
    ['committing', 'commitPage'],
    ['holding', 'awaitWindow'],
    ['recordingWait', 'recordWait'],
    ['stalling', 'recordStall'],
    ['ending', 'recordEnd'],
    ['failing', 'recordFailure'],
  ])('whose work throws in %s ends as broken, with the reason', async (state, work) => {
    const bench = await REACHING[state]()
    await bench.reject(work, new Error('the disk is full'))
    expect(bench.output).toEqual({ end: 'broken', reason: 'the disk is full' })
  })

  test('whose work throws what is no error ends as broken all the same', async () => {
    const bench = await REACHING.committing()
    await bench.reject('commitPage', undefined)
    expect(bench.output).toEqual({ end: 'broken', reason: 'undefined' })
  })

  test('fails with the reason that its source gave', async () => {
    const bench = await REACHING.failing()
    expect(bench.open).toMatchObject({ work: 'recordFailure', input: { reason: 'sneeze' } })
    await bench.answer('recordFailure', committed())
    expect(bench.output).toEqual({ end: 'failed', reason: 'sneeze' })
  })
})

describe('draining', () => {
  const draining = async () =>
    (await REACHING['fetching.asking']()).send({ type: 'enumerator.drain' })

  test('finishes the page in hand, and asks for no other', async () => {
    const bench = await draining()
    expect(bench.open.signal.aborted).toBe(false)
    await bench.answer('fetchPage', page)
    expect(bench.state).toBe('committing')
    await bench.answer('commitPage', committed(true))
    expect(bench.output).toEqual({ end: 'stopped', reason: null })
    expect(bench.count('fetchPage')).toBe(1)
    // The window is full, and nobody is to wait for it any more.
    expect(bench.announced).toEqual([])
    expect(bench.count('awaitWindow')).toBe(0)
  })

  test.each<[State, Work]>([
    ['committing', 'commitPage'],
    ['recordingWait', 'recordWait'],
    ['stalling', 'recordStall'],
    ['ending', 'recordEnd'],
  ])('in %s does not hide that the session was taken over', async (state, work) => {
    const bench = await REACHING[state]()
    bench.send({ type: 'enumerator.drain' })
    await bench.answer(work, stale)
    expect(bench.output).toEqual({ end: 'abandoned', reason: 'taken over' })
  })

  test('does not sit out a wait, which is written down for whoever walks on', async () => {
    const bench = await draining()
    await bench.answer('fetchPage', limited(1_000_000))
    expect(bench.open).toMatchObject({ work: 'recordWait', input: { until: 1_000_000 } })
    await bench.answer('recordWait', committed())
    expect(bench.output?.end).toBe('stopped')
    expect(bench.announced).toEqual([])
  })

  test('does not sit out a pause after an error', async () => {
    const bench = await draining()
    await bench.answer('fetchPage', error(true))
    expect(bench.output?.end).toBe('stopped')
  })

  test('does not hide that the session is paused, and why', async () => {
    const bench = await draining()
    await bench.answer('fetchPage', refused)
    await bench.answer('recordWait', committed())
    expect(bench.output).toEqual({ end: 'paused', reason: 'the token was refused' })
  })

  test('does not keep a session from its end', async () => {
    const bench = await draining()
    await bench.answer('fetchPage', exhausted)
    await bench.answer('recordEnd', { kind: 'ended' })
    expect(bench.output?.end).toBe('ended')
    const failing = await draining()
    await failing.answer('fetchPage', error(false))
    await failing.answer('recordFailure', committed())
    expect(failing.output?.end).toBe('failed')
  })

  test('stops behind a retry of failed items, before the listing goes on', async () => {
    const bench = await draining()
    await bench.answer('fetchPage', exhausted)
    await bench.answer('recordEnd', committed())
    expect(bench.output?.end).toBe('stopped')
  })

  test('does not wait for a hung request for ever', async () => {
    const bench = await draining()
    bench.pass(INPUT.stallMs)
    expect(bench.state).toBe('stalling')
    await bench.answer('recordStall', committed())
    expect(bench.output?.end).toBe('stopped')
    // It stops where it is: no pause begins.
    expect(bench.announced).toEqual(['stalling'])
  })

  test('leaves a session whose last attempt hung to be resumed: it is stopped, not failed', async () => {
    const bench = await REACHING['fetching.asking']({ maxAttempts: 1 })
    bench.send({ type: 'enumerator.drain' }).pass(INPUT.stallMs)
    await bench.answer('recordStall', committed())
    expect(bench.output?.end).toBe('stopped')
    expect(bench.count('recordFailure')).toBe(0)
  })
})

describe('cancelling', () => {
  test.each<State>(['fetching.queued', 'fetching.asking', 'holding'])(
    'in %s drops what was asked for',
    async (state) => {
      const bench = await REACHING[state]()
      bench.send({ type: 'enumerator.cancel' })
      expect(bench.open.signal.aborted).toBe(true)
      expect(bench.output).toEqual({ end: 'stopped', reason: null })
    },
  )

  test.each<[State, Work, CommitOutcome, EnumeratorOutput['end']]>([
    ['committing', 'commitPage', committed(), 'stopped'],
    ['recordingWait', 'recordWait', committed(), 'stopped'],
    ['stalling', 'recordStall', committed(), 'stopped'],
    ['ending', 'recordEnd', { kind: 'ended' }, 'ended'],
    ['ending', 'recordEnd', committed(), 'stopped'],
    ['failing', 'recordFailure', committed(), 'failed'],
  ])('in %s does not interrupt the write', async (state, work, outcome, end) => {
    const bench = await REACHING[state]()
    bench.send({ type: 'enumerator.cancel' })
    bench.send({ type: 'enumerator.drain' })
    bench.send({ type: 'lease.lost', reason: 'taken over' })
    bench.pass(1_000_000)
    await settle()
    expect(bench.state).toBe(state)
    expect(bench.open.signal.aborted).toBe(false)
    await bench.answer(work, outcome)
    expect(bench.output?.end).toBe(end)
    expect(bench.count(work)).toBe(1)
  })

  test('in a pause wakes nobody up later', async () => {
    for (const state of ['waiting', 'backingOff'] as const) {
      const bench = await REACHING[state]()
      bench.send({ type: 'enumerator.cancel' })
      bench.pass(1_000_000)
      await settle()
      expect(bench.count('fetchPage')).toBe(1)
    }
  })
})

describe('a hung request', () => {
  test('is noticed to the millisecond, dropped, and asked for again after a pause', async () => {
    const bench = await REACHING['fetching.asking']()
    const { signal } = bench.open
    bench.pass(INPUT.stallMs - 1)
    expect(bench.state).toBe('fetching.asking')
    bench.pass(1)
    expect(bench.state).toBe('stalling')
    expect(signal.aborted).toBe(true)
    await bench.answer('recordStall', committed())
    expect(bench.state).toBe('backingOff')
    expect(bench.context).toMatchObject({ attempts: 1, reason: 'the request hung' })
    bench.pass(INPUT.backoffMs)
    expect(bench.state).toBe('fetching.queued')
    expect(bench.announced).toEqual(['stalling', 'backingOff'])
  })

  test('is none while no request is out: waiting for a slot is not hanging', async () => {
    const bench = new Bench()
    bench.pass(INPUT.stallMs * 100)
    await settle()
    expect(bench.state).toBe('fetching.queued')
    // The watchdog begins with the request.
    bench.send({ type: 'request.started' }).pass(INPUT.stallMs - 1)
    expect(bench.state).toBe('fetching.asking')
  })

  test.each<State>(['committing', 'recordingWait', 'waiting', 'backingOff', 'ending', 'failing'])(
    'is none in %s, however long that takes',
    async (state) => {
      const bench = await REACHING[state]({
        backoffMs: INPUT.stallMs * 3,
        maxBackoffMs: INPUT.stallMs * 3,
        holdMs: INPUT.stallMs * 3,
      })
      bench.pass(INPUT.stallMs + 1)
      await settle()
      expect(bench.state).toBe(state)
      expect(bench.count('recordStall')).toBe(0)
    },
  )

  test('fails the session when it was the last attempt', async () => {
    const bench = await REACHING.stalling({ maxAttempts: 1 })
    await bench.answer('recordStall', committed())
    expect(bench.open).toMatchObject({
      work: 'recordFailure',
      input: { reason: 'the request hung' },
    })
  })

  test('has the whole time again at the next attempt', async () => {
    const bench = await REACHING.stalling()
    await bench.answer('recordStall', committed())
    bench
      .pass(INPUT.backoffMs)
      .send({ type: 'request.started' })
      .pass(INPUT.stallMs - 1)
    expect(bench.state).toBe('fetching.asking')
  })
})

describe('an attempt that failed', () => {
  test('is followed by pauses that double up to their limit, and the attempts run out', async () => {
    const bench = new Bench()
    for (const pause of [100, 200, 400, 400, 400]) {
      await bench.asked(error(true))
      expect(bench.state).toBe('backingOff')
      bench.pass(pause - 1)
      expect(bench.state).toBe('backingOff')
      bench.pass(1)
      expect(bench.state).toBe('fetching.queued')
    }
    await bench.asked(error(true))
    expect(bench.state).toBe('failing')
    expect(bench.count('fetchPage')).toBe(INPUT.maxAttempts)
  })

  test('is forgotten with the next page: attempts are counted for one page', async () => {
    const bench = await new Bench().asked(error(true))
    await bench.pass(100).asked(error(true))
    expect(bench.context.attempts).toBe(2)
    await bench.pass(200).asked(page)
    expect(bench.context).toMatchObject({ attempts: 0, reason: null })
    await bench.answer('commitPage', committed())
    await bench.asked(error(true))
    bench.pass(99)
    expect(bench.state).toBe('backingOff')
    bench.pass(1)
    expect(bench.state).toBe('fetching.queued')
  })

  test('counts hung requests and errors alike, and waits not at all', async () => {
    const bench = await REACHING.stalling({ maxAttempts: 3 })
    await bench.answer('recordStall', committed())
    await bench.pass(100).asked(error(true))
    await bench.pass(200).limited(bench.clock.now() + 10)
    expect(bench.context.attempts).toBe(2)
    await bench.pass(10).asked(error(true))
    expect(bench.state).toBe('failing')
  })

  test('that cannot be mended by another one fails at once', async () => {
    expect((await new Bench({ maxAttempts: 100 }).asked(error(false))).state).toBe('failing')
  })
})

describe('waiting', () => {
  test('ends when the source said, to the millisecond, and no attempt is counted', async () => {
    const bench = await REACHING.waiting()
    expect(bench.context).toMatchObject({ waitUntil: 9_000, reason: 'limited', attempts: 0 })
    bench.pass(9_000 - bench.clock.now() - 1)
    expect(bench.state).toBe('waiting')
    bench.pass(1)
    expect(bench.state).toBe('fetching.queued')
    expect(bench.context).toMatchObject({ waitUntil: null, reason: null })
    expect(bench.announced).toEqual(['waiting'])
  })

  test('is written down before it begins: what is waited for, and until when', async () => {
    const bench = await REACHING.recordingWait()
    expect(bench.open.input).toEqual({ sessionId: 's1', until: 9_000, reason: 'limited' })
    expect(bench.announced).toEqual([])
    // Time that passes meanwhile is time waited.
    bench.pass(8_999)
    await settle()
    expect(bench.state).toBe('recordingWait')
    await bench.answer('recordWait', committed())
    expect(bench.state).toBe('waiting')
    bench.pass(1)
    expect(bench.state).toBe('fetching.queued')
  })

  test('does not care whether the window is full: no page was committed', async () => {
    const bench = await REACHING.recordingWait()
    await bench.answer('recordWait', committed(true))
    expect(bench.state).toBe('waiting')
  })

  test('that is given up while it is written down stops behind the write', async () => {
    const bench = await REACHING.recordingWait()
    bench.send({ type: 'enumerator.cancel' })
    expect(bench.open.signal.aborted).toBe(false)
    await bench.answer('recordWait', committed())
    expect(bench.output?.end).toBe('stopped')
    expect(bench.count('fetchPage')).toBe(1)
  })

  test('for a second time is written down with the second time', async () => {
    const bench = await REACHING.waiting()
    await bench.pass(9_000).asked(limited(20_000))
    expect(bench.open).toMatchObject({ work: 'recordWait', input: { until: 20_000 } })
  })

  /** The enumerator as the coordinator runs it: with its own reckoning of time. */
  function asRun(until: number, now: number) {
    const clock = new SimulatedClock()
    clock.set(now)
    let asked = 0
    const deps = {
      clock,
      bus: { hasSubscribers: () => false },
      walk: () => ({ config: { name: 'a' } }),
      requestStarted: () => {},
      walker: {
        recordWait: async () => committed(),
        fetchPage: async () => {
          asked += 1
          return asked > 1 ? new Promise(() => {}) : { kind: 'wait', until, reason: 'limited' }
        },
      },
    } as unknown as ActorsDeps
    const { enumerator } = coordinatorLogic(deps).implementations.actors
    const actor = createActor(enumerator as unknown as typeof enumeratorMachine, {
      input: INPUT,
      clock,
    }).start()
    return { actor, clock, asked: () => asked }
  }

  test.each([
    ['in the future', 10_000, 4_000, 6_000],
    ['right now', 4_000, 4_000, 0],
    ['in the past', 1_000, 4_000, 0],
    ['beyond what a timer can hold', 2 ** 40, 4_000, 2 ** 31 - 1],
  ])('until a time %s takes just as long as it must', async (_, until, now, ms) => {
    const { actor, clock, asked } = asRun(until, now)
    await settle()
    expect(actor.getSnapshot().value).toBe('waiting')
    if (ms > 0) {
      clock.increment(ms - 1)
      expect(asked()).toBe(1)
    }
    clock.increment(ms > 0 ? 1 : 0)
    expect(actor.getSnapshot().value).toEqual({ fetching: 'queued' })
    expect(asked()).toBe(2)
  })
})

describe('a pause', () => {
  test('is written down with its reason and without a time, and ends the walk', async () => {
    const bench = await new Bench().asked(refused)
    expect(bench.state).toBe('recordingWait')
    expect(bench.open).toMatchObject({
      work: 'recordWait',
      input: { sessionId: 's1', until: null, reason: 'the token was refused' },
    })
    await bench.answer('recordWait', committed())
    expect(bench.output).toEqual({ end: 'paused', reason: 'the token was refused' })
    bench.pass(1_000_000)
    await settle()
    expect(bench.calls).toHaveLength(2)
    expect(bench.announced).toEqual([])
  })

  test('after a wait has no time of that wait', async () => {
    const bench = await REACHING.waiting()
    await bench.pass(9_000).asked(refused)
    expect(bench.open.input).toMatchObject({ until: null, reason: 'the token was refused' })
  })

  test('comes at once, however many attempts are left, and is none of them', async () => {
    const bench = await new Bench({ maxAttempts: 100 }).asked(error(true))
    await bench.pass(INPUT.backoffMs).asked(refused)
    expect(bench.state).toBe('recordingWait')
    expect(bench.context).toMatchObject({ attempts: 1 })
  })

  test('that is given up while it is written down is a pause all the same', async () => {
    const bench = await new Bench().asked(refused)
    bench.send({ type: 'enumerator.cancel' })
    await bench.answer('recordWait', committed())
    expect(bench.output?.end).toBe('paused')
  })

  test('of a session that another process has taken over is none', async () => {
    const bench = await new Bench().asked(refused)
    await bench.answer('recordWait', stale)
    expect(bench.output).toEqual({ end: 'abandoned', reason: 'taken over' })
  })
})

describe('holding', () => {
  test('begins when the window is full, and ends when the host has caught up', async () => {
    const bench = await REACHING.holding()
    expect(bench.announced).toEqual(['holding'])
    expect(bench.count('fetchPage')).toBe(1)
    await bench.answer('awaitWindow')
    expect(bench.state).toBe('fetching.queued')
    expect(bench.released).toBe(0)
  })

  test('is given up when the host takes nothing any more, and the window is told so', async () => {
    const bench = await REACHING.holding()
    bench.pass(INPUT.holdMs - 1)
    expect(bench.state).toBe('holding')
    expect(bench.released).toBe(0)
    bench.pass(1)
    expect(bench.state).toBe('fetching.queued')
    expect(bench.released).toBe(1)
  })

  test('begins anew with each page that finds the window full', async () => {
    const bench = await REACHING.holding()
    await bench.pass(INPUT.holdMs).asked(page)
    await bench.answer('commitPage', committed(true))
    expect(bench.state).toBe('holding')
    expect(bench.count('awaitWindow')).toBe(2)
  })
})

test('without its actors the machine breaks with their name, and walks nothing', async () => {
  const actor = createActor(enumeratorMachine, { input: INPUT }).start()
  await settle()
  expect(actor.getSnapshot().output).toEqual({
    end: 'broken',
    reason: 'the enumerator\'s actor "fetchPage" was not provided',
  })
})

test('the machine is taken through every one of its transitions by these tests', () => {
  expect(coverage.table.transitions.missing).toEqual([])
})

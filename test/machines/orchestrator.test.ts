import { createActor, fromCallback, fromPromise } from 'xstate'
import { describe, expect, test } from 'vitest'
import { orchestratorMachine, type OrchestratorEvent } from '../../machines/index.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import { leavesOf, nameOf } from '../../src/testing/machine-structure.ts'
import { settle } from './kit.ts'

const STATES = [
  'active.standby',
  'active.leading.idle',
  'active.leading.loading',
  'active.leading.resuming',
  'active.leading.starting',
  'active.leading.walking',
  'draining',
  'stopped',
] as const
type State = (typeof STATES)[number]
type EventType = OrchestratorEvent['type']
type Step = 'loadTargets' | 'resumeInterrupted' | 'startTargets' | 'awaitWalks' | 'drain'

const coverage = new MachineCoverage(orchestratorMachine)

/** An orchestrator whose steps the test answers, and whose leadership it gives and takes. */
class Bench {
  readonly steps: {
    readonly step: Step
    readonly signal: AbortSignal
    readonly answer: PromiseWithResolvers<void>
  }[] = []
  readonly did: string[] = []
  campaigning = false
  campaigns = 0
  readonly actor

  constructor() {
    const step = (name: Step) =>
      fromPromise<void>(({ signal }) => {
        const answer = Promise.withResolvers<void>()
        this.steps.push({ step: name, signal, answer })
        return answer.promise
      })
    const machine = orchestratorMachine.provide({
      actors: {
        campaign: fromCallback(() => {
          this.campaigning = true
          this.campaigns += 1
          return () => {
            this.campaigning = false
          }
        }),
        loadTargets: step('loadTargets'),
        resumeInterrupted: step('resumeInterrupted'),
        startTargets: step('startTargets'),
        awaitWalks: step('awaitWalks'),
        drain: step('drain'),
      },
      actions: {
        roundEnded: () => void this.did.push('roundEnded'),
        roundFailed: (_, { error }) => void this.did.push(`roundFailed: ${String(error)}`),
        cancelWalks: () => void this.did.push('cancelWalks'),
        drainWalks: () => void this.did.push('drainWalks'),
      },
    })
    this.actor = createActor(machine, { inspect: coverage.inspect }).start()
  }

  get state(): State {
    const path = (value: unknown): string =>
      typeof value === 'string'
        ? value
        : Object.entries(value as object)
            .map(([key, below]) => `${key}.${path(below)}`)
            .join()
    return path(this.actor.getSnapshot().value) as State
  }

  get reason(): string | null {
    return this.actor.getSnapshot().context.reason
  }

  send(type: EventType): this {
    this.actor.send({ type })
    return this
  }

  async done(step: Step): Promise<this> {
    expect(this.steps.at(-1)?.step).toBe(step)
    this.steps.at(-1)?.answer.resolve()
    await settle()
    return this
  }

  async failed(step: Step, error: unknown): Promise<this> {
    expect(this.steps.at(-1)?.step).toBe(step)
    this.steps.at(-1)?.answer.reject(error)
    await settle()
    return this
  }
}

const REACHING: Record<State, () => Promise<Bench>> = {
  'active.standby': async () => new Bench(),
  'active.leading.idle': async () => new Bench().send('leadership.gained'),
  'active.leading.loading': async () =>
    (await REACHING['active.leading.idle']()).send('orchestrator.enumerate'),
  'active.leading.resuming': async () =>
    (await REACHING['active.leading.loading']()).done('loadTargets'),
  'active.leading.starting': async () =>
    (await REACHING['active.leading.resuming']()).done('resumeInterrupted'),
  'active.leading.walking': async () =>
    (await REACHING['active.leading.starting']()).done('startTargets'),
  draining: async () => (await REACHING['active.leading.walking']()).send('orchestrator.stop'),
  stopped: async () => (await REACHING.draining()).done('drain'),
}

type Expected = 'is refused' | { readonly to: State; readonly does: readonly string[] }

const over: Record<EventType, Expected> = {
  'leadership.gained': 'is refused',
  'leadership.lost': 'is refused',
  'orchestrator.enumerate': 'is refused',
  'orchestrator.stop': 'is refused',
}
const active: Record<EventType, Expected> = {
  'leadership.gained': 'is refused',
  'leadership.lost': { to: 'active.standby', does: ['cancelWalks', 'roundEnded'] },
  'orchestrator.enumerate': 'is refused',
  'orchestrator.stop': { to: 'draining', does: ['drainWalks'] },
}

/** Every event in every state: a new one does not compile until it is decided here. */
const TABLE: Record<State, Record<EventType, Expected>> = {
  'active.standby': { ...active, 'leadership.gained': { to: 'active.leading.idle', does: [] } },
  'active.leading.idle': {
    ...active,
    'orchestrator.enumerate': { to: 'active.leading.loading', does: [] },
  },
  'active.leading.loading': active,
  'active.leading.resuming': active,
  'active.leading.starting': active,
  'active.leading.walking': active,
  draining: over,
  stopped: over,
}

const cells = Object.entries(TABLE).flatMap(([state, row]) =>
  Object.entries(row).map(([type, expected]) => ({
    state: state as State,
    type: type as EventType,
    expected,
    title: typeof expected === 'string' ? expected : `leads to ${expected.to}`,
  })),
)

describe('every event in every state', () => {
  test.each(cells)('$type in $state $title', async ({ state, type, expected }) => {
    const bench = await REACHING[state]()
    expect(bench.state).toBe(state)
    const before = bench.actor.getSnapshot()
    // XState drops what is sent to an actor at its end, and says so on the console.
    if (before.status !== 'active') return expect(expected).toBe('is refused')
    expect(before.can({ type })).toBe(expected !== 'is refused')
    bench.did.length = 0
    bench.send(type)
    await settle()
    if (expected === 'is refused') return expect(bench.actor.getSnapshot()).toBe(before)
    expect(bench.state).toBe(expected.to)
    expect(bench.did).toEqual(expected.does)
  })

  test('the table knows every state and event of the machine, and no other', () => {
    expect(leavesOf(orchestratorMachine).map(nameOf).toSorted()).toEqual([...STATES].toSorted())
    const sent = orchestratorMachine.events.filter((type) => !type.startsWith('xstate.'))
    expect(Object.keys(active).toSorted()).toEqual(sent.toSorted())
  })
})

describe('a round', () => {
  test('loads, resumes, starts and walks, in this order, and another one can follow', async () => {
    const bench = await REACHING['active.leading.walking']()
    await bench.done('awaitWalks')
    expect(bench.state).toBe('active.leading.idle')
    expect(bench.did).toEqual(['roundEnded'])
    bench.send('orchestrator.enumerate')
    expect(bench.state).toBe('active.leading.loading')
    expect(bench.steps.map(({ step }) => step)).toEqual([
      'loadTargets',
      'resumeInterrupted',
      'startTargets',
      'awaitWalks',
      'loadTargets',
    ])
  })

  test.each<[State, Step]>([
    ['active.leading.loading', 'loadTargets'],
    ['active.leading.resuming', 'resumeInterrupted'],
    ['active.leading.starting', 'startTargets'],
    ['active.leading.walking', 'awaitWalks'],
  ])('that fails in %s is told of, and the next one can begin', async (state, step) => {
    const bench = await REACHING[state]()
    await bench.failed(step, new Error('no'))
    expect(bench.state).toBe('active.leading.idle')
    expect(bench.did).toEqual(['roundFailed: Error: no'])
    expect(bench.reason).toBe('no')
    expect(bench.steps.at(-1)?.step).toBe(step)
    bench.send('orchestrator.enumerate')
    expect(bench.reason).toBeNull()
    expect(bench.state).toBe('active.leading.loading')
  })

  test('that fails with what is no error has a reason all the same', async () => {
    const bench = await REACHING['active.leading.loading']()
    await bench.failed('loadTargets', undefined)
    expect(bench.reason).toBe('undefined')
  })
})

describe('leadership', () => {
  test('is campaigned for from the start until the end', async () => {
    const bench = await REACHING['active.leading.walking']()
    expect(bench.campaigning).toBe(true)
    bench.send('leadership.lost')
    expect(bench.campaigning).toBe(true)
    // The same campaign goes on: a new one would be behind those of all others.
    expect(bench.campaigns).toBe(1)
    bench.send('orchestrator.stop')
    expect(bench.campaigning).toBe(false)
  })

  test.each<State>([
    'active.leading.loading',
    'active.leading.resuming',
    'active.leading.starting',
    'active.leading.walking',
  ])('lost in %s breaks the step off; what comes of it later changes nothing', async (state) => {
    const bench = await REACHING[state]()
    const step = bench.steps.at(-1)
    bench.send('leadership.lost')
    expect(step?.signal.aborted).toBe(true)
    step?.answer.resolve()
    await settle()
    expect(bench.state).toBe('active.standby')
    expect(bench.steps.at(-1)).toBe(step)
    expect(bench.did).toEqual(['cancelWalks', 'roundEnded'])
  })

  test('gained again makes ready for another round', async () => {
    const bench = await REACHING['active.leading.walking']()
    bench.send('leadership.lost').send('leadership.gained')
    expect(bench.state).toBe('active.leading.idle')
    bench.send('orchestrator.enumerate')
    expect(bench.state).toBe('active.leading.loading')
  })

  test('that nobody campaigns for is the machine’s own error, with a name', () => {
    const thrown: unknown[] = []
    const actor = createActor(orchestratorMachine)
    actor.subscribe({ error: (error) => thrown.push(error) })
    actor.start()
    expect(String(thrown[0])).toContain('"campaign" was not provided')
  })
})

describe('stopping', () => {
  test.each<State>(STATES.filter((state) => state.startsWith('active.')))(
    'in %s waits for the pages in hand, once',
    async (state) => {
      const bench = await REACHING[state]()
      bench.did.length = 0
      bench.send('orchestrator.stop')
      expect(bench.state).toBe('draining')
      bench.send('orchestrator.stop')
      await bench.done('drain')
      expect(bench.actor.getSnapshot()).toMatchObject({ value: 'stopped', status: 'done' })
      expect(bench.did).toEqual(['drainWalks'])
      expect(bench.steps.filter(({ step }) => step === 'drain')).toHaveLength(1)
    },
  )

  test('comes to its end though the waiting fails', async () => {
    const bench = await REACHING.draining()
    await bench.failed('drain', new Error('no'))
    expect(bench.state).toBe('stopped')
  })
})

test('the machine is taken through every one of its transitions by these tests', () => {
  expect(coverage.table.transitions.missing).toEqual([])
})

import { assign, createActor, fromPromise, setup, transition, type AnyStateMachine } from 'xstate'
import { describe, expect, test } from 'vitest'
import * as machines from '../../machines/index.ts'
import type { Alphabet } from '../../src/testing/alphabet.ts'
import { alphabetOf } from '../../src/testing/alphabets/index.ts'
import {
  allNodes,
  describeTransition,
  stateOf,
  transitionsOf,
} from '../../src/testing/machine-structure.ts'
import { machinePaths, unreached, whatIsToShow } from '../../src/testing/machine-paths.ts'

const OWN = Object.values(machines).filter(
  (value): value is typeof machines.sessionMachine =>
    typeof value === 'object' && 'getInitialSnapshot' in value,
)

/** A door with a lock: small enough to see at a glance what its paths have to be. */
const door = setup({
  types: {
    context: {} as { readonly turns: number },
    events: {} as
      | { readonly type: 'open' }
      | { readonly type: 'close' }
      | { readonly type: 'lock'; readonly key: string }
      | { readonly type: 'break' },
  },
  guards: {
    fits: (_, params: { readonly key: string }) => params.key === 'right',
    isWorn: ({ context }) => context.turns > 2,
  },
}).createMachine({
  id: 'door',
  context: { turns: 0 },
  initial: 'closed',
  on: { break: '.broken' },
  states: {
    closed: {
      on: {
        open: 'opened',
        lock: { guard: { type: 'fits', params: ({ event }) => event }, target: 'locked' },
      },
    },
    opened: { on: { close: 'closed' } },
    locked: { always: { guard: 'isWorn', target: 'broken' } },
    broken: { type: 'final' },
  },
})

const doorAlphabet: Alphabet<typeof door> = {
  events: () => [
    { type: 'open' },
    { type: 'close' },
    { type: 'lock', key: 'right' },
    { type: 'lock', key: 'wrong' },
    { type: 'break' },
  ],
  name: (event) => (event.type === 'lock' ? `the ${event.key} key` : event.type),
}

const titles = (paths: readonly { readonly title: string }[]) => paths.map(({ title }) => title)

describe('the paths of a machine', () => {
  const paths = machinePaths(door, doorAlphabet)

  test('are few, short, and named for what they do', () => {
    expect(titles(paths)).toEqual([
      'stays closed by the wrong key',
      'reaches broken by break',
      'reaches closed by open, close',
      'reaches broken by open, break',
      'reaches broken by the right key, break',
    ])
  })

  test('say of each step what it takes and what it passes over', () => {
    const steps = paths.map((path) => path.steps[0])
    const lock = 'door.closed --lock [fits]--> door.locked'
    expect(steps.find((step) => step?.name === 'the right key')).toMatchObject({
      taken: [lock],
      refused: ['door.locked --always [isWorn]--> door.broken'],
    })
    expect(steps.find((step) => step?.name === 'the wrong key')).toMatchObject({
      taken: [],
      refused: [lock],
    })
  })

  test('name what they cannot reach with the events they were given', () => {
    expect(unreached(door, paths)).toEqual(['door.locked --always [isWorn]--> door.broken'])
    const { events } = doorAlphabet
    const without = machinePaths(door, {
      events: (snapshot) => events(snapshot).filter(({ type }) => type !== 'open'),
    })
    expect(unreached(door, without)).toEqual([
      'door.closed --open--> door.opened',
      'door.opened --close--> door.closed',
      'door.locked --always [isWorn]--> door.broken',
    ])
  })

  test('can be replayed on a running actor', () => {
    for (const { steps } of paths) {
      const actor = createActor(door).start()
      for (const { event, before, after } of steps) {
        expect(actor.getSnapshot().value).toBe(before.value)
        actor.send(event)
        expect(actor.getSnapshot().value).toBe(after.value)
      }
    }
  })

  test('of a machine that nobody told what can happen are an error that says what to do', () => {
    expect(() => machinePaths(door)).toThrow(
      /machine "door" is none of Muster's own.*machinePaths\(machine, \{ events/,
    )
  })

  test('of a context that counts without end are an error that says what to do', () => {
    const counter = setup({}).createMachine({
      id: 'counter',
      context: { n: 0 },
      on: { more: { actions: [({ context }) => (context.n as number) + 1] } },
    })
    let n = 0
    const endless: Alphabet<typeof counter> = {
      events: () => [{ type: 'more' }],
      key: () => (n += 1),
    }
    expect(() => machinePaths(counter, endless)).toThrow(
      /"counter" has more than .* states .* "key"/,
    )
  })
})

/** Things that a careless generator would take for one another, or miss. */
describe('a machine whose paths', () => {
  test('need what its actors come to, and that time has passed, has them by plain events', () => {
    const fetching = setup({
      types: { events: {} as { readonly type: 'go'; readonly by: number } },
      actors: { work: fromPromise<string>(async () => 'x') },
      delays: { SOON: 10 },
    }).createMachine({
      id: 'fetching',
      initial: 'idle',
      states: {
        idle: { on: { go: 'working' }, after: { SOON: 'late' } },
        working: {
          invoke: {
            id: 'work',
            src: 'work',
            onDone: [
              { guard: ({ event }) => event.output === 'x', target: 'done' },
              { guard: ({ event }) => event.output === 'y', target: 'done' },
              { target: 'late' },
            ],
            onError: 'late',
          },
        },
        late: {},
        done: { type: 'final' },
      },
    })
    const paths = machinePaths(fetching, {
      events: () => [
        { type: 'go', by: 1 },
        { type: 'xstate.after.SOON.fetching.idle' },
        { type: 'xstate.done.actor.work', output: 'x' },
        { type: 'xstate.done.actor.work', output: 'y' },
        { type: 'xstate.done.actor.work', output: 'z' },
        { type: 'xstate.error.actor.work', error: new Error('gone') },
      ],
    })
    expect(unreached(fetching, paths)).toEqual([])
    // Its two branches read alike; each is a branch of its own.
    expect(whatIsToShow(fetching).filter((name) => name.includes('(2)'))).toHaveLength(2)
  })

  test('differ in errors of another kind takes each for itself', () => {
    class Gone extends Error {}
    const machine = setup({
      types: { events: {} as { readonly type: 'fail'; readonly error: Error } },
      guards: { isGone: (_, error: Error) => error instanceof Gone },
    }).createMachine({
      id: 'failing',
      initial: 'a',
      states: {
        a: {
          on: {
            fail: [
              { guard: { type: 'isGone', params: ({ event }) => event.error }, target: 'b' },
              { target: 'c' },
            ],
          },
        },
        b: {},
        c: {},
      },
    })
    const paths = machinePaths(machine, {
      events: () => [
        { type: 'fail', error: new Error('no') },
        { type: 'fail', error: new Gone('no') },
      ],
    })
    expect(unreached(machine, paths)).toEqual([])
  })

  test('differ in a set, a map or a big number keeps the states apart', () => {
    const machine = setup({
      types: {
        context: {} as { readonly seen: ReadonlySet<string>; readonly size: bigint },
        events: {} as { readonly type: 'see' } | { readonly type: 'leave' },
      },
      guards: { isSeen: ({ context }) => context.seen.has('x') },
      actions: { see: assign({ seen: new Set(['x']) }) },
    }).createMachine({
      id: 'seeing',
      context: { seen: new Set(), size: 1n },
      initial: 'a',
      states: {
        a: { on: { see: { actions: 'see' }, leave: { guard: 'isSeen', target: 'b' } } },
        b: {},
      },
    })
    const paths = machinePaths(machine, { events: () => [{ type: 'see' }, { type: 'leave' }] })
    expect(unreached(machine, paths)).toEqual([])
  })

  test('decide on what happens within a step sees those guards refuse too', () => {
    const machine = setup({
      types: { events: {} as { readonly type: 'end'; readonly well: boolean } },
      guards: { isWell: ({ context }) => (context as { well: boolean }).well },
      actions: {
        note: assign((_, params: { readonly well: boolean }) => ({ well: params.well })),
      },
    }).createMachine({
      id: 'within',
      context: { well: true },
      initial: 'outer',
      states: {
        outer: {
          initial: 'a',
          states: {
            a: {
              on: {
                end: { target: 'over', actions: { type: 'note', params: ({ event }) => event } },
              },
            },
            over: { type: 'final' },
          },
          onDone: [{ guard: 'isWell', target: 'well' }, { target: 'ill' }],
        },
        well: {},
        ill: {},
      },
    })
    const paths = machinePaths(machine, {
      events: () => [
        { type: 'end', well: true },
        { type: 'end', well: false },
      ],
    })
    expect(unreached(machine, paths)).toEqual([])
  })

  test('has another branch that can never be taken names that one', () => {
    const machine = setup({
      types: { events: {} as { readonly type: 'go' } },
      guards: { over: ({ context }, { n }: { n: number }) => (context as { n: number }).n > n },
    }).createMachine({
      id: 'dead',
      context: { n: 3 },
      initial: 'a',
      states: {
        a: {
          on: {
            go: [
              { guard: { type: 'over', params: { n: 5 } }, target: 'b' },
              { guard: { type: 'over', params: { n: 0 } }, target: 'b' },
            ],
          },
        },
        b: {},
      },
    })
    const paths = machinePaths(machine, { events: () => [{ type: 'go' }] })
    expect(unreached(machine, paths)).toEqual([
      'dead.a --go [over]--> dead.b (1)',
      'dead.a --go [over]--> dead.b (2) is refused',
    ])
  })

  test('have regions side by side sees a guard refuse in each', () => {
    const machine = setup({
      types: { events: {} as { readonly type: 'go' } },
      guards: { never: () => false },
    }).createMachine({
      id: 'both',
      type: 'parallel',
      states: {
        left: { initial: 'a', states: { a: { on: { go: 'b' } }, b: {} } },
        right: {
          initial: 'a',
          states: { a: { on: { go: { guard: 'never', target: 'b' } } }, b: {} },
        },
      },
    })
    const paths = machinePaths(machine, { events: () => [{ type: 'go' }] })
    expect(unreached(machine, paths)).toEqual(['both.right.a --go [never]--> both.right.b'])
  })

  test('are of a machine of the same name as one of ours is not taken for it', () => {
    const session = setup({}).createMachine({ id: 'session', initial: 'a', states: { a: {} } })
    expect(() => machinePaths(session)).toThrow(/none of Muster's own/)
  })
})

describe.each(OWN.map((machine) => [machine.id, machine as AnyStateMachine] as const))(
  'the %s',
  (_, machine) => {
    test('has transitions that can be told apart by name', () => {
      const all = allNodes(machine).flatMap(transitionsOf).map(describeTransition)
      expect(all.filter((name, i) => all.indexOf(name) !== i)).toEqual([])
    })

    test('has paths that take every transition and see every guard refuse', () => {
      const paths = machinePaths(machine)
      expect(whatIsToShow(machine).length).toBeGreaterThan(5)
      expect(unreached(machine, paths)).toEqual([])
      expect(new Set(titles(paths)).size).toBe(paths.length)
    })

    test('needs each of its paths: without any one, something is not shown', () => {
      const paths = machinePaths(machine)
      const shown = (some: typeof paths) =>
        new Set(
          some.flatMap(({ steps }) =>
            steps.flatMap(({ before, taken, refused }) => [
              ...taken.map((transition) => `${transition} in ${stateOf(before)}`),
              ...refused.map((transition) => `not ${transition}`),
            ]),
          ),
        )
      for (const path of paths) {
        const others = paths.filter((other) => other !== path)
        expect(shown(others).size).toBeLessThan(shown(paths).size)
      }
    })

    test('has paths whose steps follow from one another', () => {
      for (const { steps } of machinePaths(machine)) {
        const first = steps[0]?.before
        const { input } = alphabetOf(machine)
        expect(first?.value).toEqual(createActor(machine, { input }).getSnapshot().value)
        for (const [i, { event, before, after }] of steps.entries()) {
          expect(transition(machine, before, event as never)[0].value).toEqual(after.value)
          expect(steps[i + 1]?.before.value ?? after.value).toEqual(after.value)
        }
      }
    })
  },
)

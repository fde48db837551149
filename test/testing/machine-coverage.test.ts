import { createActor, SimulatedClock, setup } from 'xstate'
import { describe, expect, test } from 'vitest'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'

/** One of everything that can be covered. */
const machine = setup({
  types: { events: {} as { type: 'go' } | { type: 'turn'; right: boolean } },
  guards: { isRight: (_, { right }: { right: boolean }) => right },
  actions: { note: () => {}, enter: () => {}, leave: () => {} },
  delays: { SOON: 10, LATE: 20 },
}).createMachine({
  id: 'lamp',
  initial: 'off',
  states: {
    off: {
      exit: 'leave',
      on: { go: { target: 'on', actions: 'note' } },
    },
    on: {
      entry: 'enter',
      after: { SOON: 'out' },
      on: {
        turn: { guard: { type: 'isRight', params: ({ event }) => event }, target: 'dim' },
      },
    },
    dim: { after: { LATE: 'out' } },
    out: { type: 'final' },
  },
})

const running = (coverage: MachineCoverage, watched = machine) => {
  const clock = new SimulatedClock()
  const actor = createActor(watched, { clock, inspect: coverage.inspect }).start()
  return { actor, clock }
}

describe('the coverage of a machine', () => {
  test('is nothing, by name, before anything ran', () => {
    expect(new MachineCoverage(machine).missing).toEqual([
      'states: off',
      'states: on',
      'states: dim',
      'states: out',
      'transitions: lamp.off --go--> lamp.on',
      'transitions: lamp.on --turn [isRight]--> lamp.dim',
      'transitions: lamp.on --xstate.after.SOON.lamp.on--> lamp.out',
      'transitions: lamp.dim --xstate.after.LATE.lamp.dim--> lamp.out',
      'guards: isRight is true',
      'guards: isRight is false',
      'actions: note',
      'actions: leave',
      'actions: enter',
      'delays: SOON',
      'delays: LATE',
    ])
  })

  test('is what running actors have done, all of them together', () => {
    const coverage = new MachineCoverage(machine)
    const leave = coverage.watchGuards()
    const first = running(coverage)
    first.actor.send({ type: 'go' })
    first.actor.send({ type: 'turn', right: false })
    first.clock.increment(10)
    expect(coverage.missing).toEqual([
      'states: dim',
      'transitions: lamp.on --turn [isRight]--> lamp.dim',
      'transitions: lamp.dim --xstate.after.LATE.lamp.dim--> lamp.out',
      'guards: isRight is true',
      'delays: LATE',
    ])
    const second = running(coverage)
    second.actor.send({ type: 'go' })
    second.actor.send({ type: 'turn', right: true })
    second.clock.increment(20)
    expect(coverage.missing).toEqual([])
    expect(coverage.table.guards).toEqual({ seen: 2, total: 2, missing: [] })
    leave()
  })

  test('does not take an event that was sent for a transition that was taken', () => {
    const coverage = new MachineCoverage(machine)
    const { actor } = running(coverage)
    actor.send({ type: 'turn', right: true })
    expect(coverage.table.transitions.seen).toBe(0)
  })

  test('counts no other machine, and no actor that it does not watch', () => {
    const coverage = new MachineCoverage(machine)
    const other = setup({}).createMachine({ id: 'other', initial: 'off', states: { off: {} } })
    running(coverage, other as never)
    createActor(machine).start().send({ type: 'go' })
    expect(coverage.table.states.seen).toBe(0)
    expect(coverage.table.transitions.seen).toBe(0)
  })

  test('sees the guards of a machine that was provided with other parts', () => {
    const coverage = new MachineCoverage(machine)
    const other = machine.provide({ guards: { isRight: (_, { right }) => right } })
    const { actor } = running(coverage, other as never)
    actor.send({ type: 'go' })
    actor.send({ type: 'turn', right: false })
    expect(coverage.table.guards.missing).toEqual(['isRight is true'])
  })

  test('hears of what was only asked, when it is told to watch the guards, until it is told to stop', () => {
    const coverage = new MachineCoverage(machine)
    const { actor } = running(new MachineCoverage(machine))
    actor.send({ type: 'go' })
    const leave = coverage.watchGuards()
    expect(actor.getSnapshot().can({ type: 'turn', right: true })).toBe(true)
    leave()
    expect(actor.getSnapshot().can({ type: 'turn', right: false })).toBe(false)
    expect(coverage.table.guards.missing).toEqual(['isRight is false'])
  })

  test('is not that of another machine of the same name', () => {
    const coverage = new MachineCoverage(machine)
    const same = setup({}).createMachine({ id: 'lamp', initial: 'off', states: { off: {} } })
    running(coverage, same as never)
    expect(coverage.table.states.seen).toBe(0)
  })

  test('counts what is done on leaving a state when it is left, and not before', () => {
    const coverage = new MachineCoverage(machine)
    const { actor } = running(coverage)
    expect(coverage.table.actions.missing).toEqual(['note', 'leave', 'enter'])
    actor.send({ type: 'go' })
    expect(coverage.table.actions.missing).toEqual([])
  })

  test('knows branches that read alike, guards without a name, and ways back', () => {
    const crowded = setup({
      types: { events: {} as { type: 'go'; n: number } | { type: 'back' } | { type: 'out' } },
      actions: { begin: () => {} },
    }).createMachine({
      id: 'crowded',
      initial: 'in',
      states: {
        in: {
          initial: 'a',
          states: { a: { on: { go: 'b' } }, b: {}, before: { type: 'history' } },
          on: { out: 'gone' },
        },
        gone: {
          on: {
            back: 'in.before',
            go: [
              { guard: ({ event }) => event.n > 5, target: 'in' },
              { guard: ({ event }) => event.n > 0, target: 'in' },
            ],
          },
        },
      },
    })
    const coverage = new MachineCoverage(crowded)
    const actor = createActor(crowded, { inspect: coverage.inspect }).start()
    for (const type of ['go', 'out', 'back', 'out'] as const) actor.send({ type, n: 0 } as never)
    actor.send({ type: 'go', n: 3 })
    const branch = 'crowded.gone --go [without a name]--> crowded.in'
    expect(coverage.missing).toEqual([
      `transitions: ${branch} (1)`,
      `guards: the guard of ${branch} (1) is true`,
      `guards: the guard of ${branch} (2) is false`,
    ])
  })
})

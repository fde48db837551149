import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createActor, createMachine, setup, type AnyStateMachine } from 'xstate'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  batchMachine,
  coordinatorMachine,
  enumeratorMachine,
  orchestratorMachine,
  sessionMachine,
} from '../../machines/index.ts'
import { allNodes, transitionsOf } from '../../src/testing/machine-structure.ts'

const MACHINES: readonly AnyStateMachine[] = [
  sessionMachine,
  batchMachine,
  enumeratorMachine,
  coordinatorMachine,
  orchestratorMachine,
]
const all = MACHINES.map((machine) => [machine.id, machine] as const)
const PURE = all.filter(([id]) => id === 'session' || id === 'batch')

const sourceOf = (id: string): string =>
  readFileSync(fileURLToPath(new URL(`../../machines/${id}.machine.ts`, import.meta.url)), 'utf8')

/** The name in a reference, with or without parameters. */
const typeOf = (reference: unknown): string => {
  if (typeof reference === 'string') return reference
  if (typeof reference !== 'object' || reference === null) return String(reference)
  return String((reference as { type?: unknown }).type)
}

/** The type of one of XState's own actions, which are functions; empty for a name. */
const builtInOf = (action: unknown): string =>
  typeof action === 'function' ? String((action as { type?: unknown }).type) : ''

describe.each(all)('the %s', (id, machine) => {
  const nodes = allNodes(machine)
  const transitions = nodes.flatMap(transitionsOf)
  const { actions, guards, delays, actors } = machine.implementations

  test('has a version, and describes itself and every one of its states', () => {
    expect(machine.version).toMatch(/^\d+$/)
    expect(nodes.filter(({ description = '' }) => description.length < 10)).toEqual([])
  })

  test('invokes by name, under an id of its own', () => {
    const invoked = nodes.flatMap(({ invoke, config }) => {
      const [definition] = invoke
      if (definition === undefined) return []
      // An id that XState makes up moves with the state, and no test can name it.
      expect((config as { invoke: { id?: string } }).invoke.id).toBe(definition.id)
      return [definition]
    })
    for (const { src } of invoked) expect(Object.keys(actors)).toContain(src)
    const ids = invoked.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('guards by name', () => {
    for (const { guard } of transitions) {
      if (guard !== undefined) expect(Object.keys(guards)).toContain(typeOf(guard))
    }
  })

  test('acts by name: nothing in a state is a function of its own', () => {
    const used = [
      ...transitions.flatMap((transition) => transition.actions),
      ...nodes.flatMap(({ entry, exit }) => [...entry, ...exit]),
    ] as unknown[]
    // Timers, and children that are spawned by the name of their actor, are XState's own actions.
    const own = used.filter((action) => !/^xstate\.(raise|cancel)$/.test(builtInOf(action)))
    for (const action of own) {
      const { src } = action as { src?: string }
      if (builtInOf(action) === 'xstate.spawnChild') expect(Object.keys(actors)).toContain(src)
      else expect(Object.keys(actions)).toContain(typeOf(action))
    }
  })

  test('waits for named delays', () => {
    const waits = transitions.flatMap(({ eventType }) => {
      const [, name] = /^xstate\.after\.([^.]+)\./.exec(eventType) ?? []
      return name ?? []
    })
    for (const name of waits) expect(Object.keys(delays)).toContain(name)
  })

  test('can be opened in a visualizer: as plain JSON it is the same chart', () => {
    const json = JSON.stringify(machine.config, (_, value: unknown) =>
      typeof value === 'function' ? { type: 'built-in' } : value,
    )
    const reopened = createMachine(JSON.parse(json) as Parameters<typeof createMachine>[0])
    const shapeOf = (chart: AnyStateMachine) =>
      allNodes(chart).map((node) => [
        node.id,
        node.description,
        transitionsOf(node).map(({ eventType, target }) => [eventType, target?.length ?? 0]),
      ])
    expect(shapeOf(reopened)).toEqual(shapeOf(machine))
  })

  test('reads no clock and no randomness, and logs nothing', () => {
    expect(sourceOf(id)).not.toMatch(
      /Date\.now|new Date|Math\.random|randomUUID|performance\.|setTimeout|setInterval|console\./,
    )
  })
})

describe.each(PURE)(
  'the %s, whose next snapshot is computed before it is stored,',
  (id, machine) => {
    test('invokes nothing, waits for nothing and reacts to nothing by itself', () => {
      for (const node of allNodes(machine)) {
        expect(node.invoke).toEqual([])
        expect(node.after).toEqual([])
        expect(node.always ?? []).toEqual([])
        expect([...node.entry, ...node.exit]).toEqual([])
      }
      expect(Object.keys(machine.implementations.actors)).toEqual([])
      expect(Object.keys(machine.implementations.delays)).toEqual([])
    })

    test('spawns, sends and raises nothing', () => {
      const [, imported = ''] = /import \{([^}]*)\} from 'xstate'/.exec(sourceOf(id)) ?? []
      expect(imported.split(',').map((name) => name.trim())).toEqual(['assign', 'setup'])
      expect(sourceOf(id)).not.toMatch(/spawn|\bself\b|\bsystem\b/)
    })
  },
)

describe('these tests run with XState’s development build', () => {
  test('because Node is told to', () => {
    expect([...process.execArgv].join(' ')).toMatch(/--conditions[= ]development/)
  })

  test('which names what a machine lacks', () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    onTestFinished(() => warned.mockRestore())
    const actor = createActor(setup({}).createMachine({ initial: 'a', states: { a: {} } })).start()
    actor.stop()
    actor.send({ type: 'x' } as never)
    // The production build drops the event without a word.
    expect(warned).toHaveBeenCalledOnce()
  })
})

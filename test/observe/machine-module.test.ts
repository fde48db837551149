import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  createActor,
  createMachine,
  fromPromise,
  type AnyStateMachine,
  type AnyStateNode,
} from 'xstate'
import { describe, expect, onTestFinished, test } from 'vitest'
import { rmSync } from 'node:fs'
import * as machines from '../../machines/index.ts'
import { toDefinition } from '../../src/observe/mermaid.ts'
import { runMain } from '../support/cli-in-process.ts'

const MACHINES = {
  session: machines.sessionMachine,
  batch: machines.batchMachine,
  enumerator: machines.enumeratorMachine,
  coordinator: machines.coordinatorMachine,
  orchestrator: machines.orchestratorMachine,
} as const satisfies Record<string, AnyStateMachine>
type Name = keyof typeof MACHINES
const NAMES = Object.keys(MACHINES) as Name[]

/** Evaluates what was printed, as a file beside this one: a module imports `xstate` from where it lies. */
async function imported(text: string): Promise<Record<string, AnyStateMachine>> {
  const here = dirname(fileURLToPath(import.meta.url))
  const file = join(here, `printed-${process.pid}-${performance.now()}.mjs`)
  writeFileSync(file, text)
  onTestFinished(() => rmSync(file, { force: true }))
  return (await import(pathToFileURL(file).href)) as Record<string, AnyStateMachine>
}

const printed = async (...args: string[]): Promise<string> =>
  (await runMain(['machines', ...args])).stdout

/** What a machine is made of, by XState's own reading of it: states, events, targets, guards, actions, invocations. */
const structureOf = (machine: AnyStateMachine) => ({
  json: JSON.parse(JSON.stringify(machine.definition)) as unknown,
  definition: toDefinition(machine),
  events: machine.events.toSorted(),
})

/** The names of guards, with answers: the first that has to say yes does. */
const answers = (yes: readonly string[]) => (name: string) => yes.includes(name)

describe.each(NAMES)('the %s', (name) => {
  test('is printed as a module that XState imports as it is, and that is the same machine', async () => {
    const { [`${name}Machine`]: made } = await imported(await printed(name, '--format', 'js'))
    if (made === undefined) throw new Error('no machine was printed')
    expect(made.id).toBe(name)
    expect(made.version).toBe(MACHINES[name].version)
    expect(structureOf(made).definition).toEqual(structureOf(MACHINES[name]).definition)
    expect(structureOf(made).events).toEqual(structureOf(MACHINES[name]).events)
    expect(statesOf(made)).toEqual(statesOf(MACHINES[name]))
  })

  test('is printed as JSON that createMachine takes as it is', async () => {
    const made = createMachine(JSON.parse(await printed(name, '--format', 'json')) as never)
    expect(statesOf(made)).toEqual(statesOf(MACHINES[name]))
  })
})

/** Every state with its kind and where each of its events leads. */
function statesOf(machine: AnyStateMachine): Record<string, unknown> {
  const states: Record<string, unknown> = {}
  for (const [id, node] of (machine as unknown as { idMap: Map<string, AnyStateNode> }).idMap) {
    const transitions = [...node.transitions.values()].flat()
    const arrows = [...transitions, ...(node.always ?? [])].map(({ eventType, target, guard }) => [
      eventType,
      (target as AnyStateNode[] | undefined)?.map((to) => to.id) ?? [],
      typeof guard === 'object' ? guard.type : guard,
    ])
    states[id] = {
      type: node.type,
      initial: (node.initial?.target as AnyStateNode[] | undefined)?.map((to) => to.id),
      arrows,
    }
  }
  return states
}

test('all of them are one module', async () => {
  const made = await imported(await printed('--format', 'js'))
  expect(Object.keys(made).toSorted()).toEqual(NAMES.map((name) => `${name}Machine`).toSorted())
})

test('a printed session walks as it should, once its names are given', async () => {
  const made = await imported(await printed('session', '--format', 'js'))
  const { sessionMachine } = made as { sessionMachine: AnyStateMachine }
  const yes: string[] = []
  const says = answers(yes)
  const actor = createActor(
    sessionMachine.provide({
      guards: Object.fromEntries(
        guardsOf(sessionMachine).map((guard) => [guard, () => says(guard)]),
      ),
      actions: Object.fromEntries(actionsOf(sessionMachine).map((action) => [action, () => {}])),
    }),
  ).start()
  const path = ['session.start', 'session.stall', 'batch.committed'].map((type) => {
    actor.send({ type })
    return actor.getSnapshot().value
  })
  expect(path).toEqual(['IN_PROGRESS', 'STALLED', 'IN_PROGRESS'])
  yes.push('somethingMissing')
  actor.send({ type: 'listing.exhausted' })
  expect(actor.getSnapshot().value).toBe('PARTIALLY_COMPLETED')
})

test('a printed enumerator asks for a page and commits it, once its names are given', async () => {
  const made = await imported(await printed('enumerator', '--format', 'js'))
  const { enumeratorMachine } = made as { enumeratorMachine: AnyStateMachine }
  const page = Promise.withResolvers<unknown>()
  const actor = createActor(
    enumeratorMachine.provide({
      guards: Object.fromEntries(
        guardsOf(enumeratorMachine).map((guard) => [guard, () => guard === 'isPage']),
      ),
      actions: Object.fromEntries(actionsOf(enumeratorMachine).map((action) => [action, () => {}])),
      actors: {
        fetchPage: fromPromise(() => page.promise),
        commitPage: fromPromise(() => new Promise(() => {})),
      },
      delays: { STALL: 60_000 },
    }),
  ).start()
  expect(actor.getSnapshot().value).toEqual({ fetching: 'queued' })
  actor.send({ type: 'request.started' })
  expect(actor.getSnapshot().value).toEqual({ fetching: 'asking' })
  page.resolve({ kind: 'page' })
  await new Promise((resolve) => setImmediate(resolve))
  expect(actor.getSnapshot().value).toBe('committing')
  actor.stop()
})

const namesIn = (machine: AnyStateMachine, key: RegExp): string[] => {
  const found = new Set<string>()
  const look = (value: unknown, at: string): void => {
    if (typeof value === 'string' && key.test(at)) found.add(value)
    if (typeof value !== 'object' || value === null) return
    const { type } = value as { readonly type?: unknown }
    if (typeof type === 'string' && key.test(at)) found.add(type)
    for (const [name, inner] of Object.entries(value)) look(inner, Array.isArray(value) ? at : name)
  }
  look(toDefinition(machine), '')
  return [...found]
}
const guardsOf = (machine: AnyStateMachine) => namesIn(machine, /^guard$/)
const actionsOf = (machine: AnyStateMachine) => namesIn(machine, /^(actions|entry|exit)$/)

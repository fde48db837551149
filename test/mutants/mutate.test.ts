import { setup, type AnyStateMachine } from 'xstate'
import { describe, expect, test } from 'vitest'
import { EQUIVALENT } from './equivalent.ts'
import { MACHINE_IDS, MACHINES, type MachineId } from './machines.ts'
import { mutantsOf, mutated, remade } from './mutate.ts'
import { MUTATORS, type Mutator } from './mutators.ts'
import { runJobs } from './pool.ts'
import type { Verdict } from './worker.ts'

/** A machine with one of everything. */
const toy: AnyStateMachine = setup({
  guards: { isRed: (_, _params: { n: number }) => true, isBig: () => true },
  actions: { count: (_, _params: { n: number }) => {}, sing: () => {} },
  delays: { NAP: 100 },
}).createMachine({
  id: 'toy',
  initial: 'a',
  on: { reset: { target: '.a' } },
  states: {
    a: {
      entry: 'sing',
      on: {
        go: [
          { guard: { type: 'isRed', params: { n: 1 } }, target: 'b' },
          { guard: 'isBig', actions: ['sing', { type: 'count', params: { n: 2 } }] },
          'c',
        ],
        hop: 'c',
      },
    },
    b: {
      exit: { type: 'count', params: { n: 3 } },
      after: { NAP: 'a' },
      always: { guard: 'isBig', target: '#toy.c' },
      initial: 'x',
      states: { x: { on: { on: 'y' } }, y: {} },
    },
    c: { type: 'final', output: 7 },
  },
})

const ids = mutantsOf(toy).map(({ id }) => id)

/** A part of the toy's config with one mutant in it. */
function part(id: string, ...path: string[]): unknown {
  const of = mutated(toy, id).config as unknown
  return path.reduce((value, key) => (value as Record<string, unknown>)[key], of)
}

const a = ['states', 'a']
const go = [...a, 'on', 'go']
const [red, big, c] = (toy.config as never as { states: { a: { on: { go: unknown[] } } } }).states.a
  .on.go as [object, object, string]
const plain = { target: c }

describe('each mistake', () => {
  test.each<[string, readonly string[], unknown]>([
    ['toy.a/go#0 drop transition', go, [big, plain]],
    ['toy.a/hop#0 drop transition', [...a, 'on'], { go: [red, big, c] }],
    ['toy.b/always#0 drop transition', ['states', 'b', 'always'], undefined],
    ['toy.b/after NAP#0 drop transition', ['states', 'b', 'after'], {}],
    ['toy.a/go#0 stay', [...go, '0', 'target'], undefined],
    ['toy.a/go#0 retarget to c', [...go, '0', 'target'], '#toy.c'],
    ['toy.a/go#1 retarget to b', [...go, '1', 'target'], '#toy.b'],
    ['toy.a/go#1 retarget to c', [...go, '1', 'target'], '#toy.c'],
    ['toy.b/after NAP#0 retarget to c', ['states', 'b', 'after', 'NAP', '0', 'target'], '#toy.c'],
    ['toy/reset#0 re-enter', ['on', 'reset'], [{ target: '.a', reenter: true }]],
    ['toy.a/go#1 re-enter', [...go, '1'], { ...big, target: '#toy.a', reenter: true }],
    ['toy.a/go#0 drop guard', [...go, '0'], { target: 'b' }],
    ['toy.a/go#0 drop params', [...go, '0', 'guard'], { type: 'isRed' }],
    [
      'toy.a/go#1 drop action sing#0',
      [...go, '1', 'actions'],
      [{ type: 'count', params: { n: 2 } }],
    ],
    ['toy.a/go#1 drop action count#1', [...go, '1', 'actions'], ['sing']],
    ['toy.a/go#1 drop params count#1', [...go, '1', 'actions'], ['sing', { type: 'count' }]],
    ['toy.a drop action sing#0 on entry', [...a, 'entry'], []],
    ['toy.b drop action count#0 on exit', ['states', 'b', 'exit'], []],
    ['toy.b drop params count#0 on exit', ['states', 'b', 'exit'], [{ type: 'count' }]],
    ['toy.a/go swap branches #0 and #1', go, [big, red, plain]],
    ['toy.a/go swap branches #1 and #2', go, [red, plain, big]],
    ['toy.a swap events go and hop', [...a, 'on'], { go: 'c', hop: [red, big, c] }],
    ['toy.b at once NAP', ['states', 'b', 'after'], { 0: 'a' }],
    ['toy.c drop output', ['states', 'c'], { type: 'final' }],
    ['toy change initial to b', ['initial'], 'b'],
    ['toy.b change initial to y', ['states', 'b', 'initial'], 'y'],
    ['toy.a final', [...a, 'type'], 'final'],
    ['toy.c not final', ['states', 'c', 'type'], undefined],
  ])('%s', (id, path, expected) => {
    expect(ids).toContain(id)
    expect(part(id, ...path)).toEqual(expected)
  })

  test('negates a guard', () => {
    const { guard } = part('toy.a/go#0 negate guard', ...go, '0') as { guard: { guards: object[] } }
    expect(guard.guards).toEqual([{ type: 'isRed', params: { n: 1 } }])
  })

  test('in what a state invokes drops it, its input, or what follows', () => {
    const invoked = (id: string) => {
      const { config } = mutated(MACHINES.enumerator, id)
      return (config as { states: { failing: { invoke?: object } } }).states.failing.invoke
    }
    const parts = (id: string) => Object.keys(invoked(`enumerator.failing${id}`) ?? {})
    expect(Object.keys(invoked('') ?? {})).toEqual(['id', 'src', 'input', 'onDone', 'onError'])
    expect(invoked('enumerator.failing drop invoke')).toBeUndefined()
    expect(parts(' drop input')).toEqual(['id', 'src', 'onDone', 'onError'])
    expect(parts('/onError#0 drop transition')).toEqual(['id', 'src', 'input', 'onDone'])
  })

  test('is one alone: the rest of the machine stays as it was, and so does the original', () => {
    const before = print(toy)
    for (const id of ids) expect(print(mutated(toy, id))).not.toBe(before)
    expect(print(toy)).toBe(before)
    expect(print(mutated(toy, ''))).toBe(before)
    expect(print(mutated(toy, 'session.FAILED final'))).toBe(before)
  })

  test('that is none is refused', () => {
    expect(() => mutated(toy, 'toy.a/go#9 drop guard')).toThrow('no mutant "toy.a/go#9 drop guard"')
  })
})

/** A definition as text; an own guard or action of XState's is its type. */
function print({ config }: AnyStateMachine): string {
  const { options: _, ...definition } = config as { options?: unknown }
  return JSON.stringify(definition, (_, value: unknown) =>
    typeof value === 'function' ? { own: String((value as { type?: string }).type) } : value,
  )
}

const IN_ALL: readonly Mutator[] = [
  'drop transition',
  'stay',
  'retarget',
  'drop action',
  'drop params',
  'swap events',
  'change initial',
  'final',
  'not final',
]
const WITH_GUARDS: readonly Mutator[] = ['drop guard', 'negate guard']
const WITH_BRANCHES: readonly Mutator[] = [...WITH_GUARDS, 'swap branches']
const INVOKING: readonly Mutator[] = ['re-enter', 'drop invoke']

/** The mistakes that each machine has room for. */
const ROOM: Record<MachineId, readonly Mutator[]> = {
  session: [...IN_ALL, ...WITH_BRANCHES],
  batch: [...IN_ALL, ...WITH_BRANCHES],
  enumerator: [...IN_ALL, ...WITH_BRANCHES, ...INVOKING, 'at once', 'drop input', 'drop output'],
  coordinator: [...IN_ALL, ...WITH_GUARDS, 're-enter'],
  orchestrator: [...IN_ALL, ...INVOKING],
}

describe('the mutants of the machines', () => {
  const all = MACHINE_IDS.flatMap((machine) => mutantsOf(MACHINES[machine]))

  test.each(MACHINE_IDS)('of the %s are of every kind that it has room for', (machine) => {
    const kinds = new Set(mutantsOf(MACHINES[machine]).map(({ mutator }) => mutator))
    expect([...kinds].toSorted()).toEqual(ROOM[machine].toSorted())
  })

  test('are of every kind, each under an id of its own', () => {
    expect(new Set(all.map(({ mutator }) => mutator))).toEqual(new Set(MUTATORS))
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
  })

  test('are known by ids that can be read', () => {
    expect(all.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'session.IN_PROGRESS/session.stall#0 drop transition',
        'session.IN_PROGRESS/listing.exhausted#1 negate guard',
        'enumerator.fetching.asking/after STALL#0 retarget to ending',
        'enumerator.committing drop action clearAttempts#0 on entry',
        'coordinator/xstate.error.actor.*#0 drop action walkBroke#3',
        'orchestrator.active/leadership.lost#0 re-enter',
      ]),
    )
  })

  test('can all be made', () => {
    for (const { machine, apply } of all) remade(MACHINES[machine as MachineId], apply)
  })

  test('that count as equivalent exist', () => {
    const known = new Set(all.map(({ id }) => id))
    expect(Object.keys(EQUIVALENT).filter((id) => !known.has(id))).toEqual([])
  })
})

describe('the tests of a machine', () => {
  const MUTANTS = {
    none: '',
    noticed: 'batch.IN_PROGRESS/batch.fail#0 stay',
    unknown: 'batch.IN_PROGRESS/batch.fail#7 stay',
  }

  async function fates(
    of: readonly string[],
    limits: { readonly timeoutMs?: number } = {},
  ): Promise<Record<string, Verdict>> {
    const verdicts: Record<string, Verdict> = {}
    const jobs = of.map((id) => ({ id, machine: 'batch', depth: 'machines' }) as const)
    const note = (verdict: Verdict) => void (verdicts[verdict.id] = verdict)
    await runJobs(jobs, note, { workers: 1, ...limits })
    return verdicts
  }

  test('pass on the machine as it is, fail on a mutant, and do not begin without one', async () => {
    const { none, noticed, unknown } = MUTANTS
    expect(await fates([none, noticed, unknown])).toEqual({
      [none]: { id: none, fate: 'survived', by: '' },
      [noticed]: { id: noticed, fate: 'killed', by: expect.stringContaining('batch.fail') },
      [unknown]: { id: unknown, fate: 'invalid', by: expect.stringContaining('no mutant') },
    })
  })

  test('that do not come back are stopped, and the next ones run', async () => {
    const { none, noticed } = MUTANTS
    const verdicts = Object.values(await fates([none, noticed], { timeoutMs: 1 }))
    expect(verdicts.map(({ fate }) => fate)).toEqual(['hung', 'hung'])
  })
})

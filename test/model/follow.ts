import { expect } from 'vitest'
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { MachinePath, MachineStep } from '../../src/testing/machine-paths.ts'
import type { Taken } from './recorder.ts'
import { until } from './until.ts'

interface Following<M extends AnyStateMachine> {
  /** How much the actor had taken before the path. Default: nothing. */
  readonly from?: number
  /** What the running actor has taken so far. */
  taken(): readonly Taken[]
  /** Brings a step about; called only when it does not come by itself. */
  cause(step: MachineStep<M>): Promise<void> | void
  /** Compares the actor behind a step with the model's snapshot. */
  compare(actual: AnyMachineSnapshot, step: MachineStep<M>): Promise<void> | void
  /** Whether the actor heard of an event that it was to refuse. */
  hasHeard(step: MachineStep<M>): boolean
}

/**
 * Leads a running actor along a path. What it did is read off its own account,
 * because some steps follow from the one before: a free slot in the queue is
 * taken at once, and a walk that has ended is closed at once.
 */
export async function follow<M extends AnyStateMachine>(
  path: MachinePath<M>,
  { from = 0, taken, cause, compare, hasHeard }: Following<M>,
): Promise<void> {
  let position = from
  for (const step of path.steps) {
    const expected = step.taken
    if (expected.length === 0) {
      if (!hasHeard(step)) await cause(step)
      await until(`"${step.name}" was heard`, () => hasHeard(step))
      continue
    }
    if (taken().length === position) await cause(step)
    await until(
      () => `${step.name}: ${expected.join('; ')}\ntaken: ${transitionsIn(taken()).join('\n')}`,
      () => taken().length >= position + expected.length,
    )
    const actual = taken().slice(position, position + expected.length)
    expect(transitionsIn(actual)).toEqual(expected)
    position += expected.length
    await compare(actual.at(-1)?.after as AnyMachineSnapshot, step)
  }
}

const transitionsIn = (taken: readonly Taken[]) => taken.map(({ transition }) => transition)

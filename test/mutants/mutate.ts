import { createMachine, type AnyStateMachine } from 'xstate'
import { copy, idOf, placesOf, slotsOf, type StateConfig } from './definition.ts'
import { eventMutants, slotMutants, stateMutants, type Mutator } from './mutators.ts'

/**
 * One change to a machine's definition: a mistake that somebody could make.
 * The tests of the machine have to notice it.
 */
export interface Mutant {
  /** Machine, place and change; the same as long as the definition there is. */
  readonly id: string
  readonly machine: string
  readonly mutator: Mutator
  readonly title: string
  /** Changes a copy of the machine's config. */
  readonly apply: (root: StateConfig) => void
}

/** Every mutant of a machine, in the order of its definition. */
export function mutantsOf(machine: AnyStateMachine): Mutant[] {
  const root = machine.config as StateConfig
  return placesOf(machine.id, root).flatMap((place) =>
    [
      ...slotsOf(place).flatMap((slot) => slotMutants(slot, root)),
      ...eventMutants(place),
      ...stateMutants(place),
    ].map(({ mutator, where, detail, transition, apply }) => {
      const change = detail === undefined ? mutator : `${mutator} ${detail}`
      const id = `${idOf(place)}${where} ${change}`
      const title = `${transition ?? `${idOf(place)}${where}`}: ${change}`
      return { id, machine: machine.id, mutator, title, apply }
    }),
  )
}

/** Steps without an event before a machine counts as running in a circle. */
const MAX_ITERATIONS = 1_000

/** The machine that a mutant is one of; empty for no mutant. */
const machineOf = (id: string): string => id.split(/[./ ]/)[0] ?? ''

/**
 * The machine with one change; where the mutant is one of another machine, or
 * none, it is the same machine, made anew in the same way.
 */
export function mutated<M extends AnyStateMachine>(machine: M, id: string): M {
  if (machineOf(id) !== machine.id) return remade(machine, () => {})
  const mutant = mutantsOf(machine).find((mutant) => mutant.id === id)
  if (mutant === undefined) throw new Error(`there is no mutant "${id}"`)
  return remade(machine, mutant.apply)
}

/** The machine made anew from its definition, once that is changed. */
export function remade<M extends AnyStateMachine>(machine: M, change: Mutant['apply']): M {
  const config = copy(machine.config) as StateConfig
  change(config)
  const definition = { ...config, options: { maxIterations: MAX_ITERATIONS } }
  return createMachine(definition as never, machine.implementations as never) as unknown as M
}

import type { AnyStateMachine } from 'xstate'
import {
  batchMachine,
  coordinatorMachine,
  enumeratorMachine,
  orchestratorMachine,
  sessionMachine,
} from '../../../machines/index.ts'
import type { Alphabet } from '../alphabet.ts'
import { batchAlphabet } from './batch.ts'
import { coordinatorAlphabet } from './coordinator.ts'
import { enumeratorAlphabet } from './enumerator.ts'
import { orchestratorAlphabet } from './orchestrator.ts'
import { sessionAlphabet } from './session.ts'

const OWN: readonly (readonly [AnyStateMachine, unknown])[] = [
  [sessionMachine, sessionAlphabet],
  [batchMachine, batchAlphabet],
  [enumeratorMachine, enumeratorAlphabet],
  [coordinatorMachine, coordinatorAlphabet],
  [orchestratorMachine, orchestratorAlphabet],
]

/** What can happen to one of Muster's own machines. @throws Error for any other machine */
export function alphabetOf<M extends AnyStateMachine>(machine: M): Alphabet<M> {
  // A machine that was provided with other parts has the same config.
  const own = OWN.find(([{ config }]) => config === machine.config)
  if (own === undefined) {
    throw new Error(
      `machine "${machine.id}" is none of Muster's own, whose events are known: give machinePaths(machine, { events: (snapshot) => [...] })`,
    )
  }
  return own[1] as Alphabet<M>
}

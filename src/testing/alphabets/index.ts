import type { AnyStateMachine } from 'xstate'
import type { Alphabet } from '../alphabet.ts'
import { batchAlphabet } from './batch.ts'
import { coordinatorAlphabet } from './coordinator.ts'
import { enumeratorAlphabet } from './enumerator.ts'
import { orchestratorAlphabet } from './orchestrator.ts'
import { sessionAlphabet } from './session.ts'

const OWN: Readonly<Record<string, unknown>> = {
  session: sessionAlphabet,
  batch: batchAlphabet,
  enumerator: enumeratorAlphabet,
  coordinator: coordinatorAlphabet,
  orchestrator: orchestratorAlphabet,
}

/** What can happen to one of Muster's own machines. @throws Error for any other machine */
export function alphabetOf<M extends AnyStateMachine>(machine: M): Alphabet<M> {
  const own = OWN[machine.id]
  if (own === undefined) {
    throw new Error(
      `machine "${machine.id}" has no alphabet (known: ${Object.keys(OWN).join(', ')}): give machinePaths(machine, { events: (snapshot) => [...] })`,
    )
  }
  return own as Alphabet<M>
}

import type { AnyStateMachine } from 'xstate'
import {
  batchMachine,
  coordinatorMachine,
  enumeratorMachine,
  orchestratorMachine,
  sessionMachine,
} from '../../machines/index.ts'

export type MachineId = 'session' | 'batch' | 'enumerator' | 'coordinator' | 'orchestrator'

/** The machines that are mutated. */
export const MACHINES: Readonly<Record<MachineId, AnyStateMachine>> = {
  session: sessionMachine,
  batch: batchMachine,
  enumerator: enumeratorMachine,
  coordinator: coordinatorMachine,
  orchestrator: orchestratorMachine,
}
export const MACHINE_IDS = Object.keys(MACHINES) as MachineId[]

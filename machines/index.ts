/** The statecharts, for the visualizer and for model-based tests. */
export * from './batch.machine.ts'
export * from './coordinator.machine.ts'
export * from './enumerator.machine.ts'
export * from './orchestrator.machine.ts'
export * from './restorable.ts'
export * from './session.machine.ts'
export * from './values.ts'

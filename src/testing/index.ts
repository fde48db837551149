/**
 * `muster/testing`: what an adapter has to promise, as cases for whatever runs
 * your tests, and the paths of a statechart.
 */
export type { Alphabet, MachineEvent, PossibleEvent } from './alphabet.ts'
export type { ContractCase } from './contract-case.ts'
export { MachineCoverage, type CoverageKind, type Seen } from './machine-coverage.ts'
export {
  machinePaths,
  unreached,
  whatIsToShow,
  type MachinePath,
  type MachineStep,
} from './machine-paths.ts'
export {
  sourceContract,
  type SourceContractOptions,
  type SourceOrFactory,
  type SourceSetUp,
} from './source-contract/index.ts'
export { storeContract, type OpenStore } from './store-contract/index.ts'

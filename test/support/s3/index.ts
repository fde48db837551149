export type { Fault, FaultKind } from './faults.ts'
export { oddKeys } from './odd-keys.ts'
export type {
  LoggedRequest,
  Operation,
  Quirks,
  S3StandIn,
  StandInBucket,
  StandInObject,
  StandInOptions,
  StandInVersion,
} from './options.ts'
export { compareBytes } from './order.ts'
export { startS3 } from './server.ts'

export { createMuster, type Muster } from './muster.ts'
export type { MusterOptions } from './options.ts'
export type { AppConfig, AuthConfig, AuthConfigs, GithubAuth, SecretValue } from './config/auth.ts'
export {
  createInProcessBus,
  type BusEvents,
  type BusEventType,
  type BusHandler,
  type EventBus,
  type PublishOptions,
} from './delivery/event-bus.ts'
export type { Coordinator, EnumerateOptions } from './enumeration/coordinator-port.ts'
export type { EnumerationError, EnumerationResult } from './enumeration/result.ts'
export { DEFAULT_SETTINGS, type WalkSettings } from './enumeration/settings.ts'
export { logEvents } from './observe/log.ts'
export type { Metrics } from './observe/metrics.ts'
export { soloLeadership, type Leadership } from './orchestration/leadership.ts'
export type { Orchestrator, Round } from './orchestration/orchestrator.ts'
export {
  defineSource,
  type AnySource,
  type AnswerCache,
  type BudgetReport,
  type BudgetState,
  type EnumerateContext,
  type Identity,
  type LimitReport,
  type Page,
  type SharedBudget,
  type Source,
  type ToldLimit,
} from './sources/source.ts'
export { openDatabase } from './store/open-database.ts'
export { openStore } from './store/open.ts'
export type { PrunedRows, PruneOptions } from './store/retention.ts'
export type {
  Alias,
  ClaimedSession,
  ClaimSession,
  ClaimSessions,
  CommitPage,
  CommitSession,
  CreateSession,
  Fence,
  LeaseRequest,
  OpenRound,
  OutstandingTask,
  Repositories,
  RoundState,
  Store,
  Survey,
  UnendedSession,
  Unfinished,
} from './store/store.ts'
export * from './domain/index.ts'
export { markFailed as markBatchFailed, markSuccessful, type Batch } from './domain/batch.ts'
export {
  isStalled,
  markCompleted,
  markFailed,
  markInProgress,
  processCompletedBatch,
  type Comparison,
  type Completeness,
  type SessionState,
  type TargetConfig,
  type Waiting,
} from './domain/session-state.ts'
export type { Timeline } from './domain/timeline.ts'

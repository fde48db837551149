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
export {
  createMetricsRegistry,
  serveMetrics,
  type MetricsRegistry,
  type MetricsServer,
  type ServeMetricsOptions,
} from './observe/prometheus.ts'
export { readRecording } from './observe/read-recording.ts'
export { recordInspection, type Recorder, type RecordOptions } from './observe/recorder.ts'
export type { RecordedLine } from './observe/recording-lines.ts'
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
  type PlanContext,
  type PlannedLimit,
  type SharedBudget,
  type Source,
  type SourcePlan,
  type ToldLimit,
} from './sources/source.ts'
export { planConfig, type PlanConfigOptions } from './plan-config.ts'
export type { Bottleneck } from './planning/estimate.ts'
export type { LastWalk, Plan, PlannedAction, TargetPlan } from './planning/types.ts'
export type { Dashboard } from './dashboard/index.ts'
export type { DashboardOptions } from './serving.ts'
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

import type { Generated } from 'kysely'

/**
 * The tables. Times are milliseconds since the Unix epoch; JSON is text.
 * Identities that others see are UUIDs; between tables, rows point at each
 * other by integer, which keeps rows and indexes small.
 */
export interface Schema {
  sessions: SessionTable
  checkpoints: CheckpointTable
  batches: BatchTable
  failed_items: FailedItemTable
  resources: ResourceTable
  scan_targets: ScanTargetTable
  tasks: TaskTable
  jobs: JobTable
  job_targets: JobTargetTable
  rules: RuleTable
  rounds: RoundTable
  targets: TargetTable
  sightings: SightingTable
  aliases: AliasTable
  answers: AnswerTable
  lookups: LookupTable
  lookup_marks: LookupMarkTable
  leaders: LeaderTable
  budgets: BudgetTable
  audit: AuditTable
}

export interface SessionTable {
  id: Generated<number>
  session_id: string
  job: number
  target_name: string
  /** Hash of what is walked: sessions of one key walk the same thing. */
  target_key: string
  /** The target of that key. */
  target: number
  source_type: string
  config: string
  status: string
  failure_reason: string | null
  completeness: string
  shortfalls: string
  total: number | null
  total_batches: number
  failed_batches: number
  items_found: number
  items_processed: number
  items_skipped: number
  items_failed: number
  /** The comparison with what was known of the target, as JSON; null before the end, and where nothing is compared. */
  comparison: string | null
  started_at: number
  last_update: number
  completed_at: number | null
  /** What the walk waits for, in words, and until when; null while it does not wait, or nobody knows until when. */
  waiting_reason: string | null
  waiting_until: number | null
  /** The write counter: a commit names the one it read. */
  revision: number
  lease_owner: string | null
  lease_until: number | null
  /** When a host began to take this session's tasks; null while none has. */
  delivery_started_at: number | null
  /** Whether the session's end, and before it its tasks, have still to be published on a bus. */
  announcement_owed: Generated<number>
  /** The name of its credential; null where it needs none. */
  credential: string | null
  /** `pause` or `cancel`, where somebody asked for it; null at the session's end. */
  asked: string | null
}

/** What limits the use of a credential, one row a window of time. */
export interface BudgetTable {
  /** A fingerprint of the credential and its service. */
  credential: string
  /** What is counted; see `budgets.ts`. */
  name: string
  /** Until when the window counts; 0 where none is known. */
  ends_at: number
  /** As the service told them; null where it did not. */
  allowed: number | null
  remaining: number | null
  /** Points, or requests under way, that the service has not told of. */
  spent: number
  /** Until when nothing may be sent. */
  blocked_until: number
  /** When it was reported last. */
  used_at: number
  /** What people call the credential; null where nobody said. */
  label: string | null
}

/** What sessions did; rows are added and deleted, and never changed. */
export interface AuditTable {
  id: Generated<number>
  session: number
  at: number
  event: string
  detail: string | null
  by: string | null
}

/** Which process leads those that share the database. */
export interface LeaderTable {
  name: string
  owner: string
  lease_until: number
}

export interface CheckpointTable {
  id: Generated<number>
  target_id: string
  data: string
  updated_at: number
}

export interface BatchTable {
  session: number
  number: number
  batch_id: string
  status: string
  position: string | null
  expected_items: number
  items_processed: number
  items_skipped: number
  items_failed: number
  error_details: string | null
  started_at: number
  last_update: number
  completed_at: number | null
  /** The batch's tasks are those with `first_task <= seq <= last_task`; null where it made none. */
  first_task: number | null
  last_task: number | null
  /** How many they are: those of others may lie between them. */
  tasks_made: Generated<number>
}

export interface FailedItemTable {
  id: Generated<number>
  session: number
  batch_number: number
  item: string
  reason: string
  failed_at: number
}

export interface ResourceTable {
  id: Generated<number>
  source_type: string
  key: string
  uri: string
  name: string
  is_active: number
  metadata: string
  created_at: number
  updated_at: number
}

export interface ScanTargetTable {
  /** The resource's id: one scan target a resource. */
  target_id: number
  scan_target_id: string
  target_type: string
  name: string
  metadata: string
  last_scan_at: number | null
  created_at: number
  updated_at: number
}

export interface TaskTable {
  /** The order of delivery. */
  seq: Generated<number>
  task_id: string
  session: number
  target: number
  uri: string
  metadata: string
  created_at: number
  acknowledged_at: number | null
  status: Generated<string>
  items_processed: Generated<number>
  error: string | null
  progress_at: number | null
}

export interface JobTable {
  id: Generated<number>
  job_id: string
  name: string
  created_at: number
}

export interface JobTargetTable {
  job: number
  target: number
}

export interface RuleTable {
  rule_id: string
  definition: string
  hash: string
  updated_at: number
}

export interface RoundTable {
  id: Generated<number>
  started_at: number
  /** Sessions with a greater id were begun in the round. */
  after_session: number
  /** The sessions that the round found unfinished, as a JSON list of their identities. */
  resumed: string
  completed_at: number | null
}

/** What is walked, known by the hash of its spec. */
export interface TargetTable {
  id: Generated<number>
  target_key: string
}

/** What a target was seen to hold. */
export interface SightingTable {
  target: number
  resource: number
  /** Of the resource's content, as the source tells it; null where it does not. */
  version: string | null
  /** The session that saw it last. */
  session: number
  /** What that session found it to be: `new`, `changed`, `unchanged`, or `skipped`. */
  change: string
  /** Complete sessions since then that did not see it. */
  missed: number
}

/** An earlier address of a resource. */
export interface AliasTable {
  resource: number
  uri: string
  /** When the resource was first known by another; milliseconds since the Unix epoch. */
  recorded_at: number
}

/** What a service answered, for asking whether it is still so. */
export interface AnswerTable {
  key: string
  value: string
  stored_at: number
}

/** Rows by the identities that others know them by; entered when somebody looks one up. */
export interface LookupTable {
  /** `task` or `target`. */
  kind: string
  id: string
  row: number
}

/** How far the rows of a kind are entered. */
export interface LookupMarkTable {
  kind: string
  entered: number
}

import type { AuditEntry, NewAuditEntry } from '../domain/audit.ts'
import type { Batch } from '../domain/batch.ts'
import type { Checkpoint } from '../domain/checkpoint.ts'
import type { Job, Rule } from '../domain/job.ts'
import type { JsonRecord, JsonValue } from '../domain/json.ts'
import type { GitHubRepo, S3Object, ScanTarget, UrlTarget } from '../domain/resources.ts'
import type { Comparison, SessionState, TargetConfig, Waiting } from '../domain/session-state.ts'
import type { Ask } from '../domain/steering.ts'
import type { FailedItem, TaskProgress, TaskRecord } from '../domain/task.ts'
import type { BudgetNote, BudgetReport, BudgetState, Identity } from '../sources/source.ts'

/** What a repository needs to make a resource: everything but what the store gives. */
export type NewResource<T> = Omit<T, 'id' | 'timeline' | 'isActive'>

/** An earlier address of a resource. */
export interface Alias {
  readonly url: string
  /** When it was recorded. */
  readonly at: Date
}

export interface GitHubRepoRepository {
  /** @returns the id; an existing repository of the same key is updated. */
  create(repo: NewResource<GitHubRepo>): Promise<number>
  update(repo: GitHubRepo): Promise<void>
  getById(id: number): Promise<GitHubRepo | null>
  /** By its address, or by one that it had before. */
  getByUrl(url: string): Promise<GitHubRepo | null>
  /** The addresses that it had before, oldest first. */
  aliases(id: number): Promise<Alias[]>
  list(limit: number, offset: number): Promise<GitHubRepo[]>
}

export interface UrlRepository {
  create(target: NewResource<UrlTarget>): Promise<number>
  update(target: UrlTarget): Promise<void>
  getByUrl(url: string): Promise<UrlTarget | null>
}

export interface S3ObjectRepository {
  create(object: NewResource<S3Object> & { readonly name: string }): Promise<number>
  getByUri(uri: string): Promise<S3Object | null>
  list(limit: number, offset: number): Promise<S3Object[]>
}

export interface ScanTargetRepository {
  create(target: Pick<ScanTarget, 'name' | 'targetType' | 'targetId' | 'metadata'>): Promise<string>
  update(target: ScanTarget): Promise<void>
  getById(id: string): Promise<ScanTarget | null>
  find(targetType: string, targetId: number): Promise<ScanTarget | null>
  list(limit: number, offset: number): Promise<ScanTarget[]>
}

/**
 * A walk saves its batches, sessions, checkpoints and tasks by `commitPage` and
 * `commitSession`, a page in one transaction. The `save` methods here are for
 * hosts that import or repair: they touch no session that is being walked.
 */
export interface BatchRepository {
  /** @throws SESSION_NOT_FOUND, or LEASE_HELD while the session is being walked. */
  save(batch: Batch): Promise<void>
  findBySessionId(sessionId: string): Promise<Batch[]>
  findLastBySessionId(sessionId: string): Promise<Batch | null>
  findById(batchId: string): Promise<Batch | null>
}

export interface SessionRepository {
  /**
   * Creates or replaces a session; a new one needs its `lastCheckpoint`.
   *
   * @throws LEASE_HELD while it is being walked; CHECKPOINT_INCOMPATIBLE for a new one without a checkpoint
   */
  save(state: SessionState): Promise<void>
  load(sessionId: string): Promise<SessionState | null>
  /** Sessions that are not at their end, oldest first. */
  getActiveStates(): Promise<SessionState[]>
  /** The newest first. */
  list(limit: number, offset?: number): Promise<SessionState[]>
}

export interface CheckpointRepository {
  /** @returns the checkpoint with the id that it has now. @throws LEASE_HELD while its session is being walked. */
  save(checkpoint: Checkpoint): Promise<Checkpoint>
  /** Without its checkpoint a session cannot be resumed. @throws LEASE_HELD while it is being walked. */
  delete(targetId: string): Promise<void>
  load(targetId: string): Promise<Checkpoint | null>
  loadById(id: number): Promise<Checkpoint | null>
}

export interface TaskRepository {
  /**
   * Adds a task that is not there; one that is stays as it is. A session has
   * one task for a resource. @throws SESSION_NOT_FOUND without its session or scan target.
   */
  save(task: TaskRecord): Promise<void>
  getById(taskId: string): Promise<TaskRecord | null>
  /** All tasks, or one session's, in the order of their creation; holds one window at a time. */
  stream(filter?: { readonly sessionId?: string }): AsyncIterable<TaskRecord>
  count(filter?: { readonly sessionId?: string }): Promise<number>
  progress(taskId: string): Promise<TaskProgress | null>
}

export interface JobRepository {
  create(job: Job): Promise<void>
  getById(jobId: string): Promise<Job | null>
  /** Associates scan targets with a job; those that are associated already stay so. */
  associate(jobId: string, scanTargetIds: readonly string[]): Promise<void>
  countTargets(jobId: string): Promise<number>
}

export interface RuleRepository {
  save(rule: Rule): Promise<void>
  getById(ruleId: string): Promise<Rule | null>
  list(): Promise<Rule[]>
}

/** Answers of services, by source and key; see `AnswerCache`. */
export interface AnswerRepository {
  get(key: string): Promise<JsonValue | undefined>
  set(key: string, value: JsonValue): Promise<void>
  /** Forgets what was stored before a time. */
  prune(before: Date): Promise<void>
}

export interface Repositories {
  readonly sessions: SessionRepository
  readonly batches: BatchRepository
  readonly checkpoints: CheckpointRepository
  readonly tasks: TaskRepository
  readonly scanTargets: ScanTargetRepository
  readonly githubRepos: GitHubRepoRepository
  readonly urls: UrlRepository
  readonly s3Objects: S3ObjectRepository
  readonly jobs: JobRepository
  readonly rules: RuleRepository
  readonly failedItems: FailedItemRepository
  readonly answers: AnswerRepository
  readonly audit: AuditRepository
  readonly reports: ReportRepository
}

/** What each session did, and why it ended so. Entries are added by the steps that they tell of, and go with their session. */
export interface AuditRepository {
  /** Oldest first. @param params.after the id of the last entry that is known already @param params.limit default: 1,000 */
  find(params: {
    readonly sessionId: string
    readonly after?: number
    readonly limit?: number
  }): Promise<AuditEntry[]>
  /** The newest first. */
  latest(params: { readonly sessionId: string; readonly limit: number }): Promise<AuditEntry[]>
}

/** A session without its checkpoint, as a list of thousands shows it. */
export interface SessionSummary extends Omit<SessionState, 'lastCheckpoint' | 'position'> {
  readonly targetKey: string
  /** Who has its lease; null where nobody has, or it has run out. */
  readonly walkedBy: string | null
}

/** The groups that sessions are counted by. `attention`: FAILED, PARTIALLY_COMPLETED, STALLED, or paused. */
export type SessionGroup = 'all' | 'active' | 'waiting' | 'paused' | 'attention' | 'ended'

export interface SessionQuery {
  /** Default: all. */
  readonly group?: SessionGroup
  /** Part of a target's name or of a session's identity, whatever the case of its letters. */
  readonly search?: string
  /** Sessions of one target. */
  readonly targetKey?: string
  /** Default: the newest first. */
  readonly sort?: 'newest' | 'oldest' | 'target' | 'items' | 'failed'
  readonly offset?: number
  readonly limit: number
}

/** A limit of a credential, as it was told of last. */
export interface BudgetRecord {
  /** As the config names it; null where requests need none, or nobody said. */
  readonly label: string | null
  readonly resource: string
  readonly limit: number | null
  readonly remaining: number | null
  readonly resetsAt: Date | null
  /** Until when nothing may be sent; null where something may. */
  readonly blockedUntil: Date | null
  readonly updatedAt: Date
}

/** What dashboards and reports read; nothing here writes, and no answer grows with the number of sessions. */
export interface ReportRepository {
  sessions(
    query: SessionQuery,
  ): Promise<{ readonly total: number; readonly rows: SessionSummary[] }>
  session(sessionId: string): Promise<SessionSummary | null>
  counts(): Promise<Readonly<Record<SessionGroup, number>>>
  /** Of one session, or of all. */
  tasks(sessionId?: string): Promise<{ readonly total: number; readonly outstanding: number }>
  /** The newest first. */
  batches(params: { readonly sessionId: string; readonly limit: number }): Promise<Batch[]>
  /** Limits that were told of within a day, the fullest last. */
  budgets(): Promise<BudgetRecord[]>
}

export interface FailedItemRepository {
  find(params: {
    readonly sessionId: string
    readonly after: number
    readonly limit: number
    readonly until?: number
  }): Promise<FailedItem[]>
  lastId(sessionId: string): Promise<number>
}

/** What a commit names to show that it still has the session. */
export interface Fence {
  readonly sessionId: string
  readonly owner: string
  /** The revision that the writer read. */
  readonly revision: number
  /** For how long the lease is extended by this commit, from the moment of the commit; milliseconds. */
  readonly leaseMs: number
}

export interface RejectedItem {
  readonly item: string
  readonly reason: string
}

export interface CreateSession {
  readonly session: SessionState
  /** Hash of what is walked. */
  readonly targetKey: string
  readonly job: Job
  readonly checkpoint: JsonRecord
  /** The round that it is begun in: it has to be open, and to have no session of the target yet. */
  readonly roundId?: number
  /** As in `ClaimSession`. */
  readonly announcing?: boolean
}

/** Who asks for a lease, and for how long. */
export interface LeaseRequest {
  readonly owner: string
  /** Milliseconds from the moment at which it is given. */
  readonly leaseMs: number
  /** Whether the process that holds the lease is known to be gone. */
  isGone(owner: string): boolean
}

export interface ClaimSession extends LeaseRequest {
  readonly sessionId: string
  /** Whether a pause that somebody asked for is ended by it. Default: no, and such a session is not given. */
  readonly lift?: boolean
  /** Whether the session's tasks and its end are published on a bus: its end is owed to the bus until `markAnnounced`. */
  readonly announcing?: boolean
}

/** Asks for sessions that nobody walks. */
export interface ClaimSessions extends LeaseRequest {
  /** How many at the most. */
  readonly limit: number
  /** The source types that the asking process can walk. */
  readonly sourceTypes: readonly string[]
  /** Sessions that it does not want: those it could not walk a moment ago. */
  readonly except: readonly string[]
  /** As in `ClaimSession`; ended sessions whose end is owed to the bus are then claimed too. */
  readonly announcing?: boolean
}

export interface ClaimedSession {
  readonly state: SessionState
  readonly revision: number
}

export interface CommitSession {
  readonly fence: Fence
  /** The session as it will be. */
  readonly session: SessionState
  readonly checkpoint: JsonRecord
  /** What its record says of this step; nothing where it is left out. */
  readonly note?: NewAuditEntry
  /** A page that could not be had leaves a batch of its own. */
  readonly batch?: Batch
  /** Given at the end of a complete session: what it did not see is missing once more. */
  readonly missing?: Missing
}

export interface Missing {
  /** How often in a row a resource has to be missing before it is deactivated. */
  readonly deactivateAfter: number
}

/** How the resources of a page become known. */
export interface Sighted {
  /** Whether one that has not changed gets no task. */
  readonly onlyChanged: boolean
}

export interface CommitPage extends CommitSession {
  readonly batch: Batch
  readonly kept: readonly Identity[]
  /** Left out by a filter: they become known where the target is compared, and nothing else is made of them. */
  readonly skipped: readonly Identity[]
  /** Given where the target's resources are compared from session to session. */
  readonly sighted?: Sighted
  /** Whether a host takes the session's tasks, so that a restart goes on delivering those that the page makes. */
  readonly delivering?: boolean
  readonly rejected: readonly RejectedItem[]
  /** Failed items that this page tried again; what failed again is among `rejected`. */
  readonly retriedItems: readonly number[]
  readonly at: number
}

export interface OutstandingTask extends TaskRecord {
  /** Its place in the order of delivery. */
  readonly seq: number
}

/** What is known of a target at the end of a session. */
export interface Survey {
  readonly comparison: Comparison
  /** Resources that the last session before it saw whose word can be relied on; null without one. */
  readonly seenBefore: number | null
}

/** A target for which a session can be taken up again. */
export interface Unfinished {
  readonly sessionId: string
  readonly targetKey: string
}

/** One enumeration of everything that is wanted, across any number of processes. */
export interface OpenRound {
  readonly roundId: number
  /** The sessions that were resumed or begun in it so far, oldest first. */
  readonly sessions: readonly SessionState[]
}

/** A session of a round of which something is left to do. */
export interface UnendedSession {
  readonly sessionId: string
  readonly targetName: string
  /** Whether it is at its end, and only its tasks or its end have still to be published. */
  readonly isEnded: boolean
  /** Whether a process has it in hand. */
  readonly isWalked: boolean
  /** Why it waits for somebody to put something right, if it does. */
  readonly pausedFor: string | null
}

/** What a step of pruning deleted. */
export interface Pruned {
  readonly sessions: number
  readonly tasks: number
  readonly batches: number
  readonly failedItems: number
  /** Where the next step goes on; null when there is nothing left to look at. */
  readonly next: number | null
}

/** What became of a round. */
export interface RoundState {
  readonly roundId: number
  readonly isOpen: boolean
}

/**
 * Everything Muster remembers. Each method is one step of the work and one
 * transaction: it happens whole, or not at all. What was read stays as it was
 * read, whatever is written later. Dates are kept to the millisecond.
 */
export interface Store {
  readonly repositories: Repositories
  /** Whether hosts on several machines may share it. */
  readonly isShared: boolean
  /**
   * @throws LEASE_HELD when an unfinished session of the same target exists, or
   * the round has one of it; LEASE_LOST when the round is over
   */
  createSession(params: CreateSession): Promise<void>
  /**
   * @throws SESSION_NOT_FOUND; LEASE_HELD while another live process walks it;
   * a PauseError (PAUSED) where somebody asked for a pause and `lift` is not given
   */
  claimSession(params: ClaimSession): Promise<ClaimedSession>
  /**
   * Sessions that are not at their end and that nobody walks, each given to one
   * claimant alone. Those of credentials that are least in use come first, then
   * those that have waited longest. One that is paused, or that waits for a
   * time to come, is left alone; one that is to be cancelled is not.
   */
  claimSessions(params: ClaimSessions): Promise<ClaimedSession[]>
  /** Ends a pause, so that the session can be claimed again. @param params.announcing as in `ClaimSession` */
  offerSession(params: { readonly sessionId: string; readonly announcing?: boolean }): Promise<void>
  /**
   * Remembers what somebody asks of a session; null ends a pause. A session that
   * nobody walks is paused at once; whoever walks it sees it by `asksOf`. What
   * was asked already changes nothing.
   *
   * @returns the session as it is then
   * @throws SESSION_NOT_FOUND; ILLEGAL_TRANSITION for a session at its end, and
   * for another wish than to cancel where that was asked for
   */
  steerSession(params: {
    readonly sessionId: string
    readonly ask: Ask | null
    /** Who asks, for the record. */
    readonly by: string
  }): Promise<SessionSummary>
  /** What is asked of the sessions whose lease a process has. */
  asksOf(owner: string): Promise<{ readonly sessionId: string; readonly ask: Ask }[]>
  /**
   * Also takes back a lease that ran out, where nobody has claimed the session since.
   *
   * @returns whether the lease was still ours
   */
  renewLease(params: Omit<Fence, 'revision'>): Promise<boolean>
  /**
   * Gives the lease up, if it is still ours; a commit under it is too late then.
   *
   * @param params.left why, for the record, where the session is not at its end
   */
  releaseLease(
    params: Pick<Fence, 'sessionId' | 'owner'> & { readonly left?: string },
  ): Promise<void>
  /**
   * Remembers what the walk waits for, until the session's next commit or claim.
   *
   * @returns whether the lease was still ours; if not, nothing was changed.
   */
  recordWaiting(
    params: Pick<Fence, 'sessionId' | 'owner'> & { readonly waiting: Waiting },
  ): Promise<boolean>
  /** Of these keys, those whose resources the session has seen already; none where its target is not compared. */
  findSeen(params: {
    readonly sessionId: string
    readonly keys: readonly string[]
  }): Promise<ReadonlySet<string>>
  /** Holds what a session has seen so far against what was known of its target. */
  surveySession(sessionId: string): Promise<Survey>
  /**
   * @throws LEASE_LOST, with nothing changed, when the revision or the owner no
   * longer match, or the lease has run out by the store's clock
   */
  commitPage(params: CommitPage): Promise<{ readonly tasksCreated: number }>
  /**
   * @throws LEASE_LOST as `commitPage` does; LEASE_HELD for an ended session that would go on beside an unfinished one of its target.
   */
  commitSession(params: CommitSession): Promise<void>
  /** Tasks after a place in the order that nobody has acknowledged, `limit` of them at most. */
  takeTasks(params: {
    readonly sessionId: string
    readonly after: number
    readonly limit: number
  }): Promise<OutstandingTask[]>
  /** Of these tasks, those that are there and that nobody has acknowledged. */
  findOutstanding(seqs: readonly number[]): Promise<ReadonlySet<number>>
  /** The host has them; any number at once, all or none, and those that are unknown are passed over. */
  acknowledgeTasks(params: { readonly seqs: readonly number[]; readonly at: number }): Promise<void>
  /** Remembers that a host takes the session's tasks, so that a restart goes on delivering. */
  beginDelivery(params: { readonly sessionId: string; readonly at: number }): Promise<void>
  /** Scan targets of the batches after a number, a batch at a time. */
  takeScanTargets(params: {
    readonly sessionId: string
    readonly afterBatch: number
  }): Promise<{ readonly batch: number; readonly scanTargetIds: string[] } | null>
  /** Sessions that are not at their end, or whose delivery is not; all of them, or one target's. Oldest first. */
  findUnfinished(targetKey?: string): Promise<Unfinished[]>
  /**
   * The round that was begun and not ended, or a new one. A process that dies
   * in a round and starts again goes on with it: targets that were walked to
   * their end in it are not walked twice.
   *
   * @param params.after the round after this one is meant: where it is over
   *   already, none is begun
   * @throws LEASE_LOST when the round that is meant is over
   */
  openRound(params: { readonly at: number; readonly after?: number }): Promise<OpenRound>
  /** The round that was begun last; null where there was none. */
  lastRound(): Promise<RoundState | null>
  /** The sessions that were resumed or begun in a round, oldest first. */
  sessionsOfRound(roundId: number): Promise<SessionState[]>
  /** Of these, those that are not at their end, or whose end is owed to the bus. */
  unendedOfRound(roundId: number): Promise<UnendedSession[]>
  /** Ends this round, if it has not ended; no other. */
  closeRound(params: { readonly roundId: number; readonly at: number }): Promise<void>
  recordProgress(progress: TaskProgress): Promise<boolean>
  /**
   * Adds what a process tells of its use of a credential to what all of them
   * told. Of two windows of a limit the later counts, of what remains in one
   * the less, of two times until which nothing may be sent the later.
   *
   * @returns what is known then, with this report in it
   */
  shareBudget(report: BudgetReport): Promise<BudgetState>
  /** Remembers what a service told of a credential's limits, for `reports.budgets` alone: nobody counts by it. */
  noteBudget(note: BudgetNote): Promise<void>
  /** The bus has a session's tasks and its end. */
  markAnnounced(params: { readonly sessionId: string }): Promise<void>
  /** Asks to lead all processes that share the store, or to go on doing so. @returns whether this one leads */
  lead(params: LeaseRequest): Promise<boolean>
  /** Gives the lead up, if it is this one's. */
  resign(params: { readonly owner: string }): Promise<void>
  /**
   * Deletes some of what is old, in one short transaction; see `pruneAll`, which
   * does so until nothing is left.
   *
   * A session goes whole that ended before then, unless somebody may still need
   * it: a host its tasks, a bus its end, the open round its outcome, and the
   * next session of its target what it is held against. Of a COMPLETED session
   * that stays, the tasks go once all of them are acknowledged. Resources, scan
   * targets and what was seen of a target stay.
   *
   * @param params.before milliseconds since the Unix epoch
   * @param params.limit rows deleted at the most, but for a few of a session's own
   * @param params.after what the last step gave as `next`; default: from the beginning
   */
  prune(params: {
    readonly before: number
    readonly limit: number
    readonly after?: number
  }): Promise<Pruned>
  /** The store is about to be closed: what fails from now on is not waited for. */
  hurry?(): void
  /** Lets go of what the store holds: whatever is asked of it afterwards is rejected. Closing it again changes nothing. */
  close(): Promise<void>
}

export type { TargetConfig }

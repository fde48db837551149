import { follow, type Changes } from '../delivery/changes.ts'
import type { TaskFeed } from '../delivery/task-feed.ts'
import type { TaskCredentials } from '../domain/credentials.ts'
import { errorRecord, type ErrorCode } from '../domain/errors.ts'
import type { SessionState } from '../domain/session-state.ts'
import type { Task } from '../domain/task.ts'
import type { OutstandingTask, Store } from '../store/store.ts'
import type { Walk } from './walk.ts'

/** What went wrong in a walk: with one item, or with the whole. */
export interface EnumerationError {
  readonly sessionId: string
  readonly code: ErrorCode
  readonly message: string
  /** The item as JSON, where one item failed. */
  readonly item: string | null
}

/** A walk as its caller sees it. A stream that nobody reads holds up nothing but itself. */
export interface EnumerationResult {
  readonly sessionId: string
  /** The session's scan targets, a batch at a time, from its first batch on. */
  readonly scanTargets: AsyncIterable<string[]>
  /**
   * The tasks that nobody has acknowledged, in order. Asking for the next
   * acknowledges the one before; leaving the loop leaves the current one to
   * come again. Several readers share the tasks between them.
   */
  readonly tasks: AsyncIterable<Task>
  /**
   * The same tasks, several at a time: as many as there are, 500 at most and
   * never none. Asking for the next window acknowledges every task of the one
   * before, in one transaction, which is many times faster; leaving the loop
   * leaves the whole window to come again. Readers of windows and of single
   * tasks share the tasks between them.
   */
  readonly taskWindows: AsyncIterable<readonly Task[]>
  /** The session's failed items, and at last what ended the walk, if anything did. */
  readonly errors: AsyncIterable<EnumerationError>
  /**
   * The session when this walk of it is over: at its end, or stopped by
   * cancellation or close (it is then still IN_PROGRESS). Rejects when the walk
   * broke: a lost lease, a failing store, an incompatible checkpoint.
   */
  readonly done: Promise<SessionState>
}

/** Errors read from the database at a time. */
const ERROR_WINDOW = 200

/** What the walks and readers of one session share. */
export interface Channel {
  readonly feed: TaskFeed
  readonly changes: Changes
}

export interface ResultDeps {
  readonly store: Store
  /** Aborts when the store is about to be closed. */
  readonly closed: AbortSignal
  channel(): Channel
  credentials(task: OutstandingTask): Promise<TaskCredentials>
}

/** The streams of a walk; each reads the database at its reader's pace. */
export function resultStreams(walk: Walk, deps: ResultDeps) {
  return {
    tasks: {
      async *[Symbol.asyncIterator]() {
        const { feed } = deps.channel()
        for await (const task of feed.tasks()) yield handedOut(task, deps)
      },
    },
    taskWindows: {
      async *[Symbol.asyncIterator]() {
        const { feed } = deps.channel()
        for await (const window of feed.windows()) {
          yield window.map((task) => handedOut(task, deps))
        }
      },
    },
    scanTargets: {
      async *[Symbol.asyncIterator]() {
        const { sessionId } = walk
        let afterBatch = 0
        yield* reading(deps, async () => {
          const found = await deps.store.takeScanTargets({ sessionId, afterBatch })
          afterBatch = found?.batch ?? afterBatch
          return found === null ? [] : [found.scanTargetIds]
        })
      },
    },
    errors: {
      async *[Symbol.asyncIterator]() {
        const { sessionId } = walk
        let after = 0
        yield* reading(deps, async () => {
          const found = await deps.store.repositories.failedItems.find({
            sessionId,
            after,
            limit: ERROR_WINDOW,
          })
          after = found.at(-1)?.id ?? after
          return found.map((failed): EnumerationError => ({
            sessionId,
            code: 'ITEM_REJECTED',
            message: failed.reason,
            item: failed.item,
          }))
        })
        const last = lastError(walk)
        if (last !== null) yield last
      },
    },
  }
}

/** A store that is being closed under a reader ends the reading, as if there were no more. */
function reading<T>({ closed, channel }: ResultDeps, take: () => Promise<readonly T[]>) {
  return follow(channel().changes, async () => {
    try {
      return closed.aborted ? [] : await take()
    } catch (thrown) {
      if (closed.aborted) return []
      throw thrown
    }
  })
}

function handedOut(task: OutstandingTask, deps: ResultDeps): Task {
  return {
    taskId: task.taskId,
    sessionId: task.sessionId,
    jobId: task.jobId,
    scanTargetId: task.scanTargetId,
    sourceType: task.sourceType,
    resourceUri: task.resourceUri,
    metadata: task.metadata,
    credentials: () => deps.credentials(task),
  }
}

function lastError({ sessionId, error, state }: Walk): EnumerationError | null {
  if (error !== undefined) {
    const { code, message } = errorRecord(error)
    return { sessionId, code, message, item: null }
  }
  if (state.status !== 'FAILED') return null
  return {
    sessionId,
    code: 'SOURCE_FAILED',
    message: state.failureReason ?? 'the session failed',
    item: null,
  }
}

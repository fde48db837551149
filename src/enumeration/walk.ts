import type { Changes } from '../delivery/changes.ts'
import type { TaskFeed } from '../delivery/task-feed.ts'
import type { ErrorRecord } from '../domain/errors.ts'
import type { SessionState, TargetConfig } from '../domain/session-state.ts'
import type { Ask } from '../domain/steering.ts'
import type { AnySource } from '../sources/source.ts'
import type { FetchedPage } from './page-reader.ts'
import type { CredentialResolver } from './ports.ts'
import type { ReadAhead } from './read-ahead.ts'

/** What this process holds of one session while it walks it. */
export interface Walk {
  readonly sessionId: string
  readonly config: TargetConfig
  readonly source: AnySource
  readonly credentials: CredentialResolver
  readonly pages: ReadAhead
  readonly feed: TaskFeed
  readonly changes: Changes
  /** The session as last committed. */
  state: SessionState
  /** The write counter of the last commit. */
  revision: number
  /** Why the last page could not be had; null where it could. */
  failure: ErrorRecord | null
  /** The page in hand: fetched and not yet committed. */
  page: FetchedPage | null
  /** Resolves when every change so far is committed: changes of one session happen one after the other. */
  settled: Promise<unknown>
  /** What broke the walk, where something did. */
  error: unknown
  /**
   * How it was asked to stop, where it was: `drain` lets the request that is
   * out have its say, `cancel` drops it.
   */
  stopping: 'drain' | 'cancel' | null
  /** What somebody asked of the session, as far as this process has seen: the walk comes to rest after the page in hand. */
  asked: Ask | null
}

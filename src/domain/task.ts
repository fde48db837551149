import type { TaskCredentials } from './credentials.ts'
import type { JsonRecord } from './json.ts'

/** The instruction to scan one resource, as it is stored. */
export interface TaskRecord {
  readonly taskId: string
  readonly sessionId: string
  readonly jobId: string
  readonly scanTargetId: string
  readonly sourceType: string
  readonly resourceUri: string
  readonly metadata: JsonRecord
}

/** The instruction to scan one resource, as the host is handed it. */
export interface Task extends TaskRecord {
  /** Resolves the credentials now; they are never stored. @throws CREDENTIAL_UNAVAILABLE */
  credentials(): Promise<TaskCredentials>
}

/** How far the host has come with a task. */
export type TaskStatus = 'PENDING' | 'IN_PROGRESS' | 'COMPLETED' | 'FAILED'

/** What a scanner reports of a task. */
export interface TaskProgress {
  readonly taskId: string
  readonly status: TaskStatus
  /** Items scanned so far, where the scanner counts. */
  readonly itemsProcessed: number
  readonly error: string | null
  readonly updatedAt: Date
}

/** An item that could not be kept, and why. */
export interface FailedItem {
  readonly id: number
  readonly sessionId: string
  readonly batchNumber: number
  /** The item as the source gave it, without credentials. */
  readonly item: string
  readonly reason: string
  readonly failedAt: Date
}

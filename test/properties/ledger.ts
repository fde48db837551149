import type { Task } from '../../src/index.ts'

type Ask = (sql: string, ...values: unknown[]) => Record<string, unknown>[]

interface TaskRow {
  readonly task_id: string
  readonly uri: string
  readonly acknowledged_at: number | null
}

/** What was delivered to hosts and what they acknowledged, as the hosts saw it. */
export class Ledger {
  readonly #delivered = new Set<string>()
  /** Acknowledged for certain: the task after it was handed out, or the end was said. */
  readonly #acknowledged = new Set<string>()
  /** The next task was asked for, and the process may have died over it. */
  readonly #perhaps = new Set<string>()
  readonly #ask: Ask
  readonly faults: string[] = []

  constructor(ask: Ask) {
    this.#ask = ask
  }

  handedOut({ taskId, resourceUri, sessionId }: Task): void {
    if (this.#acknowledged.has(taskId)) {
      this.faults.push(`${resourceUri} came again after it was acknowledged`)
    }
    this.#delivered.add(taskId)
    const [stored] = this.#ask(
      `select uri, session_id from tasks join sessions on sessions.id = tasks.session
       where task_id = ?`,
      taskId,
    )
    if (stored?.['uri'] !== resourceUri || stored['session_id'] !== sessionId) {
      this.faults.push(`${resourceUri} was handed out, and is not stored so`)
    }
  }

  acknowledging({ taskId }: Task): void {
    this.#perhaps.add(taskId)
  }

  /** Whether somebody has asked for the task after it, so that it is as good as acknowledged. */
  isTaken(taskId: string): boolean {
    return this.#perhaps.has(taskId)
  }

  acknowledged({ taskId }: Task): void {
    this.#acknowledged.add(taskId)
  }

  /** The file knows of every acknowledgement, and of none that nobody gave. */
  compare(): readonly string[] {
    return this.#tasks().flatMap((task) => {
      const isStored = task.acknowledged_at !== null
      if (isStored && !this.#perhaps.has(task.task_id)) {
        return [`${task.uri} is acknowledged in the file, and nobody did it`]
      }
      if (!isStored && this.#acknowledged.has(task.task_id)) {
        return [`${task.uri} was acknowledged, and the file does not know`]
      }
      return []
    })
  }

  /** What was never delivered, or never acknowledged. */
  missing(): readonly string[] {
    return this.#tasks().flatMap(({ task_id: id, uri, acknowledged_at: at }) => [
      ...(this.#delivered.has(id) ? [] : [`${uri} was never delivered`]),
      ...(at === null ? [`${uri} was never acknowledged`] : []),
    ])
  }

  #tasks(): readonly TaskRow[] {
    return this.#ask('select task_id, uri, acknowledged_at from tasks') as unknown as TaskRow[]
  }
}

import { scanTargetId, taskId } from '../domain/identity.ts'
import type { CommitPage, OutstandingTask } from '../store/store.ts'

/** Pages whose task nobody has acknowledged; of more, the oldest are forgotten: nobody takes them. */
const MAX_TIMED = 10_000

interface Timed {
  readonly committedAt: number
  readonly sourceType: string
}

/** Keeps a map from growing: what was put in first goes first. */
function put<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.set(key, value)
  if (map.size <= MAX_TIMED) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}

/**
 * Times tasks from their commit to their acknowledgement, one of each page:
 * its last kept item's. The store tells neither the tasks of a page nor when
 * a task was committed, but a task's identity is derived, so that the one can
 * be known again when it is handed out. Tasks of earlier processes are not timed.
 */
export class DeliveryLag {
  /** By the task's identity: committed. */
  readonly #committed = new Map<string, Timed>()
  /** By the task's place in the order: handed out. */
  readonly #handedOut = new Map<number, Timed>()
  readonly #now: () => number

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number) {
    this.#now = now
  }

  committed({ session, kept }: Pick<CommitPage, 'session' | 'kept'>): void {
    const last = kept.at(-1)
    if (last === undefined) return
    const { sourceType } = session.config
    const id = taskId(session.sessionId, scanTargetId(sourceType, last.key))
    put(this.#committed, id, { committedAt: this.#now(), sourceType })
  }

  handedOut(tasks: readonly OutstandingTask[]): void {
    if (this.#committed.size === 0) return
    for (const { taskId: id, seq } of tasks) {
      const timed = this.#committed.get(id)
      if (timed === undefined) continue
      this.#committed.delete(id)
      put(this.#handedOut, seq, timed)
    }
  }

  /** @returns how long each timed one of them took, in seconds */
  acknowledged(
    seqs: readonly number[],
  ): readonly { readonly sourceType: string; readonly seconds: number }[] {
    if (this.#handedOut.size === 0) return []
    const now = this.#now()
    return seqs.flatMap((seq) => {
      const timed = this.#handedOut.get(seq)
      if (timed === undefined) return []
      this.#handedOut.delete(seq)
      return [{ sourceType: timed.sourceType, seconds: (now - timed.committedAt) / 1_000 }]
    })
  }
}

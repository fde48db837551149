import type { EventBus } from '../delivery/event-bus.ts'
import type { TimeProvider } from '../domain/clock.ts'
import type { TaskStatus } from '../domain/task.ts'
import type { Store } from '../store/store.ts'

interface Report {
  readonly taskId: string
  readonly itemsProcessed?: number
  readonly error?: string
}

/**
 * Records what scanners report of their tasks; a completed scan sets its scan
 * target's `lastScanTime`. A report of an unknown task is passed over.
 *
 * @returns how to stop
 */
export function trackProgress(deps: {
  readonly bus: EventBus
  readonly store: Pick<Store, 'recordProgress' | 'repositories'>
  readonly clock: TimeProvider
}): () => void {
  const { bus, store, clock } = deps
  const record = async (status: TaskStatus, report: Report) => {
    const known = await store.repositories.tasks.progress(report.taskId)
    if (known === null) return
    await store.recordProgress({
      taskId: report.taskId,
      status,
      itemsProcessed: report.itemsProcessed ?? known.itemsProcessed,
      error: report.error ?? null,
      updatedAt: new Date(clock.now()),
    })
  }
  const ends = [
    bus.subscribe('task.started', (event) => record('IN_PROGRESS', event)),
    bus.subscribe('task.progressed', (event) => record('IN_PROGRESS', event)),
    bus.subscribe('task.completed', (event) => record('COMPLETED', event)),
    bus.subscribe('task.failed', (event) => record('FAILED', event)),
  ]
  return () => {
    for (const end of ends) end()
  }
}

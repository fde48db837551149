import type { Kysely } from 'kysely'
import type { TaskProgress } from '../domain/task.ts'
import type { Engine } from './engine.ts'
import type { Schema } from './schema.ts'

/** What hosts report of their scans. */
export function progressReports(engine: Engine) {
  return {
    async recordProgress(progress: TaskProgress): Promise<boolean> {
      const seq = await engine.lookups.findRow('task', progress.taskId)
      if (seq === undefined) return false
      return engine.transact((trx) => report(trx, seq, progress))
    },
  }
}

async function report(trx: Kysely<Schema>, seq: number, progress: TaskProgress): Promise<boolean> {
  const at = progress.updatedAt.getTime()
  const task = await trx
    .updateTable('tasks')
    .set({
      status: progress.status,
      items_processed: progress.itemsProcessed,
      error: progress.error,
      progress_at: at,
    })
    .where('seq', '=', seq)
    // Reports can overtake each other; a finished scan stays finished.
    .where('status', '!=', 'COMPLETED')
    .returning('target')
    .executeTakeFirst()
  if (task === undefined) return false
  if (progress.status === 'COMPLETED') {
    await trx
      .updateTable('scan_targets')
      .set({ last_scan_at: at, updated_at: at })
      .where('target_id', '=', task.target)
      // Of two sessions' scans, the older may be reported last.
      .where((eb) => eb.or([eb('last_scan_at', 'is', null), eb('last_scan_at', '<', at)]))
      .execute()
  }
  return true
}

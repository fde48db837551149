import type { Kysely } from 'kysely'
import { scanTargetId, taskId } from '../domain/identity.ts'
import type { Identity } from '../sources/source.ts'
import { repeat, rowsWriter } from './rows-writer.ts'
import type { Schema } from './schema.ts'
import type { RejectedItem } from './store.ts'

interface KeptRow extends Identity {
  readonly sourceType: string
  readonly at: number
}

interface TargetRow extends KeptRow {
  readonly resourceId: number
  readonly scanTargetId: string
}

interface TaskRow extends TargetRow {
  readonly session: number
  readonly taskId: string
}

interface FailedRow extends RejectedItem {
  readonly session: number
  readonly batchNumber: number
  readonly at: number
}

const text = ''
const metadataOf = (row: Identity) => JSON.stringify(row.metadata ?? {})

/** The statements that write a page's items, compiled once a store. */
export function pageWriter(db: Kysely<Schema>) {
  const resources = rowsWriter<KeptRow, { id: number; key: string }>({
    compile: (n) =>
      db
        .insertInto('resources')
        .values(
          repeat(
            {
              source_type: text,
              key: text,
              uri: text,
              name: text,
              is_active: 1,
              metadata: text,
              created_at: 0,
              updated_at: 0,
            },
            n,
          ),
        )
        .onConflict((c) =>
          c.columns(['source_type', 'key']).doUpdateSet((eb) => ({
            uri: eb.ref('excluded.uri'),
            name: eb.ref('excluded.name'),
            is_active: eb.ref('excluded.is_active'),
            metadata: eb.ref('excluded.metadata'),
            updated_at: eb.ref('excluded.updated_at'),
          })),
        )
        .returning(['id', 'key'])
        .compile(),
    values: (r) => [r.sourceType, r.key, r.uri, r.name, 1, metadataOf(r), r.at, r.at],
  })
  const scanTargets = rowsWriter<TargetRow>({
    compile: (n) =>
      db
        .insertInto('scan_targets')
        .values(
          repeat(
            {
              target_id: 0,
              scan_target_id: text,
              target_type: text,
              name: text,
              metadata: text,
              created_at: 0,
              updated_at: 0,
            },
            n,
          ),
        )
        .onConflict((c) =>
          c.column('target_id').doUpdateSet((eb) => ({
            name: eb.ref('excluded.name'),
            updated_at: eb.ref('excluded.updated_at'),
          })),
        )
        .compile() as never,
    values: (r) => [r.resourceId, r.scanTargetId, r.sourceType, r.name, '{}', r.at, r.at],
  })
  const tasks = rowsWriter<TaskRow>({
    compile: (n) =>
      db
        .insertInto('tasks')
        .values(
          repeat(
            {
              task_id: text,
              session: 0,
              target: 0,
              uri: text,
              metadata: text,
              created_at: 0,
              status: text,
              items_processed: 0,
            },
            n,
          ),
        )
        .onConflict((c) => c.column('task_id').doNothing())
        .compile() as never,
    values: (r) => [r.taskId, r.session, r.resourceId, r.uri, metadataOf(r), r.at, 'PENDING', 0],
  })
  const jobTargets = rowsWriter<{ job: number; resourceId: number }>({
    compile: (n) =>
      db
        .insertInto('job_targets')
        .values(repeat({ job: 0, target: 0 }, n))
        .onConflict((c) => c.doNothing())
        .compile() as never,
    values: (r) => [r.job, r.resourceId],
  })
  const failedItems = rowsWriter<FailedRow>({
    compile: (n) =>
      db
        .insertInto('failed_items')
        .values(repeat({ session: 0, batch_number: 0, item: text, reason: text, failed_at: 0 }, n))
        .compile() as never,
    values: (r) => [r.session, r.batchNumber, r.item, r.reason, r.at],
  })
  return { resources, scanTargets, tasks, jobTargets, failedItems }
}

export type PageWriter = ReturnType<typeof pageWriter>

/** The session's row, as far as its items need it. */
export interface SessionKeys {
  readonly id: number
  readonly job: number
  readonly sessionId: string
  readonly sourceType: string
}

/**
 * Writes what was kept of a page. An item met twice on one page is one row: the
 * first counts. One met on an earlier page keeps its task; its resource is brought up to date.
 */
export async function writeKept(
  db: Kysely<Schema>,
  writer: PageWriter,
  params: { session: SessionKeys; kept: readonly Identity[]; at: number },
): Promise<void> {
  const { session, at } = params
  const distinct = new Map<string, KeptRow>()
  for (const identity of params.kept) {
    if (!distinct.has(identity.key)) {
      distinct.set(identity.key, { ...identity, sourceType: session.sourceType, at })
    }
  }
  const rows = [...distinct.values()]
  const ids = new Map((await writer.resources(db, rows)).map((r) => [r.key, r.id]))
  const written = rows.map((row) => {
    const scanTarget = scanTargetId(row.sourceType, row.key)
    return {
      ...row,
      resourceId: ids.get(row.key) as number,
      scanTargetId: scanTarget,
      session: session.id,
      taskId: taskId(session.sessionId, scanTarget),
      job: session.job,
    }
  })
  await writer.scanTargets(db, written)
  await writer.tasks(db, written)
  await writer.jobTargets(db, written)
}

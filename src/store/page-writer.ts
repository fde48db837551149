import type { Kysely } from 'kysely'
import { scanTargetId, taskId } from '../domain/identity.ts'
import type { Identity } from '../sources/source.ts'
import {
  inventoryWriter,
  knownResources,
  recordAliases,
  type InventoryWriter,
} from './inventory.ts'
import { repeat, rowsWriter } from './rows-writer.ts'
import type { Schema } from './schema.ts'
import type { RejectedItem, Sighted } from './store.ts'

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
  const inventory = inventoryWriter(db)
  return { resources, scanTargets, tasks, jobTargets, failedItems, inventory }
}

export type PageWriter = ReturnType<typeof pageWriter>

/** The session's row, as far as its items need it. */
export interface SessionKeys {
  readonly id: number
  readonly job: number
  readonly target: number
  readonly sessionId: string
  readonly sourceType: string
}

/** What is to be kept of a page. */
export interface PageItems {
  readonly session: SessionKeys
  readonly kept: readonly Identity[]
  readonly skipped: readonly Identity[]
  readonly sighted: Sighted | undefined
  readonly at: number
}

/**
 * Writes what was kept of a page. An item met twice on one page is one row: the
 * first counts. One met on an earlier page keeps its task; its resource is
 * brought up to date. What a filter left out becomes known, where the target is
 * compared from session to session, and nothing else is made of it.
 */
export async function writeItems(
  db: Kysely<Schema>,
  writer: PageWriter,
  page: PageItems,
): Promise<void> {
  const { session, sighted, at } = page
  const rows = distinct(sighted === undefined ? page.kept : [...page.kept, ...page.skipped], page)
  const known = await knownResources(db, writer.inventory, rows)
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
  await recordAliases(db, writer.inventory, { rows: written, known, at })
  const unchanged = await sight(db, writer.inventory, written, page)
  const kept = written.filter((row) => row.skipped === undefined)
  await writer.scanTargets(db, kept)
  const wanted = kept.filter(
    ({ resourceId }) => sighted?.onlyChanged !== true || !unchanged.has(resourceId),
  )
  await writer.tasks(db, wanted)
  await writer.jobTargets(db, wanted)
}

function distinct(identities: readonly Identity[], { session, at }: PageItems): KeptRow[] {
  const rows = new Map<string, KeptRow>()
  for (const identity of identities) {
    if (!rows.has(identity.key)) {
      rows.set(identity.key, { ...identity, sourceType: session.sourceType, at })
    }
  }
  return [...rows.values()]
}

/** @returns the ids of those that have not changed since the target's last session. */
async function sight(
  db: Kysely<Schema>,
  writer: InventoryWriter,
  rows: readonly TaskRow[],
  { session, sighted }: PageItems,
): Promise<ReadonlySet<number>> {
  if (sighted === undefined) return new Set()
  const found = await writer.sightings(
    db,
    rows.map(({ resourceId: resource, version = null, skipped }) => ({
      target: session.target,
      session: session.id,
      resource,
      version,
      change: skipped === undefined ? ('new' as const) : ('skipped' as const),
    })),
  )
  return new Set(found.filter((row) => row.change === 'unchanged').map((row) => row.resource))
}

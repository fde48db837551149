import { sql, type Kysely } from 'kysely'
import { scanTargetId, taskId } from '../domain/identity.ts'
import type { Identity } from '../sources/source.ts'
import {
  inventoryWriter,
  recordAliases,
  storedAddresses,
  type InventoryWriter,
  type SightingRow,
} from './inventory.ts'
import { idsInserted, insertRows, rowsWriter, shared } from './rows-writer.ts'
import type { Schema } from './schema.ts'
import type { RejectedItem, Sighted } from './store.ts'

/** An item of a page on its way into the tables. */
interface ItemRow {
  readonly identity: Identity
  /** As JSON: resource and task hold the same text. */
  readonly metadata: string
  readonly sourceType: string
  readonly at: number
}

interface TargetRow extends ItemRow {
  readonly resourceId: number
  readonly scanTargetId: string
  readonly session: SessionKeys
}

interface FailedRow extends RejectedItem {
  readonly session: number
  readonly batchNumber: number
  readonly at: number
}

const text = ''
const NONE: ReadonlySet<number> = new Set()

const RESOURCE = {
  source_type: shared<string>(1),
  created_at: shared<number>(2),
  updated_at: shared<number>(2),
  is_active: sql.lit(1),
  key: text,
  uri: text,
  name: text,
  metadata: text,
}

const SCAN_TARGET = {
  target_type: shared<string>(1),
  created_at: shared<number>(2),
  updated_at: shared<number>(2),
  metadata: sql.lit('{}'),
  target_id: 0,
  scan_target_id: text,
  name: text,
}

const TASK = {
  session: shared<number>(1),
  created_at: shared<number>(2),
  task_id: text,
  target: 0,
  uri: text,
  metadata: text,
}

const FAILED_ITEM = { session: 0, batch_number: 0, item: text, reason: text, failed_at: 0 }

const resourceValues = {
  shared: ({ sourceType, at }: ItemRow) => [sourceType, at],
  values: [
    (row: ItemRow) => row.identity.key,
    (row: ItemRow) => row.identity.uri,
    (row: ItemRow) => row.identity.name,
    (row: ItemRow) => row.metadata,
  ],
}

/** The statements that write a page's items, compiled once a store. */
export function pageWriter(db: Kysely<Schema>) {
  const newResources = rowsWriter<ItemRow, { row: ItemRow; id: number }>({
    compile: (n) =>
      insertRows(db, 'resources', RESOURCE, n)
        .onConflict((c) => c.columns(['source_type', 'key']).doNothing())
        .compile() as never,
    read: idsInserted,
    ...resourceValues,
  })
  const resources = rowsWriter<ItemRow, { id: number; key: string }>({
    compile: (n) =>
      insertRows(db, 'resources', RESOURCE, n)
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
    ...resourceValues,
  })
  const scanTargets = rowsWriter<TargetRow>({
    compile: (n) =>
      insertRows(db, 'scan_targets', SCAN_TARGET, n)
        .onConflict((c) =>
          c.column('target_id').doUpdateSet((eb) => ({
            name: eb.ref('excluded.name'),
            updated_at: eb.ref('excluded.updated_at'),
          })),
        )
        .compile() as never,
    shared: ({ sourceType, at }) => [sourceType, at],
    values: [(row) => row.resourceId, (row) => row.scanTargetId, (row) => row.identity.name],
  })
  const tasks = rowsWriter<TargetRow>({
    compile: (n) =>
      insertRows(db, 'tasks', TASK, n)
        .onConflict((c) => c.columns(['session', 'target']).doNothing())
        .compile() as never,
    shared: ({ session, at }) => [session.id, at],
    values: [
      (row) => taskId(row.session.sessionId, row.scanTargetId),
      (row) => row.resourceId,
      (row) => row.identity.uri,
      (row) => row.metadata,
    ],
  })
  const jobTargets = rowsWriter<TargetRow>({
    compile: (n) =>
      insertRows(db, 'job_targets', { job: shared<number>(1), target: 0 }, n)
        .onConflict((c) => c.doNothing())
        .compile() as never,
    shared: ({ session }) => [session.job],
    values: [(row) => row.resourceId],
  })
  const failedItems = rowsWriter<FailedRow>({
    compile: (n) => insertRows(db, 'failed_items', FAILED_ITEM, n).compile() as never,
    values: [
      (row) => row.session,
      (row) => row.batchNumber,
      (row) => row.item,
      (row) => row.reason,
      (row) => row.at,
    ],
  })
  const inventory = inventoryWriter(db)
  return { newResources, resources, scanTargets, tasks, jobTargets, failedItems, inventory }
}

export type PageWriter = ReturnType<typeof pageWriter>

/** The session's row, as far as its items need it. */
export interface SessionKeys {
  readonly id: number
  readonly job: number
  readonly target: number
  /** Whether a host has begun to take its tasks. */
  readonly isDelivered: boolean
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
  const { ids, earlier } = await writeResources(db, writer, rows)
  const written = rows.map(({ identity, metadata, sourceType }): TargetRow => ({
    identity,
    metadata,
    sourceType,
    at,
    resourceId: ids.get(identity.key) as number,
    scanTargetId: scanTargetId(sourceType, identity.key),
    session,
  }))
  await recordAliases(db, writer.inventory, { rows: written, earlier, at })
  const unchanged = await sight(db, writer.inventory, written, page)
  const kept = written.filter(({ identity }) => identity.skipped === undefined)
  await writer.scanTargets(db, kept)
  const wanted = kept.filter(({ resourceId }) => !unchanged.has(resourceId))
  await writer.tasks(db, wanted)
  await writer.jobTargets(db, wanted)
}

function distinct(identities: readonly Identity[], { session, at }: PageItems): ItemRow[] {
  const rows = new Map<string, ItemRow>()
  for (const identity of identities) {
    if (rows.has(identity.key)) continue
    const metadata = JSON.stringify(identity.metadata ?? {})
    rows.set(identity.key, { identity, metadata, sourceType: session.sourceType, at })
  }
  return [...rows.values()]
}

/**
 * Adds the resources that are new, and brings the others up to date.
 *
 * @returns the ids of all, and the addresses that the others had, by key
 */
async function writeResources(db: Kysely<Schema>, writer: PageWriter, rows: readonly ItemRow[]) {
  const ids = new Map<string, number>()
  for (const { id, row } of await writer.newResources(db, rows)) ids.set(row.identity.key, id)
  const others = rows.filter(({ identity }) => !ids.has(identity.key))
  const earlier = await storedAddresses(
    db,
    writer.inventory,
    others.map(({ sourceType, identity }) => ({ sourceType, key: identity.key })),
  )
  for (const { id, key } of await writer.resources(db, others)) ids.set(key, id)
  return { ids, earlier }
}

/** @returns the ids of those that get no task, because they have not changed since the target's last session. */
async function sight(
  db: Kysely<Schema>,
  writer: InventoryWriter,
  rows: readonly TargetRow[],
  { session, sighted }: PageItems,
): Promise<ReadonlySet<number>> {
  if (sighted === undefined) return NONE
  const sightings = rows.map(
    ({ resourceId: resource, identity: { version = null, skipped } }): SightingRow => ({
      target: session.target,
      session: session.id,
      resource,
      version,
      change: skipped === undefined ? 'new' : 'skipped',
    }),
  )
  if (!sighted.onlyChanged) {
    await writer.sightings(db, sightings)
    return NONE
  }
  const found = await writer.sightingsTold(db, sightings)
  return new Set(found.filter((row) => row.change === 'unchanged').map((row) => row.resource))
}

import { PostgresQueryCompiler, type RawBuilder } from 'kysely'
import type { TimeProvider } from '../../domain/clock.ts'
import { change, session as seenBy, version } from '../inventory.ts'
import type { CommitPage } from '../store.ts'
import { indexed } from './long-texts.ts'
import { pageRows, type PageRows } from './page-rows.ts'
import { batchPart, fencedParts } from './session-statement.ts'
import { Values, type Filled } from './values.ts'

/** What the page statement says of a page that was in time. */
export interface PageAnswer {
  readonly tasks: number
  readonly delivery_started_at: number | null
}

const textOf = (expression: RawBuilder<unknown>): string => {
  const node = expression.toOperationNode()
  return new PostgresQueryCompiler().compileQuery(node as never, { queryId: 'inventory' } as never)
    .sql
}

/** What a sighting makes of one that was there: the rules are the inventory's. */
const SIGHTED_AGAIN = `change = ${textOf(change)}, version = ${textOf(version)},
  session = ${textOf(seenBy)}, missed = 0`

/** What comes with all rows of a page. */
interface Shared {
  readonly sourceType: string
  readonly at: string
}

/**
 * Resources, and the addresses that they had before.
 *
 * All lists are in one order, that of the keys, and PostgreSQL returns rows in
 * the order in which it wrote them: so ids and lists are laid side by side, and
 * nothing has to be joined. `ids` compares the keys: were they not in that
 * order, no id would be found, and the statement would fail as a whole.
 */
function resourceParts(values: Values, rows: PageRows, { sourceType, at }: Shared): string[] {
  const keys = values.add(rows.keys, 'text[]')
  const uris = values.add(rows.uris, 'text[]')
  const names = values.add(rows.names, 'text[]')
  const metadata = values.add(rows.metadata, 'text[]')
  const versions = values.add(rows.versions, 'text[]')
  const lists = [uris, names, metadata, versions]
  const own = [
    values.add(rows.kept, 'boolean[]'),
    values.add(rows.places, 'int[]'),
    values.add(rows.scanTargetIds, 'text[]'),
    values.add(rows.taskIds, 'text[]'),
  ]
  const items = `items as materialized (
    select item.* from fenced cross join unnest(${keys}, ${uris}, ${names}, ${metadata})
    with ordinality as item (key, uri, name, metadata, slot))`
  const stored = `stored as (
    insert into resources
      (source_type, key, uri, name, is_active, metadata, created_at, updated_at)
    select ${sourceType}, key, uri, name, 1, metadata, ${at}, ${at} from items order by slot
    on conflict (source_type, ${indexed('key')}) do update set uri = excluded.uri,
      name = excluded.name, is_active = 1, metadata = excluded.metadata,
      updated_at = excluded.updated_at
    returning id, key)`
  const ids = `ids as materialized (
    select case when array_agg(key) = ${keys} then array_agg(id) end as ids from stored)`
  const placed = `placed as materialized (
    select fenced.id as session, fenced.job, fenced.target, item.*
    from fenced cross join ids cross join lateral
      unnest(ids.ids, ${[...lists, ...own].join(', ')}) as item (
        resource, uri, name, metadata, version, kept, place, scan_target_id, task_id))`
  return [items, stored, ids, placed, aliasPart(values, rows, { sourceType, at })]
}

/**
 * Every part of a statement sees the tables as they were before it: so what is
 * found of a resource here is its address until now. The query for it is kept
 * apart (`offset 0`): joined, it could become a look at the whole table.
 */
function aliasPart(values: Values, rows: PageRows, { sourceType, at }: Shared): string {
  const told = [values.add(rows.aliasRows, 'int[]'), values.add(rows.aliases, 'text[]')]
  return `renamed as (
    insert into aliases (resource, uri, recorded_at)
    select ids.ids[alias.slot], alias.uri, ${at} from ids cross join (
      select items.slot::int, known.uri from items cross join lateral (
        select uri from resources where source_type = ${sourceType}
        and ${indexed('resources.key')} = ${indexed('items.key')} offset 0) as known
      where known.uri <> items.uri
      union all select told.slot, told.uri from fenced cross join unnest(${told.join(', ')})
        as told (slot, uri)) as alias
    on conflict do nothing)`
}

const SIGHTED = `sighted as (
  insert into sightings (target, resource, version, session, change, missed)
  select target, resource, version, session, case when kept then 'new' else 'skipped' end, 0
  from placed on conflict (target, resource) do update set ${SIGHTED_AGAIN}
  returning resource, change)`

/** Scan targets, tasks, and what belongs to the job. */
function taskParts({ sourceType, at }: Shared, onlyChanged: boolean): string[] {
  const wanted = onlyChanged
    ? `kept and resource not in (select resource from sighted where change = 'unchanged')`
    : 'kept'
  return [
    `targeted as (
      insert into scan_targets
        (target_id, scan_target_id, target_type, name, metadata, created_at, updated_at)
      select resource, scan_target_id, ${sourceType}, name, '{}', ${at}, ${at}
      from placed where kept
      on conflict (target_id) do update set name = excluded.name, updated_at = excluded.updated_at)`,
    // Whatever a host imported under the same identity is the same task.
    `made as (
      insert into tasks (task_id, session, target, uri, metadata, created_at)
      select task_id, session, resource, uri, metadata, ${at}
      from placed where ${wanted} order by place on conflict do nothing returning seq)`,
    `associated as (
      insert into job_targets (job, target)
      select job, resource from placed where ${wanted} on conflict do nothing)`,
  ]
}

/** Items that failed, and those that were tried again. */
function failedParts(values: Values, page: CommitPage): string[] {
  const { rejected, retriedItems, batch } = page
  const parts: string[] = []
  if (retriedItems.length > 0) {
    const ids = values.add(retriedItems, 'bigint[]')
    parts.push(`retried as (
      delete from failed_items using fenced where failed_items.id = any(${ids}))`)
  }
  if (rejected.length > 0) {
    const items = values.add(
      rejected.map(({ item }) => item),
      'text[]',
    )
    const reasons = values.add(
      rejected.map(({ reason }) => reason),
      'text[]',
    )
    parts.push(`refused as (
      insert into failed_items (session, batch_number, item, reason, failed_at)
      select fenced.id, ${values.add(batch.number)}, failed.item, failed.reason, ${values.add(page.at)}
      from fenced cross join unnest(${items}, ${reasons}) with ordinality
        as failed (item, reason, place) order by failed.place)`)
  }
  return parts
}

/** The numbers of the first task and the last, and how many there are. */
const TASKS_OF_PAGE = 'select min(seq) as first, max(seq) as last, count(*) as made from made'

/** A page without an item is written by hardly any of the parts. */
const NOTHING_MADE = 'made as (select null::bigint as seq where false)'

function itemParts(values: Values, page: CommitPage): string[] {
  const { session, sighted } = page
  const rows = pageRows(page)
  if (rows.keys.length === 0) return [NOTHING_MADE]
  const shared: Shared = {
    sourceType: values.add(session.sourceType, 'text'),
    at: values.add(page.at, 'bigint'),
  }
  return [
    ...resourceParts(values, rows, shared),
    ...(sighted === undefined ? [] : [SIGHTED]),
    ...taskParts(shared, sighted?.onlyChanged === true),
  ]
}

/** The whole commit of a page, in one round trip; it gives a row where it was in time. */
export function pageStatement(page: CommitPage, clock: TimeProvider | undefined): Filled {
  const values = new Values()
  const parts = fencedParts(values, page, clock)
  parts.push(...failedParts(values, page), ...itemParts(values, page))
  parts.push(batchPart(values, page.batch, TASKS_OF_PAGE))
  return {
    text: `with ${parts.join(', ')}
      select (select count(*) from made) as tasks, delivery_started_at from fenced`,
    values: values.all,
  }
}

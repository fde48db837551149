/**
 * What a target is known to hold, from session to session: which of its
 * resources are new, changed, unchanged or missing, and under which addresses
 * they were known before.
 */
import { sql, type Kysely } from 'kysely'
import type { Comparison } from '../domain/session-state.ts'
import type { Identity } from '../sources/source.ts'
import type { Engine } from './engine.ts'
import { insertRows, repeat, rowsWriter, shared } from './rows-writer.ts'
import type { Schema } from './schema.ts'
import { giveWay } from './turns.ts'
import type { Missing, Survey } from './store.ts'

/** The session that sees, and its target. */
export interface Sighter {
  readonly session: number
  readonly target: number
}

export interface SightingRow extends Sighter {
  readonly resource: number
  readonly version: string | null
  readonly change: 'new' | 'skipped'
}

const NONE: readonly string[] = []

export interface KnownRow {
  readonly sourceType: string
  readonly key: string
}

export interface AliasRow {
  readonly resource: number
  readonly uri: string
  readonly at: number
}

/**
 * What a sighting makes of a resource that was seen before.
 *
 * - What a later session found stands, when an earlier one is resumed behind it.
 * - Met again in one session it stays what it was, unless it is wanted after all
 *   or its version moved on meanwhile.
 * - What was left out before has had no task: it counts as changed.
 * - So does what a FAILED session found to be new or changed: that anybody took
 *   its task cannot be relied on.
 * - And so does what was missing and has come back.
 */
export const change = sql<string>`case
  when sightings.session > excluded.session then sightings.change
  when excluded.change = 'skipped' then
    case when sightings.session = excluded.session then sightings.change else 'skipped' end
  when sightings.change = 'skipped' then 'changed'
  when sightings.session = excluded.session then
    case when sightings.version is not distinct from excluded.version or sightings.change = 'new'
      then sightings.change else 'changed' end
  when excluded.version is null or sightings.version is distinct from excluded.version
    then 'changed'
  when sightings.missed > 0 then 'changed'
  when sightings.change in ('new', 'changed')
    and (select status from sessions where sessions.id = sightings.session) = 'FAILED'
    then 'changed'
  else 'unchanged' end`

/**
 * The version that the next session is held against. Once a session has made a
 * task, that of the task: the host may have scanned it before it moved on, and
 * a session makes no second task for one resource.
 */
export const version = sql<string | null>`case
  when sightings.session > excluded.session then sightings.version
  when sightings.session = excluded.session and sightings.change in ('new', 'changed')
    then sightings.version
  else excluded.version end`

export const session = sql<number>`case when sightings.session > excluded.session
  then sightings.session else excluded.session end`

const SIGHTING = {
  target: shared<number>(1),
  session: shared<number>(2),
  missed: sql.lit(0),
  resource: 0,
  version: '',
  change: 'new',
} as const

/** The statements that keep the inventory, compiled once a store. */
export function inventoryWriter(db: Kysely<Schema>) {
  const insertSightings = (n: number) =>
    insertRows(db, 'sightings', SIGHTING, n).onConflict((c) =>
      c
        .columns(['target', 'resource'])
        .doUpdateSet({ change, version, session, missed: sql<number>`0` }),
    )
  const sightingValues = {
    shared: ({ target, session }: SightingRow) => [target, session],
    values: [
      (row: SightingRow) => row.resource,
      (row: SightingRow) => row.version,
      (row: SightingRow) => row.change,
    ],
  }
  const sightings = rowsWriter<SightingRow>({
    compile: (n) => insertSightings(n).compile() as never,
    ...sightingValues,
  })
  /** The same, saying what each was found to be. */
  const sightingsTold = rowsWriter<SightingRow, { resource: number; change: string }>({
    compile: (n) => insertSightings(n).returning(['resource', 'change']).compile(),
    ...sightingValues,
  })
  const known = rowsWriter<KnownRow, { key: string; uri: string }>({
    compile: (n) =>
      db
        .selectFrom('resources')
        .select(['key', 'uri'])
        .where(({ eb, refTuple, tuple }) =>
          eb(
            refTuple('source_type', 'key'),
            'in',
            repeat(null, n).map(() => tuple('', '')),
          ),
        )
        .compile(),
    values: [(row) => row.sourceType, (row) => row.key],
  })
  const aliases = rowsWriter<AliasRow>({
    compile: (n) =>
      insertRows(db, 'aliases', { resource: 0, uri: '', recorded_at: 0 }, n)
        .onConflict((c) => c.doNothing())
        .compile() as never,
    values: [(row) => row.resource, (row) => row.uri, (row) => row.at],
  })
  return { sightings, sightingsTold, known, aliases }
}

export type InventoryWriter = ReturnType<typeof inventoryWriter>

/** The addresses of these resources as they are stored, by key. */
export async function storedAddresses(
  db: Kysely<Schema>,
  writer: InventoryWriter,
  rows: readonly KnownRow[],
): Promise<ReadonlyMap<string, string>> {
  return new Map((await writer.known(db, rows)).map(({ key, uri }) => [key, uri]))
}

/**
 * Keeps the addresses that resources had before: the one that was stored, and
 * those that the source tells.
 */
export async function recordAliases(
  db: Kysely<Schema>,
  writer: InventoryWriter,
  params: {
    readonly rows: readonly { readonly identity: Identity; readonly resourceId: number }[]
    readonly earlier: ReadonlyMap<string, string>
    readonly at: number
  },
): Promise<void> {
  const { earlier, at } = params
  const aliases: AliasRow[] = []
  for (const { identity, resourceId: resource } of params.rows) {
    const stored = earlier.get(identity.key)
    const told = identity.aliases ?? NONE
    if (stored === undefined && told.length === 0) continue
    for (const uri of new Set(stored === undefined ? told : [stored, ...told])) {
      if (uri !== identity.uri) aliases.push({ resource, uri, at })
    }
  }
  await writer.aliases(db, aliases)
}

/** Of these keys, those whose resources the session has seen already. */
export async function findSeen(
  db: Kysely<Schema>,
  engine: Engine,
  { sessionId, keys }: { readonly sessionId: string; readonly keys: readonly string[] },
): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set()
  const rows = await db
    .selectFrom('sessions')
    .innerJoin('resources', 'resources.source_type', 'sessions.source_type')
    .innerJoin('sightings', (join) =>
      join
        .onRef('sightings.target', '=', 'sessions.target')
        .onRef('sightings.resource', '=', 'resources.id')
        .onRef('sightings.session', '=', 'sessions.id'),
    )
    .select('resources.key')
    .where('sessions.session_id', '=', sessionId)
    // As one value: a statement would else be compiled anew for each number of keys.
    .where('resources.key', 'in', engine.itemsOf<string>(engine.list(keys), 'text'))
    .execute()
  return new Set(rows.map((row) => row.key))
}

/** What is known of a session that is over. */
export interface Past {
  readonly status: string
  readonly items_failed: number
  readonly shortfalls: string
  readonly comparison: string | null
}

/** A session whose count can be held against another's: it saw everything, or doubted itself only for seeing so few. */
export const canBeRelied = ({ status, items_failed, shortfalls }: Past): boolean => {
  if (status === 'COMPLETED') return true
  if (items_failed > 0) return false
  const codes = (JSON.parse(shortfalls) as { readonly code: string }[]).map(({ code }) => code)
  return status === 'PARTIALLY_COMPLETED' && codes.length > 0 && codes.every((c) => c === 'shrunk')
}

const seenOf = ({ comparison }: Past): number | null =>
  comparison === null ? null : (JSON.parse(comparison) as Comparison).seen

/** Sessions looked back on for one to compare with. */
const LOOK_BACK = 50

async function seenBefore(
  db: Kysely<Schema>,
  { session, target }: Sighter,
): Promise<number | null> {
  const past = await db
    .selectFrom('sessions')
    .innerJoin('targets', 'targets.target_key', 'sessions.target_key')
    .select([
      'sessions.status',
      'sessions.items_failed',
      'sessions.shortfalls',
      'sessions.comparison',
    ])
    .where('targets.id', '=', target)
    .where('sessions.id', '<', session)
    .orderBy('sessions.id', 'desc')
    .limit(LOOK_BACK)
    .execute()
  const last = past.find((row) => row.comparison !== null && canBeRelied(row))
  return last === undefined ? null : seenOf(last)
}

/** Sightings that are counted at a time: about five milliseconds of it. */
const SURVEY_WINDOW = 5_000

/** How many of a target's resources a session found to be what. */
async function countByChange(
  db: Kysely<Schema>,
  { session, target }: Sighter,
): Promise<(what: string) => number> {
  const counts = new Map<string, number>()
  for (let after = -1; ;) {
    const window = db
      .selectFrom('sightings')
      .select(['resource', 'session', 'change'])
      .where('target', '=', target)
      .where('resource', '>', after)
      .orderBy('resource')
      .limit(SURVEY_WINDOW)
      .as('seen')
    const rows = await db
      .selectFrom(window)
      .select((eb) => [
        sql<string>`case when session = ${session} then change when session > ${session} then 'later'
          else 'missing' end`.as('change'),
        eb.fn.countAll<number>().as('n'),
        eb.fn.max('resource').as('last'),
      ])
      .groupBy(sql`1`)
      .execute()
    for (const { change, n } of rows) counts.set(change, (counts.get(change) ?? 0) + Number(n))
    if (rows.length === 0) return (what) => counts.get(what) ?? 0
    after = Math.max(...rows.map(({ last }) => Number(last)))
    // No other session of the target walks meanwhile; whoever shares the thread has a turn.
    await giveWay()
  }
}

/** Holds what a session has seen against what was known of its target. */
export async function surveySession(db: Kysely<Schema>, sessionId: string): Promise<Survey> {
  const { id: session, target } = await db
    .selectFrom('sessions')
    .select(['id', 'target'])
    .where('session_id', '=', sessionId)
    .executeTakeFirstOrThrow()
  const of = await countByChange(db, { session, target })
  const comparison = {
    // What a later session saw is there: a session that is resumed after it takes nothing back.
    seen: of('new') + of('changed') + of('unchanged') + of('skipped') + of('later'),
    new: of('new'),
    changed: of('changed'),
    unchanged: of('unchanged'),
    missing: of('missing'),
  }
  return { comparison, seenBefore: await seenBefore(db, { session, target }) }
}

/**
 * What a complete session did not see is missing once more, and what has been
 * missing often enough is deactivated, unless another target still sees it.
 */
export async function recordMissing(
  db: Kysely<Schema>,
  { session, target }: Sighter,
  { deactivateAfter, at }: Missing & { readonly at: number },
): Promise<void> {
  await db
    .updateTable('sightings')
    .set((eb) => ({ missed: eb('missed', '+', 1) }))
    .where('target', '=', target)
    .where('session', '<', session)
    .execute()
  await sql`update resources set is_active = 0, updated_at = ${at}
    where is_active = 1
    and id in (select resource from sightings where target = ${target} and missed >= ${deactivateAfter})
    and not exists (
      select 1 from sightings where resource = resources.id and missed < ${deactivateAfter}
    )`.execute(db)
}

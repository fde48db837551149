import { sql, type Kysely } from 'kysely'
import { StoreError } from '../domain/errors.ts'
import { scanTargetId } from '../domain/identity.ts'
import type { JsonRecord } from '../domain/json.ts'
import type { Resource } from '../domain/resources.ts'
import type { Engine } from './engine.ts'
import { resourceOf, scanTargetOf } from './rows.ts'
import type { Schema } from './schema.ts'
import type { Alias, Repositories, ScanTargetRepository } from './store.ts'

interface NewRow {
  readonly key: string
  readonly uri: string
  readonly name: string
  readonly metadata: JsonRecord
}

function notStored(what: string): StoreError {
  return new StoreError('STORE_FAILED', `the database has no ${what}: create it first`)
}

/** One table holds the resources of every source; the model's repositories are views of it by type. */
function resources(db: Kysely<Schema>, engine: Engine, sourceType: string) {
  // Not a parameter: SQLite takes an index of some rows only where the SQL says that it is about those.
  const type = sql.lit<string>(sourceType)
  const select = () => db.selectFrom('resources').selectAll().where('source_type', '=', type)
  const one = async (column: 'id' | 'key' | 'uri', value: string | number) => {
    const row = await select()
      .where(column, '=', value as never)
      // Of repositories that followed each other at one URL, the one seen last is there.
      .orderBy('is_active', 'desc')
      .orderBy('updated_at', 'desc')
      .orderBy('id', 'desc')
      .executeTakeFirst()
    return row === undefined ? null : resourceOf(row)
  }
  /** By an earlier address: of several that had it, the one that had it last. */
  const byAlias = async (uri: string) => {
    const row = await db
      .selectFrom('aliases')
      .innerJoin('resources', 'resources.id', 'aliases.resource')
      .selectAll('resources')
      .where('aliases.uri', '=', uri)
      .where('resources.source_type', '=', sourceType)
      .orderBy('aliases.recorded_at', 'desc')
      .orderBy('resources.id', 'desc')
      .executeTakeFirst()
    return row === undefined ? null : resourceOf(row)
  }
  return {
    one,
    byAlias,
    async upsert(row: NewRow): Promise<number> {
      const now = engine.clock.now()
      const { id } = await db
        .insertInto('resources')
        .values({
          source_type: sourceType,
          key: row.key,
          uri: row.uri,
          name: row.name,
          is_active: 1,
          metadata: JSON.stringify(row.metadata),
          created_at: now,
          updated_at: now,
        })
        .onConflict((c) =>
          c.columns(['source_type', 'key']).doUpdateSet({
            uri: row.uri,
            name: row.name,
            is_active: 1,
            metadata: JSON.stringify(row.metadata),
            updated_at: now,
          }),
        )
        .returning('id')
        .executeTakeFirstOrThrow()
      return id
    },
    /** The key stays: scan target and tasks are derived from it. */
    async change(id: number, row: NewRow & { isActive: boolean }): Promise<void> {
      const { numUpdatedRows } = await db
        .updateTable('resources')
        .set({
          uri: row.uri,
          name: row.name,
          is_active: row.isActive ? 1 : 0,
          metadata: JSON.stringify(row.metadata),
          updated_at: engine.clock.now(),
        })
        .where('id', '=', id)
        .where('source_type', '=', sourceType)
        .where('key', '=', row.key)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) {
        throw notStored(`${sourceType} resource ${id} of key ${JSON.stringify(row.key)}`)
      }
    },
    async list(limit: number, offset: number): Promise<Resource[]> {
      const rows = await select().orderBy('id').limit(limit).offset(offset).execute()
      return rows.map(resourceOf)
    },
  }
}

const orNull = <T>(resource: Resource | null, map: (resource: Resource) => T): T | null =>
  resource === null ? null : map(resource)

const repoOf = ({ id, key, name, uri, isActive, metadata, timeline }: Resource) => ({
  id,
  key,
  name,
  url: uri,
  isActive,
  metadata,
  timeline,
})
const urlOf = ({ id, uri, metadata, timeline }: Resource) => ({ id, url: uri, metadata, timeline })
const objectOf = ({ id, key, uri, isActive, metadata, timeline }: Resource) => ({
  id,
  key,
  uri,
  isActive,
  metadata,
  timeline,
})

export function resourceRepositories(
  db: Kysely<Schema>,
  engine: Engine,
): Pick<Repositories, 'githubRepos' | 'urls' | 's3Objects' | 'scanTargets'> {
  const github = resources(db, engine, 'github')
  const url = resources(db, engine, 'url')
  const s3 = resources(db, engine, 's3')
  return {
    githubRepos: {
      create: (repo) => github.upsert({ ...repo, uri: repo.url }),
      update: (repo) => github.change(repo.id, { ...repo, uri: repo.url }),
      getById: async (id) => orNull(await github.one('id', id), repoOf),
      getByUrl: async (uri) =>
        orNull((await github.one('uri', uri)) ?? (await github.byAlias(uri)), repoOf),
      aliases: (id) => aliasesOf(db, id),
      list: async (limit, offset) => (await github.list(limit, offset)).map(repoOf),
    },
    urls: {
      create: (target) =>
        url.upsert({ ...target, key: target.url, uri: target.url, name: target.url }),
      update: (target) =>
        url.change(target.id, {
          ...target,
          key: target.url,
          uri: target.url,
          name: target.url,
          isActive: true,
        }),
      getByUrl: async (uri) => orNull(await url.one('key', uri), urlOf),
    },
    s3Objects: {
      create: (object) => s3.upsert(object),
      getByUri: async (uri) => orNull(await s3.one('key', uri), objectOf),
      list: async (limit, offset) => (await s3.list(limit, offset)).map(objectOf),
    },
    scanTargets: scanTargetRepository(db, engine),
  }
}

async function aliasesOf(db: Kysely<Schema>, resource: number): Promise<Alias[]> {
  const rows = await db
    .selectFrom('aliases')
    .select(['uri', 'recorded_at'])
    .where('resource', '=', resource)
    .orderBy('recorded_at')
    .orderBy('uri')
    .execute()
  return rows.map((row) => ({ url: row.uri, at: new Date(row.recorded_at) }))
}

function scanTargetRepository(db: Kysely<Schema>, engine: Engine): ScanTargetRepository {
  const select = () => db.selectFrom('scan_targets').selectAll()
  return {
    async create(target) {
      const { key } = await db
        .selectFrom('resources')
        .select('key')
        .where('id', '=', target.targetId)
        .where('source_type', '=', target.targetType)
        .executeTakeFirstOrThrow(() =>
          notStored(`${target.targetType} resource ${target.targetId}`),
        )
      const id = scanTargetId(target.targetType, key)
      const now = engine.clock.now()
      await db
        .insertInto('scan_targets')
        .values({
          target_id: target.targetId,
          scan_target_id: id,
          target_type: target.targetType,
          name: target.name,
          metadata: JSON.stringify(target.metadata),
          created_at: now,
          updated_at: now,
        })
        .onConflict((c) =>
          c.column('target_id').doUpdateSet({
            name: target.name,
            metadata: JSON.stringify(target.metadata),
            updated_at: now,
          }),
        )
        .execute()
      return id
    },
    async update(target) {
      const { numUpdatedRows } = await db
        .updateTable('scan_targets')
        .set({
          name: target.name,
          metadata: JSON.stringify(target.metadata),
          last_scan_at: target.lastScanTime?.getTime() ?? null,
          updated_at: engine.clock.now(),
        })
        .where('target_id', '=', (await engine.lookups.findRow('target', target.id)) ?? null)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) throw notStored(`scan target ${target.id}`)
    },
    async getById(id) {
      const target = await engine.lookups.findRow('target', id)
      if (target === undefined) return null
      const row = await select().where('target_id', '=', target).executeTakeFirst()
      return row === undefined ? null : scanTargetOf(row)
    },
    async find(targetType, targetId) {
      const row = await select()
        .where('target_id', '=', targetId)
        .where('target_type', '=', targetType)
        .executeTakeFirst()
      return row === undefined ? null : scanTargetOf(row)
    },
    async list(limit, offset) {
      const rows = await select().orderBy('target_id').limit(limit).offset(offset).execute()
      return rows.map(scanTargetOf)
    },
  }
}

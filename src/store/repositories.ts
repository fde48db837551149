import type { Kysely } from 'kysely'
import type { JsonValue } from '../domain/json.ts'
import { ACTIVE_STATUSES } from '../domain/session-state.ts'
import type { TaskStatus } from '../domain/task.ts'
import { auditRepository } from './audit.ts'
import type { Engine } from './engine.ts'
import { deleteCheckpoint, saveBatch, saveCheckpoint, saveSession, saveTask } from './saves.ts'
import { selectTasks } from './deliveries.ts'
import { jobRepository } from './job-repository.ts'
import { reportRepository } from './reports.ts'
import { resourceRepositories } from './resource-repositories.ts'
import { batchOfRow, sessionOf, taskOf, type SessionRow } from './rows.ts'
import type { Schema } from './schema.ts'
import type {
  AnswerRepository,
  BatchRepository,
  CheckpointRepository,
  FailedItemRepository,
  Repositories,
  RuleRepository,
  SessionRepository,
  TaskRepository,
} from './store.ts'
import { selectSessions } from './sessions.ts'

/** Tasks held in memory while they are streamed. */
const STREAM_WINDOW = 1_000

function sessionRepository(db: Kysely<Schema>, engine: Engine): SessionRepository {
  return {
    save: (state) => saveSession(engine, state),
    async load(sessionId) {
      const row = await selectSessions(db)
        .where('sessions.session_id', '=', sessionId)
        .executeTakeFirst()
      return row === undefined ? null : sessionOf(row as SessionRow)
    },
    async getActiveStates() {
      const rows = await selectSessions(db)
        .where('sessions.status', 'in', [...ACTIVE_STATUSES])
        .orderBy('sessions.id')
        .execute()
      return rows.map((row) => sessionOf(row as SessionRow))
    },
    async list(limit, offset = 0) {
      const rows = await selectSessions(db)
        .orderBy('sessions.id', 'desc')
        .limit(limit)
        .offset(offset)
        .execute()
      return rows.map((row) => sessionOf(row as SessionRow))
    },
  }
}

function batchRepository(db: Kysely<Schema>, engine: Engine): BatchRepository {
  const select = () =>
    db
      .selectFrom('batches')
      .innerJoin('sessions', 'sessions.id', 'batches.session')
      .selectAll('batches')
      .select('sessions.session_id')
  return {
    save: (batch) => saveBatch(engine, batch),
    async findBySessionId(sessionId) {
      const rows = await select()
        .where('sessions.session_id', '=', sessionId)
        .orderBy('batches.number')
        .execute()
      return rows.map(batchOfRow)
    },
    async findLastBySessionId(sessionId) {
      const row = await select()
        .where('sessions.session_id', '=', sessionId)
        .orderBy('batches.number', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row === undefined ? null : batchOfRow(row)
    },
    async findById(batchId) {
      const row = await select().where('batches.batch_id', '=', batchId).executeTakeFirst()
      return row === undefined ? null : batchOfRow(row)
    },
  }
}

function checkpointRepository(db: Kysely<Schema>, engine: Engine): CheckpointRepository {
  const load = async (column: 'target_id' | 'id', value: string | number) => {
    const row = await db
      .selectFrom('checkpoints')
      .selectAll()
      .where(column, '=', value as never)
      .executeTakeFirst()
    return row === undefined
      ? null
      : {
          id: row.id,
          targetId: row.target_id,
          data: JSON.parse(row.data),
          updatedAt: new Date(row.updated_at),
        }
  }
  return {
    save: (checkpoint) => saveCheckpoint(engine, checkpoint),
    delete: (targetId) => deleteCheckpoint(engine, targetId),
    load: (targetId) => load('target_id', targetId),
    loadById: (id) => load('id', id),
  }
}

function taskRepository(db: Kysely<Schema>, engine: Engine): TaskRepository {
  const inSession = async (sessionId: string | undefined): Promise<number | null> => {
    if (sessionId === undefined) return null
    const row = await db
      .selectFrom('sessions')
      .select('id')
      .where('session_id', '=', sessionId)
      .executeTakeFirst()
    return row?.id ?? -1
  }
  return {
    save: (task) => saveTask(engine, task),
    async getById(taskId) {
      const seq = await engine.lookups.findRow('task', taskId)
      if (seq === undefined) return null
      const row = await selectTasks(db).where('tasks.seq', '=', seq).executeTakeFirst()
      return row === undefined ? null : taskOf(row)
    },
    async *stream(filter = {}) {
      const session = await inSession(filter.sessionId)
      for (let after = 0; ;) {
        let window = selectTasks(db)
          .where('tasks.seq', '>', after)
          .orderBy('tasks.seq')
          .limit(STREAM_WINDOW)
        if (session !== null) window = window.where('tasks.session', '=', session)
        const rows = await window.execute()
        for (const row of rows) yield taskOf(row)
        const last = rows.at(-1)
        if (last === undefined) return
        after = last.seq
      }
    },
    async count(filter = {}) {
      const session = await inSession(filter.sessionId)
      let query = db.selectFrom('tasks').select((eb) => eb.fn.countAll<number>().as('n'))
      if (session !== null) query = query.where('session', '=', session)
      return Number((await query.executeTakeFirstOrThrow()).n)
    },
    async progress(taskId) {
      const seq = await engine.lookups.findRow('task', taskId)
      if (seq === undefined) return null
      const row = await db
        .selectFrom('tasks')
        .select(['task_id', 'status', 'items_processed', 'error', 'progress_at', 'created_at'])
        .where('seq', '=', seq)
        .executeTakeFirstOrThrow()
      return {
        taskId: row.task_id,
        status: row.status as TaskStatus,
        itemsProcessed: row.items_processed,
        error: row.error,
        updatedAt: new Date(row.progress_at ?? row.created_at),
      }
    },
  }
}

function failedItemRepository(db: Kysely<Schema>): FailedItemRepository {
  const select = (sessionId: string) =>
    db
      .selectFrom('failed_items')
      .where('failed_items.session', '=', (eb) =>
        eb.selectFrom('sessions as s').select('s.id').where('s.session_id', '=', sessionId),
      )
  return {
    async find({ sessionId, after, limit, until }) {
      let query = select(sessionId).selectAll().where('id', '>', after).orderBy('id').limit(limit)
      if (until !== undefined) query = query.where('id', '<=', until)
      return (await query.execute()).map((row) => ({
        id: row.id,
        sessionId,
        batchNumber: row.batch_number,
        item: row.item,
        reason: row.reason,
        failedAt: new Date(row.failed_at),
      }))
    },
    async lastId(sessionId) {
      const row = await select(sessionId)
        .select((eb) => eb.fn.max('id').as('id'))
        .executeTakeFirst()
      return row?.id ?? 0
    },
  }
}

const ruleOf = (row: {
  rule_id: string
  definition: string
  hash: string
  updated_at: number
}) => ({
  ruleId: row.rule_id,
  definition: JSON.parse(row.definition),
  hash: row.hash,
  updatedAt: new Date(row.updated_at),
})

function ruleRepository(db: Kysely<Schema>): RuleRepository {
  return {
    async save(rule) {
      const values = {
        definition: JSON.stringify(rule.definition),
        hash: rule.hash,
        updated_at: rule.updatedAt.getTime(),
      }
      await db
        .insertInto('rules')
        .values({ rule_id: rule.ruleId, ...values })
        .onConflict((c) => c.column('rule_id').doUpdateSet(values))
        .execute()
    },
    async getById(ruleId) {
      const row = await db
        .selectFrom('rules')
        .selectAll()
        .where('rule_id', '=', ruleId)
        .executeTakeFirst()
      return row === undefined ? null : ruleOf(row)
    },
    async list() {
      return (await db.selectFrom('rules').selectAll().orderBy('rule_id').execute()).map(ruleOf)
    },
  }
}

function answerRepository(db: Kysely<Schema>, engine: Engine): AnswerRepository {
  return {
    async get(key) {
      const row = await db
        .selectFrom('answers')
        .select('value')
        .where('key', '=', key)
        .executeTakeFirst()
      return row === undefined ? undefined : (JSON.parse(row.value) as JsonValue)
    },
    async set(key, value) {
      const columns = { value: JSON.stringify(value), stored_at: engine.clock.now() }
      await db
        .insertInto('answers')
        .values({ key, ...columns })
        .onConflict((c) => c.column('key').doUpdateSet(columns))
        .execute()
    },
    async prune(before) {
      await db.deleteFrom('answers').where('stored_at', '<', before.getTime()).execute()
    },
  }
}

/** The model's repositories over one database. */
export function repositories(db: Kysely<Schema>, engine: Engine): Repositories {
  return {
    sessions: sessionRepository(db, engine),
    batches: batchRepository(db, engine),
    checkpoints: checkpointRepository(db, engine),
    tasks: taskRepository(db, engine),
    failedItems: failedItemRepository(db),
    jobs: jobRepository(db, engine),
    rules: ruleRepository(db),
    answers: answerRepository(db, engine),
    audit: auditRepository(db),
    reports: reportRepository(db, engine),
    ...resourceRepositories(db, engine),
  }
}

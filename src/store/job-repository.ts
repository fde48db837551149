import { sql, type Kysely } from 'kysely'
import { StoreError } from '../domain/errors.ts'
import type { Engine } from './engine.ts'
import type { Schema } from './schema.ts'
import type { JobRepository } from './store.ts'

/** Scan targets that one statement associates with a job; a statement takes 32,766 parameters. */
const ASSOCIATE_WINDOW = 1_000

export function jobRepository(db: Kysely<Schema>, engine: Engine): JobRepository {
  return {
    async create(job) {
      await db
        .insertInto('jobs')
        .values({ job_id: job.jobId, name: job.name, created_at: job.createdAt.getTime() })
        .execute()
    },
    async getById(jobId) {
      const row = await db
        .selectFrom('jobs')
        .selectAll()
        .where('job_id', '=', jobId)
        .executeTakeFirst()
      return row === undefined
        ? null
        : { jobId: row.job_id, name: row.name, createdAt: new Date(row.created_at) }
    },
    async associate(jobId, scanTargetIds) {
      await engine.lookups.prepare('target')
      await engine.transact(async (trx) => {
        const job = await trx
          .selectFrom('jobs')
          .select('id')
          .where('job_id', '=', jobId)
          .executeTakeFirstOrThrow(
            () =>
              new StoreError('STORE_FAILED', `the database has no job ${jobId}: create it first`),
          )
        for (let from = 0; from < scanTargetIds.length; from += ASSOCIATE_WINDOW) {
          const ids = scanTargetIds.slice(from, from + ASSOCIATE_WINDOW)
          await trx
            .insertInto('job_targets')
            .columns(['job', 'target'])
            .expression((eb) =>
              eb
                .selectFrom(engine.lookups.targetsOf(ids).as('found'))
                .select([eb.val(job.id).as('job'), 'found.target_id'])
                // SQLite would else take what follows for a join.
                .where(sql<boolean>`true`),
            )
            .onConflict((c) => c.doNothing())
            .execute()
        }
      })
    },
    async countTargets(jobId) {
      const row = await db
        .selectFrom('job_targets')
        .innerJoin('jobs', 'jobs.id', 'job_targets.job')
        .select((eb) => eb.fn.countAll<number>().as('n'))
        .where('jobs.job_id', '=', jobId)
        .executeTakeFirstOrThrow()
      return Number(row.n)
    },
  }
}

import { onTestFinished } from 'vitest'
import { createDatabase, type FreshDatabase } from './servers/databases.ts'
import { missingPostgres } from './servers/postgres.ts'
import { describeWith, sharedUrl } from './servers/shared.ts'

/** `describe` for tests of PostgreSQL: skipped, with a line on stderr, where there is none. */
export const describePostgres = describeWith(missingPostgres)

/** A fresh, empty database on the run's server; for `beforeAll`, whose caller drops it. */
export const freshDatabase = async (): Promise<FreshDatabase> =>
  await createDatabase(await sharedUrl('postgres'), 'muster_test')

/** The URL of a fresh, empty database of the test's own, gone when the test is. */
export async function postgresUrl(): Promise<string> {
  const { url, drop } = await freshDatabase()
  onTestFinished(drop)
  return url
}

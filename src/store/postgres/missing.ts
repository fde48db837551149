import { sql, type Kysely } from 'kysely'
import { recordMissing, type Sighter } from '../inventory.ts'
import type { Schema } from '../schema.ts'
import type { Missing } from '../store.ts'

/**
 * What a complete session did not see is missing once more.
 *
 * A resource is given up where no target sees it, and another target's page
 * may be seeing it at this moment. So those that may be given up are locked
 * first: a page writes its resources before it says that they are seen, and is
 * waited for. The statement that judges comes after, and sees what was
 * committed by then; one statement alone would judge by what was there when it
 * began. They are locked in the order in which pages write them.
 */
export async function recordMissingAmongHosts(
  trx: Kysely<Schema>,
  { session, target }: Sighter,
  missing: Missing & { readonly at: number },
): Promise<void> {
  await sql`select from resources where is_active = 1 and id in (
      select resource from sightings where target = ${target} and session < ${session}
      and missed >= ${missing.deactivateAfter - 1})
    order by key for update`.execute(trx)
  await recordMissing(trx, { session, target }, missing)
}

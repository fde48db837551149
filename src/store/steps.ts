import type { Kysely } from 'kysely'
import { budgets } from './budgets.ts'
import { deliveries } from './deliveries.ts'
import type { Engine } from './engine.ts'
import { findSeen, surveySession } from './inventory.ts'
import { leases } from './leases.ts'
import { progressReports } from './progress.ts'
import { repositories } from './repositories.ts'
import { prune } from './retention.ts'
import { rounds } from './rounds.ts'
import type { Schema } from './schema.ts'
import { createSession } from './sessions.ts'
import { steering } from './steering.ts'
import type { Store } from './store.ts'

/** Everything but what a walk commits: that is written for each database in the form that is best there. */
export function steps(
  db: Kysely<Schema>,
  engine: Engine,
): Omit<Store, 'commitPage' | 'commitSession' | 'close'> {
  return {
    isShared: engine.isShared,
    repositories: repositories(db, engine),
    createSession: (params) => createSession(engine, params),
    findSeen: (params) => findSeen(db, engine, params),
    surveySession: (sessionId) => surveySession(db, sessionId),
    ...leases(db, engine),
    ...steering(db, engine),
    ...deliveries(db, engine),
    ...progressReports(engine),
    ...rounds(db, engine),
    ...budgets(db, engine),
    prune: (params) => prune(db, engine, params),
  }
}

import { HandleEmptyInListsPlugin, Kysely, replaceWithNoncontingentExpression } from 'kysely'
import type { TimeProvider } from '../../domain/clock.ts'
import type { Migration } from '../migrations.ts'
import type { Schema } from '../schema.ts'
import { createSession } from '../sessions.ts'
import type { StatementHook } from '../sqlite.ts'
import { steps } from '../steps.ts'
import type { CreateSession, Store } from '../store.ts'
import { addressOf } from './address.ts'
import { postgresCommits } from './commits.ts'
import { Connections } from './connections.ts'
import { postgresDialect } from './dialect.ts'
import { postgresEngine } from './engine.ts'
import { DEFAULT_LIMITS, type PostgresLimits } from './limits.ts'
import { migrate } from './migrate.ts'
import { MIGRATIONS } from './migrations.ts'
import { NO_PATIENCE, settled, type Patience } from './patience.ts'

export type { PostgresLimits } from './limits.ts'

/** Connections that a host has at the most: each commit needs one for some milliseconds. */
const POOL_SIZE = 10

export interface PostgresOptions {
  /**
   * `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with TLS as `sslmode` and
   * `sslrootcert` say. The connection has to be the server's own, or of a pooler
   * that pools sessions: the store keeps statements prepared.
   */
  readonly url: string
  /** Judges leases; for tests. Default: the clock of the server, which all hosts share. */
  readonly clock?: TimeProvider
  /** Called around every statement; for tests, which throw or kill from it. */
  readonly onStatement?: StatementHook
  /** Connections at the most. Default: 10. */
  readonly poolSize?: number
  /** How long to wait for what. */
  readonly limits?: Partial<PostgresLimits>
  /** Schema steps; a test gives others. */
  readonly migrations?: readonly Migration[]
}

/**
 * Opens a store on PostgreSQL, 13 or newer, which hosts on several machines
 * share. Its tables are made where there are none, in the first schema of the
 * search path.
 *
 * @throws InvalidInputError (INVALID_OPTIONS) for a URL that cannot be used;
 * StoreError when the database cannot be: it is then left as it was
 */
export async function openPostgresStore(options: PostgresOptions): Promise<Store> {
  const { clock, onStatement, poolSize = POOL_SIZE, migrations = MIGRATIONS } = options
  const address = addressOf(options.url)
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const connections = new Connections({ address, poolSize, limits, onStatement })
  try {
    // Whoever opens it is told at once what is wrong, and does not wait for it to pass.
    await migrate(databaseOn(connections, NO_PATIENCE), address.shown, migrations)
  } catch (thrown) {
    await connections.close()
    throw thrown
  }
  return storeOn(connections, { clock, forMs: limits.patienceMs })
}

const databaseOn = (connections: Connections, patience: Patience) =>
  new Kysely<Schema>({
    dialect: postgresDialect(connections, patience),
    // SQLite takes an empty list, PostgreSQL does not.
    plugins: [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression })],
  })

interface StoreOptions {
  readonly clock: TimeProvider | undefined
  /** How long it waits for what passes; milliseconds. */
  readonly forMs: number
}

function storeOn(connections: Connections, { clock, forMs }: StoreOptions): Store {
  const haste = new AbortController()
  const patience = { forMs, hurried: haste.signal }
  const db = databaseOn(connections, patience)
  const engine = postgresEngine(db, { clock, patience })
  return {
    ...steps(db, engine),
    ...postgresCommits({ db, connections, clock, patience }),
    createSession: async (params) => {
      // Each attempt is settled here, so that what became of it is known.
      const once = { ...engine, transact: (work: never) => db.transaction().execute(work) }
      await settled(patience, {
        attempt: async () => {
          await createSession(once as typeof engine, params)
          return true
        },
        find: () => findSession(db, params),
      })
    },
    hurry: () => haste.abort(),
    close: () => connections.close(),
  }
}

/** A session that is there under its identity is the one that was to be made. */
async function findSession(
  db: Kysely<Schema>,
  { session }: CreateSession,
): Promise<true | undefined> {
  const row = await db
    .selectFrom('sessions')
    .select('id')
    .where('session_id', '=', session.sessionId)
    .executeTakeFirst()
  return row && true
}

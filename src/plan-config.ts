import { loadConfigFile } from './config/config-file.ts'
import { createResolver, SecretMask } from './config/resolver.ts'
import { systemClock, type TimeProvider } from './domain/clock.ts'
import { planTargets } from './planning/plan.ts'
import type { Plan } from './planning/types.ts'
import { createSources } from './sources/factory.ts'
import type { AnySource } from './sources/source.ts'
import { openReadOnly } from './store/open-read-only.ts'

export interface PlanConfigOptions {
  /** A config file. */
  readonly config: string
  /** A SQLite path or the address of a PostgreSQL server; it is only read. */
  readonly database: string
  /** Sources besides `github`, `s3` and `url`. */
  readonly sources?: readonly AnySource[]
  /** Targets that a run walks at once. Default: 4. */
  readonly concurrency?: number | undefined
  /** Default: the operating system's clock. */
  readonly clock?: TimeProvider
  /** Aborts when the plan is no longer wanted. */
  readonly signal?: AbortSignal
}

/**
 * What a run of a config would come to, without a Muster: nothing is opened for
 * writing, nothing is migrated, nothing is made.
 *
 * @throws InvalidInputError (INVALID_CONFIG) for a config with a fault;
 * StoreError for a database that is there and cannot be read
 */
export async function planConfig(options: PlanConfigOptions): Promise<Plan> {
  const { config, database, clock = systemClock, concurrency, signal } = options
  const sources = createSources(options.sources)
  const loaded = await loadConfigFile(config, { sources })
  const mask = new SecretMask()
  const history = await openReadOnly(database, { clock })
  try {
    return await planTargets({
      targets: loaded.targets,
      sources,
      credentials: createResolver(() => loaded.credentials, mask, clock),
      clock,
      history,
      concurrency,
      signal,
    })
  } finally {
    await history.close()
  }
}

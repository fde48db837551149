import type { AnyActorRef } from 'xstate'
import type { Dashboard, DashboardAddress } from './dashboard/index.ts'
import type { TimeProvider } from './domain/clock.ts'
import { MusterError } from './domain/errors.ts'
import type { Steering } from './enumeration/steering.ts'
import type { MusterOptions } from './options.ts'
import { isPostgresUrl } from './store/open-database.ts'
import { addressOf } from './store/postgres/address.ts'
import type { Store } from './store/store.ts'
import { VERSION } from './version.ts'

/** How a Muster's dashboard is served. */
export interface DashboardOptions extends DashboardAddress {
  /**
   * Whether sessions can be resumed and retried from it, which walks them in
   * this process; without it they are looked at, paused and cancelled. Default true.
   */
  readonly canWalk?: boolean
}

interface DashboardsDeps {
  readonly options: Pick<MusterOptions, 'database' | 'metricsRegistry'>
  readonly store: Store
  readonly steering: Steering
  /** The owner name of this process, for the record of what was asked. */
  readonly owner: string
  readonly actors: readonly AnyActorRef[]
  readonly clock: TimeProvider
}

/** The dashboards of one Muster: those that are open go with it. */
export interface Dashboards {
  open(options?: DashboardOptions): Promise<Dashboard>
  close(): Promise<void>
}

/** A database as it may be shown: its address has no password then. */
function shown(database: MusterOptions['database'] = './muster.db'): string {
  if (typeof database !== 'string') return 'a store of the host'
  return isPostgresUrl(database) ? addressOf(database).shown : database
}

/** Nothing of the dashboard is loaded before one is opened. */
export function dashboardsOf(deps: DashboardsDeps): Dashboards {
  const opened = new Set<Promise<Dashboard>>()
  let isClosed = false
  const open = async ({ canWalk = true, ...address }: DashboardOptions): Promise<Dashboard> => {
    const { store, steering, owner, actors, clock, options } = deps
    const { serveDashboard } = await import('./dashboard/index.ts')
    const registry = options.metricsRegistry
    return serveDashboard({
      ...address,
      repositories: store.repositories,
      steering: {
        pause: (sessionId) => steering.pause(sessionId),
        cancel: (sessionId) => steering.cancel(sessionId),
        resume: (sessionId) => steering.resume(sessionId),
        retryFailed: (sessionId) => steering.retryFailed(sessionId),
        lift: (sessionId) => store.steerSession({ sessionId, ask: null, by: owner }),
      },
      actors,
      version: VERSION,
      database: shown(options.database),
      canWalk,
      metrics: registry === undefined ? undefined : () => registry.text(),
      now: () => clock.now(),
    })
  }
  return {
    async open(options = {}) {
      if (isClosed) {
        throw new MusterError('CLOSED', 'this Muster is closed: create another with createMuster()')
      }
      const dashboard = open(options)
      opened.add(dashboard)
      return dashboard
    },
    async close() {
      isClosed = true
      // One that could not be opened has told its caller so.
      const served = await Promise.allSettled(opened)
      await Promise.all(served.map((one) => one.status === 'fulfilled' && one.value.close()))
    },
  }
}

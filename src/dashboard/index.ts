import type { AnyActorRef } from 'xstate'
import type { Repositories } from '../store/store.ts'
import { tokenFor } from './access.ts'
import { createApp, type AppDeps } from './app.ts'
import { loadAssets } from './assets.ts'
import { EventStreams } from './event-stream.ts'
import { LiveFeed } from './live-feed.ts'
import { listen } from './listen.ts'
import { NO_ACTORS, watchActors } from './live.ts'
import { parseAddress, type DashboardAddress } from './address.ts'
import { StoreReadModel, type ReadModel } from './read-model.ts'
import { ReplayReadModel } from './replay.ts'
import type { Steering } from './steering.ts'
import type { Recording } from './wire.ts'

/** A dashboard that is being served. */
export interface Dashboard extends AsyncDisposable {
  /** To open in a browser; holds the token, where one is needed, and is the only place that does. */
  readonly url: string
  /** Ends all streams and lets go of the port. Closing it again changes nothing. */
  close(): Promise<void>
}

export interface ServeDashboard extends DashboardAddress {
  readonly repositories: Pick<Repositories, 'reports' | 'audit' | 'failedItems'>
  readonly steering: Steering
  /** The root actors of this process; what another process walks is shown as far as the database tells. */
  readonly actors?: readonly AnyActorRef[]
  readonly version: string
  /** The database, without a password. */
  readonly database: string
  /** Whether sessions may be walked in this process. */
  readonly canWalk: boolean
  /** Prometheus' text. */
  readonly metrics?: (() => Promise<string> | string) | undefined
  /** Milliseconds since the Unix epoch. Default: the operating system's clock. */
  readonly now?: () => number
}

/**
 * Serves the dashboard of a database. Nothing is read from it while nobody
 * looks, and nothing is walked until somebody asks for it.
 *
 * @throws InvalidInputError for an address that cannot be had, or a token that can be guessed
 */
export async function serveDashboard(options: ServeDashboard): Promise<Dashboard> {
  const { repositories, steering, actors = [], version, database, canWalk, metrics } = options
  const now = options.now ?? Date.now
  const live = actors.length === 0 ? NO_ACTORS : watchActors(actors, now)
  const model = new StoreReadModel({ repositories, live, version, database, canWalk, now })
  try {
    const served = await serve({ model, steering, canWalk, metrics }, options)
    return closedOnce(served.url, async () => {
      live.close()
      await served.close()
    })
  } catch (thrown) {
    live.close()
    throw thrown
  }
}

/**
 * Serves a recording with the same page.
 *
 * @throws InvalidInputError for an address that cannot be had
 */
export async function serveReplay(
  recording: Recording,
  address: DashboardAddress & { readonly version: string },
): Promise<Dashboard> {
  const model = new ReplayReadModel(recording, address.version)
  const served = await serve({ model, canWalk: false, recording }, address)
  return closedOnce(served.url, served.close)
}

type Served = Omit<AppDeps, 'streams' | 'assets' | 'access'> & { readonly model: ReadModel }

async function serve(
  deps: Served,
  given: DashboardAddress,
): Promise<Omit<Dashboard, typeof Symbol.asyncDispose>> {
  const { host, port } = parseAddress(given)
  const token = tokenFor(host, given.token)
  const feed = new LiveFeed(() => deps.model.sample())
  const streams = new EventStreams(feed)
  const bound = { port: 0 }
  const access = { host, token, port: () => bound.port }
  const app = createApp({ ...deps, streams, assets: await loadAssets(), access })
  const listening = await listen(app, host, port)
  bound.port = listening.port
  return {
    url: urlOf(host, listening.port, token),
    async close() {
      feed.close()
      streams.close()
      await listening.close()
    },
  }
}

/** What listens everywhere is reached from here by the name of this machine. */
function urlOf(host: string, port: number, token: string | null): string {
  const isEverywhere = host === '0.0.0.0' || host === '::'
  const name = isEverywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host
  const query = token === null ? '' : `?token=${encodeURIComponent(token)}`
  return `http://${name}:${port}/${query}`
}

function closedOnce(url: string, end: () => Promise<void>): Dashboard {
  let closed: Promise<void> | undefined
  const close = () => (closed ??= end())
  return { url, close, [Symbol.asyncDispose]: close }
}

export type { DashboardAddress } from './address.ts'
export type { Steering } from './steering.ts'

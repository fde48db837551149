import { connect, type NatsConnection } from '@nats-io/transport-node'
import type { NatsBusSettings } from './options.ts'

/** Between two attempts to reach a server again: at first, and at most, in milliseconds. */
export const FIRST_PAUSE_MS = 100
export const LONGEST_PAUSE_MS = 5_000

type Settings = Pick<NatsBusSettings, 'servers' | 'connection'>

/** A connection that comes back for as long as it is not closed. */
export function connectForEver({ servers, connection }: Settings): Promise<NatsConnection> {
  return connect({
    name: 'muster',
    ...connection,
    servers,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    // A password may be on its way from one value to the next.
    ignoreAuthErrorAbort: true,
  })
}

/** A connection that is gone when it is lost, with all that was asked over it. */
export function connectOnce({ servers, connection }: Settings): Promise<NatsConnection> {
  return connect({ name: 'muster', ...connection, servers, reconnect: false })
}

import { jetstreamManager, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import type { TaskRecord } from '../../src/domain/task.ts'
import type { Envelope } from '../../src/delivery/wire.ts'
import { decode } from '../../src/delivery/wire.ts'
import { createNatsBus, type NatsBus, type NatsBusOptions } from '../../src/nats.ts'
import { startNats } from '../support/servers/nats.ts'
import type { OwnServer } from '../support/servers/server.ts'

/** A server for the tests of a file. */
export function ownNats(): { readonly server: OwnServer } {
  let server: OwnServer | undefined
  beforeAll(async () => {
    server = await startNats()
  })
  afterAll(() => server?.stop())
  return {
    get server() {
      if (server === undefined) throw new Error('the server has not been started yet')
      return server
    },
  }
}

let spaces = 0

/** A stream and a prefix of the test's own, on one server with those of others. */
export class Space {
  readonly server: OwnServer
  readonly stream = `S${(spaces += 1)}`
  readonly prefix = `p${spaces}`

  constructor(server: OwnServer) {
    this.server = server
  }

  /** A process's bus, closed when the test ends. */
  async bus(options: Partial<NatsBusOptions> = {}): Promise<NatsBus> {
    const bus = await createNatsBus({
      servers: this.server.url,
      stream: this.stream,
      prefix: this.prefix,
      retryMs: 20,
      drainMs: 1_000,
      ...options,
    })
    onTestFinished(() => bus.close())
    return bus
  }

  async manager(): Promise<JetStreamManager> {
    const nc = await connect({ servers: this.server.url })
    onTestFinished(() => nc.close())
    return jetstreamManager(nc)
  }

  /** What a stream holds, in order: by default that of tasks. */
  async stored(stream = this.stream): Promise<StoredMsg[]> {
    const jsm = await this.manager()
    const { state } = await jsm.streams.info(stream)
    const found: StoredMsg[] = []
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const message = await jsm.streams.getMessage(stream, { seq }).catch(() => null)
      if (message !== null) found.push(message)
    }
    return found
  }

  async envelopes(stream = this.stream): Promise<Envelope[]> {
    return (await this.stored(stream)).map(({ data }) => decode(data))
  }

  get sessions(): string {
    return `${this.stream}_SESSIONS`
  }
}

export const taskOf = (sessionId: string, n: number): TaskRecord => ({
  taskId: `${sessionId}-${n}`,
  sessionId,
  jobId: 'job',
  scanTargetId: `target-${n}`,
  sourceType: 'scripted',
  resourceUri: `scripted://${n}`,
  metadata: { n },
})

export const tasksOf = (sessionId: string, count: number): TaskRecord[] =>
  Array.from({ length: count }, (_, n) => taskOf(sessionId, n))

/** All at once, in order. */
export const publishAll = (bus: NatsBus, tasks: readonly TaskRecord[]): Promise<unknown> =>
  Promise.all(tasks.map((task) => bus.publish('task.created', { task }, { id: task.taskId })))

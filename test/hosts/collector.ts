import { setTimeout as sleep } from 'node:timers/promises'
import { AckPolicy, jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'

/** A message of a stream, as it came first. */
export interface Arrival {
  /** Its number in its stream. */
  readonly seq: number
  /** When the broker stored it; nanoseconds by the broker's clock. */
  readonly at: bigint
  readonly type: string
  readonly messageId: string
  readonly sessionId: string
  /** Of a task; else empty. */
  readonly taskId: string
}

interface Envelope {
  readonly type: string
  readonly sessionId: string
  readonly data: { readonly task?: { readonly taskId: string } }
}

const FOR_EVER = { reconnect: true, maxReconnectAttempts: -1, reconnectTimeWait: 200 } as const

function arrivalOf(message: JsMsg): Arrival {
  const { type, sessionId, data } = message.json<Envelope>()
  return {
    seq: message.seq,
    at: BigInt(message.info.timestampNanos),
    type,
    messageId: message.headers?.get('Nats-Msg-Id') ?? '',
    sessionId,
    taskId: data.task?.taskId ?? '',
  }
}

/**
 * Takes all that hosts publish: what the streams took, each message once by its
 * number; and, beside the streams, how often each message id was published.
 */
export class Collector {
  readonly tasks: Arrival[] = []
  readonly events: Arrival[] = []
  /** How often a message id was seen on its way; what passes while the broker restarts is missed. */
  readonly published = new Map<string, number>()
  /** Tasks that arrived, each once. */
  readonly taskIds = new Set<string>()
  readonly #nc: NatsConnection
  readonly #prefix: string
  readonly #running: Promise<unknown>
  #isOver = false

  private constructor(nc: NatsConnection, prefix: string) {
    this.#nc = nc
    this.#prefix = prefix
    nc.subscribe(`${prefix}.>`, {
      callback: (_, message) => {
        const id = message.headers?.get('Nats-Msg-Id')
        if (id) this.published.set(id, (this.published.get(id) ?? 0) + 1)
      },
    })
    this.#running = Promise.all([
      this.#follow(prefix, (arrival) => {
        this.tasks.push(arrival)
        this.taskIds.add(arrival.taskId)
      }),
      this.#follow(`${prefix}_SESSIONS`, (arrival) => this.events.push(arrival)),
    ])
  }

  static async begin(url: string, prefix: string): Promise<Collector> {
    return new Collector(await connect({ servers: url, ...FOR_EVER }), prefix)
  }

  ended(): Arrival[] {
    return this.events.filter(({ type }) => type === 'session.ended')
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#nc.close()
    await this.#running
  }

  /** A stream is not there before the first host, and a broker that restarts is not there for a while. */
  async #follow(stream: string, take: (arrival: Arrival) => void): Promise<void> {
    const known = new Set<number>()
    while (!this.#isOver) {
      try {
        await this.#take(stream, (message) => {
          if (!known.has(message.seq)) take(arrivalOf(message))
          known.add(message.seq)
        })
      } catch {
        await sleep(100)
      }
    }
  }

  async #take(stream: string, take: (message: JsMsg) => void): Promise<void> {
    const jsm = await jetstreamManager(this.#nc, { timeout: 1_000 })
    await jsm.consumers.add(stream, {
      durable_name: `${this.#prefix}-collector`,
      ack_policy: AckPolicy.Explicit,
      ack_wait: 2_000_000_000,
      max_ack_pending: -1,
    })
    const consumer = await jetstream(this.#nc).consumers.get(stream, `${this.#prefix}-collector`)
    while (!this.#isOver) {
      const messages = await consumer.fetch({ max_messages: 1_000, expires: 1_000 })
      for await (const message of messages) {
        take(message)
        message.ack()
      }
    }
  }
}

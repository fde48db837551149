import { setTimeout as sleep } from 'node:timers/promises'
import {
  AckPolicy,
  DeliverPolicy,
  jetstream,
  ReplayPolicy,
  JetStreamApiError,
  type Consumer,
  type ConsumerConfig,
  type ConsumerMessages,
  type JetStreamManager,
  type JsMsg,
} from '@nats-io/jetstream'
import { nanos, type NatsConnection } from '@nats-io/transport-node'
import { errorRecord } from '../../domain/errors.ts'
import type { BusEventType } from '../event-bus.ts'
import { Inbox, type Incoming } from '../inbox.ts'
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from './connection.ts'
import type { NatsBusSettings } from './options.ts'
import { streamOf, subjectsOf } from './streams.ts'

/** For how long the server keeps a request for messages, in milliseconds; a request that was lost costs as much. */
const REQUEST_MS = 5_000

/** The longest pause before an event whose handler threw comes again, in milliseconds. */
const MAX_RETRY_MS = 60_000

/** JetStream's code for a consumer that does not exist. */
const CONSUMER_NOT_FOUND = 10_014

export interface ReceiverOptions {
  readonly type: BusEventType
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  readonly settings: NatsBusSettings
}

/** Asks for the events of one type, as many as there is room for, and hands them to an inbox. */
export class Receiver {
  readonly inbox: Inbox
  readonly #options: ReceiverOptions
  readonly #stopped = new AbortController()
  readonly #over: Promise<void>
  #request: ConsumerMessages | undefined
  #failures = 0

  constructor(options: ReceiverOptions) {
    const { type, settings } = options
    const { concurrency, inOrder, ackWaitMs, retryMs } = settings
    this.#options = options
    this.inbox = new Inbox({
      type,
      concurrency,
      inOrder,
      keepEveryMs: ackWaitMs / 3,
      retryMs,
      maxRetryMs: Math.max(MAX_RETRY_MS, retryMs),
    })
    this.#over = this.#run()
  }

  /** Asks for no more; resolves when what was in hand is over. */
  async close(): Promise<void> {
    this.#stopped.abort()
    this.#request?.stop()
    await Promise.all([this.inbox.close(), this.#over])
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      try {
        const consumer = await this.#consumer()
        while (!signal.aborted) await this.#receive(consumer)
      } catch (thrown) {
        if (signal.aborted) return
        await this.#pause(thrown)
      }
    }
  }

  /** The durable consumer that all processes of the name share; made where it is not there. */
  async #consumer(): Promise<Consumer> {
    const { type, nc, jsm, settings } = this.#options
    const stream = streamOf(type, settings)
    const name = `${settings.consumer}-${type.replaceAll('.', '-')}`
    const wanted = {
      filter_subject: subjectsOf(type, settings),
      ack_wait: nanos(settings.ackWaitMs),
      // An event is never given up, and each process says for itself how many it takes.
      max_deliver: -1,
      max_ack_pending: -1,
    }
    const found = await findConsumer(jsm, stream, name)
    // One that fits is left alone: others are at work with it.
    if (!fits(found, wanted)) {
      await jsm.consumers.add(stream, {
        ...wanted,
        durable_name: name,
        deliver_policy: DeliverPolicy.All,
        replay_policy: ReplayPolicy.Instant,
        ack_policy: AckPolicy.Explicit,
      })
    }
    return jetstream(nc).consumers.get(stream, name)
  }

  async #receive(consumer: Consumer): Promise<void> {
    const { inbox } = this
    await inbox.waitForRoom()
    if (this.#stopped.signal.aborted) return
    const request = await consumer.fetch({ max_messages: inbox.room, expires: REQUEST_MS })
    this.#request = request
    // Stopped while it was made.
    if (this.#stopped.signal.aborted) request.stop()
    for await (const message of request) {
      this.#failures = 0
      inbox.take(incoming(message))
    }
  }

  async #pause(thrown: unknown): Promise<void> {
    const { type, settings } = this.#options
    this.#failures += 1
    // A request that went unanswered once is nothing to speak of.
    if (this.#failures === 3) {
      process.emitWarning(
        `events of type "${type}" cannot be taken from NATS at present, and it is tried again: ${errorRecord(thrown).message}; all processes that take them have to have the same consumer, which here is "${settings.consumer}"`,
        'MusterWarning',
      )
    }
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 30), LONGEST_PAUSE_MS)
    await sleep(pauseMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined)
  }
}

async function findConsumer(
  jsm: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerConfig | null> {
  try {
    return (await jsm.consumers.info(stream, name)).config
  } catch (thrown) {
    if (thrown instanceof JetStreamApiError && thrown.code === CONSUMER_NOT_FOUND) return null
    throw thrown
  }
}

const fits = (found: ConsumerConfig | null, wanted: Partial<ConsumerConfig>): boolean =>
  found !== null &&
  (Object.keys(wanted) as (keyof ConsumerConfig)[]).every((key) => found[key] === wanted[key])

const incoming = (message: JsMsg): Incoming => ({
  bytes: message.data,
  attempt: message.info.deliveryCount,
  acknowledge: () => message.ack(),
  giveBack: (delayMs) => message.nak(delayMs),
  // Without a reason: servers before 2.10 know none, and would pass over it.
  refuse: () => message.term(),
  keep: () => message.working(),
})

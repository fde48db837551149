import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorRecord, InvalidInputError, MusterError } from '../../domain/errors.ts'
import { newId } from '../../domain/identity.ts'
import type { BusEvents, BusEventType, BusHandler, EventBus, PublishOptions } from '../event-bus.ts'
import { Gate } from '../gate.ts'
import { encode, sessionIdOf, WIRE_VERSION } from '../wire.ts'
import { connectForEver, connectOnce } from './connection.ts'
import { parseNatsBusOptions, type NatsBusOptions, type NatsBusSettings } from './options.ts'
import { Publisher } from './publisher.ts'
import { Receiver } from './receiver.ts'
import { countPending, ensureStreams, subjectOf } from './streams.ts'

/** An event bus between processes, on NATS JetStream. */
export interface NatsBus extends EventBus, AsyncDisposable {
  readonly isDurable: true
  /** Hands over what is under way, waits for handlers that are at work, gives the rest back, and disconnects. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Connects to NATS and makes the streams, unless they are there: a work queue
 * for tasks, reports and rules, which keeps each until it is acknowledged; and
 * one for sessions' events, which keeps them for a time. A server that goes
 * away later is waited for, without end.
 *
 * @throws InvalidInputError (INVALID_OPTIONS) for options that cannot be used,
 * and where no server answers, it has no JetStream, or a stream is another's
 */
export async function createNatsBus(options: NatsBusOptions): Promise<NatsBus> {
  const settings = parseNatsBusOptions(options)
  const nc = await reachable(settings, () => connectForEver(settings))
  try {
    const jsm = await reachable(settings, () => jetstreamManager(nc))
    await reachable(settings, () => ensureStreams(jsm, settings))
    return new JetStreamBus(nc, jsm, settings)
  } catch (thrown) {
    await nc.close()
    throw thrown
  }
}

async function reachable<T>({ servers }: NatsBusSettings, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (thrown) {
    if (thrown instanceof MusterError) throw thrown
    throw new InvalidInputError('INVALID_OPTIONS', [
      `servers: ${servers.join(', ')} cannot be used (${errorRecord(thrown).message}): expected a NATS server that runs, with JetStream (nats-server -js)`,
    ])
  }
}

class JetStreamBus implements NatsBus {
  readonly isDurable = true
  readonly #nc: NatsConnection
  readonly #jsm: JetStreamManager
  readonly #settings: NatsBusSettings
  readonly #publisher: Publisher
  readonly #gate: Gate
  readonly #receivers = new Map<BusEventType, Receiver>()
  /** Receivers that nobody needs any more, and that still have something in hand. */
  readonly #leaving = new Set<Promise<void>>()
  readonly #closing = new AbortController()
  #closed: Promise<void> | undefined

  constructor(nc: NatsConnection, jsm: JetStreamManager, settings: NatsBusSettings) {
    this.#nc = nc
    this.#jsm = jsm
    this.#settings = settings
    this.#publisher = new Publisher(() => connectOnce(settings))
    this.#gate = new Gate({
      limit: settings.maxPending,
      behind: () => countPending(jsm, settings),
      closed: this.#closing.signal,
    })
  }

  async publish<T extends BusEventType>(
    type: T,
    data: BusEvents[T],
    { id = newId(), sessionId = sessionIdOf(data) ?? undefined, signal }: PublishOptions = {},
  ): Promise<void> {
    const at = new Date(this.#settings.clock.now())
    const envelope = { v: WIRE_VERSION, id, type, sessionId: sessionId ?? null, at, data } as const
    const subject = subjectOf(envelope, this.#settings)
    const message = { subject, id, payload: encode(envelope) }
    const send = () => this.#publisher.publish(message, signal)
    await (type === 'task.created' ? this.#gate.pass(send, signal) : send())
  }

  subscribe<T extends BusEventType>(type: T, handler: BusHandler<T>): () => void {
    if (this.#closing.signal.aborted) throw closedError()
    const receiver = this.#receivers.get(type) ?? this.#open(type)
    const remove = receiver.inbox.add(handler as BusHandler<never>)
    return () => {
      remove()
      if (receiver.inbox.isEmpty) this.#leave(type, receiver)
    }
  }

  hasSubscribers(): boolean {
    return true
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(type: BusEventType): Receiver {
    const made = new Receiver({ type, nc: this.#nc, jsm: this.#jsm, settings: this.#settings })
    this.#receivers.set(type, made)
    return made
  }

  #leave(type: BusEventType, receiver: Receiver): void {
    if (this.#receivers.get(type) === receiver) this.#receivers.delete(type)
    const leaving = receiver.close().finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
  }

  async #close(): Promise<void> {
    const { drainMs } = this.#settings
    this.#closing.abort(closedError())
    // What is handled may report: the publisher closes after the receivers.
    for (const [type, receiver] of this.#receivers) this.#leave(type, receiver)
    const late = new AbortController()
    await Promise.race([
      Promise.all(this.#leaving),
      sleep(drainMs, undefined, { signal: late.signal }).catch(() => undefined),
    ])
    late.abort()
    await this.#publisher.close(drainMs)
    await this.#disconnect(drainMs)
  }

  /** With the acknowledgements that are on their way, if the server is there. */
  async #disconnect(drainMs: number): Promise<void> {
    const late = new AbortController()
    await Promise.race([
      this.#nc.flush().catch(() => undefined),
      sleep(drainMs, undefined, { signal: late.signal }).catch(() => undefined),
    ])
    late.abort()
    await this.#nc.close()
  }
}

const closedError = () =>
  new MusterError('CLOSED', 'the event bus is closed: make a new one', { retryable: true })

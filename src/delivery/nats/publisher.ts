import { setTimeout as sleep } from 'node:timers/promises'
import { jetstream, type JetStreamClient } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { errorRecord, MusterError } from '../../domain/errors.ts'
import { Changes } from '../changes.ts'
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from './connection.ts'

/** How many may be on their way at once: enough to keep a broker busy that is some milliseconds away. */
const WINDOW = 1_000

/** For how long an acknowledgement may take, in milliseconds; then it is asked for again. */
const ACK_TIMEOUT_MS = 5_000

/** What headers may take of a message's greatest size, in bytes. */
const HEADROOM = 1_024

export interface Message {
  readonly subject: string
  /** The broker takes messages of one id once. */
  readonly id: string
  readonly payload: Uint8Array
}

interface Entry extends Message {
  readonly done: PromiseWithResolvers<void>
}

interface Link {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
}

/**
 * Publishes messages in order, many at a time, and again until the broker has
 * acknowledged each.
 *
 * It has a connection of its own, and gives it up at the first failure: a
 * server takes what comes over one connection in order, so that what it has is
 * the beginning of what was sent. All the rest is then sent again in order over
 * the next. A connection that reconnects by itself would send what is new
 * before it is known that something before it was lost.
 */
export class Publisher {
  readonly #connect: () => Promise<NatsConnection>
  /** Not sent over this connection. */
  #waiting = new Set<Entry>()
  /** Sent, and not acknowledged. */
  readonly #sent = new Set<Entry>()
  readonly #changes = new Changes()
  #link: Link | undefined
  #isConnecting = false
  #failures = 0
  #isClosed = false
  readonly #abort = new AbortController()

  constructor(connect: () => Promise<NatsConnection>) {
    this.#connect = connect
  }

  /**
   * Resolves when the broker has the message. @throws the signal's reason when
   * it aborts before, CLOSED when the publisher is closed before, NOT_SUPPORTED
   * when the message is larger than the broker takes
   */
  async publish(message: Message, signal?: AbortSignal): Promise<void> {
    if (this.#isClosed) throw closedError()
    signal?.throwIfAborted()
    const entry: Entry = { ...message, done: Promise.withResolvers() }
    const giveUp = () => this.#settle(entry, signal?.reason)
    signal?.addEventListener('abort', giveUp)
    this.#waiting.add(entry)
    this.#pump()
    try {
      await entry.done.promise
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
  }

  /** Waits for what is on its way, so many milliseconds at most, and gives up the rest. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true
    const late = sleep(drainMs, true, { signal: this.#abort.signal, ref: true }).catch(() => true)
    while (this.#waiting.size + this.#sent.size > 0) {
      if ((await Promise.race([late, this.#changes.next()])) === true) break
    }
    this.#abort.abort()
    for (const entry of [...this.#sent, ...this.#waiting]) this.#settle(entry, closedError())
    await this.#link?.nc.close()
    this.#link = undefined
  }

  #pump(): void {
    if (this.#link === undefined) {
      if (this.#waiting.size > 0) void this.#open()
      return
    }
    for (const entry of this.#waiting) {
      if (this.#sent.size >= WINDOW) return
      this.#send(this.#link, entry)
    }
  }

  #send(link: Link, entry: Entry): void {
    this.#waiting.delete(entry)
    const limit = (link.nc.info?.max_payload ?? Infinity) - HEADROOM
    if (entry.payload.length > limit) return this.#settle(entry, tooLarge(entry, limit))
    this.#sent.add(entry)
    void this.#deliver(link, entry)
  }

  async #deliver(link: Link, entry: Entry): Promise<void> {
    const { subject, id, payload } = entry
    try {
      await link.js.publish(subject, payload, { msgID: id, timeout: ACK_TIMEOUT_MS })
    } catch (thrown) {
      this.#lose(link, thrown)
      return
    }
    this.#failures = 0
    this.#settle(entry)
    this.#pump()
  }

  #settle(entry: Entry, reason?: unknown): void {
    this.#waiting.delete(entry)
    this.#sent.delete(entry)
    if (reason === undefined) entry.done.resolve()
    else entry.done.reject(reason)
    this.#changes.notify()
  }

  /** Begins again with what was not acknowledged, in order. */
  #lose(link: Link, thrown: unknown): void {
    if (this.#link !== link) return
    this.#link = undefined
    this.#waiting = new Set([...this.#sent, ...this.#waiting])
    this.#sent.clear()
    void link.nc.close().catch(() => undefined)
    this.#failed(thrown)
    this.#pump()
  }

  #failed(thrown: unknown): void {
    this.#failures += 1
    if (this.#failures !== 1 || this.#waiting.size === 0 || this.#isClosed) return
    process.emitWarning(
      `NATS does not take events at present, and is tried again: ${errorRecord(thrown).message}`,
      'MusterWarning',
    )
  }

  async #open(): Promise<void> {
    if (this.#isConnecting) return
    this.#isConnecting = true
    try {
      await this.#pause()
      const nc = await this.#connect()
      const link = { nc, js: jetstream(nc) }
      this.#link = link
      // Where nothing is on its way, nothing else would notice that it is gone.
      void nc.closed().then((reason) => this.#lose(link, reason ?? new Error('connection closed')))
      if (this.#abort.signal.aborted) await nc.close()
    } catch (thrown) {
      this.#failed(thrown)
    } finally {
      this.#isConnecting = false
    }
    if (!this.#abort.signal.aborted) this.#pump()
  }

  async #pause(): Promise<void> {
    if (this.#failures === 0) return
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 30), LONGEST_PAUSE_MS)
    await sleep(pauseMs, undefined, { signal: this.#abort.signal })
  }
}

const closedError = () =>
  new MusterError('CLOSED', 'the event bus was closed before the broker had the event', {
    retryable: true,
  })

const tooLarge = ({ id, payload }: Entry, limit: number) =>
  new MusterError(
    'NOT_SUPPORTED',
    `event ${id} has ${payload.length} bytes: the server takes at most ${limit}; raise max_payload in its configuration`,
  )

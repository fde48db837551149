import { errorRecord } from '../domain/errors.ts'
import { Changes } from './changes.ts'
import type { BusEventType, BusHandler } from './event-bus.ts'
import { Lanes } from './lanes.ts'
import { decode, type Envelope } from './wire.ts'

/** One message of a broker, as it came. */
export interface Incoming {
  readonly bytes: Uint8Array
  /** How often it has come, this time included. */
  readonly attempt: number
  /** It is done with. */
  acknowledge(): void
  /** It is to come again, here or elsewhere, after so many milliseconds. */
  giveBack(delayMs: number): void
  /** It is never to come again. */
  refuse(): void
  /** It is still being worked on: the broker is not to hand it to somebody else yet. */
  keep(): void
}

export interface InboxOptions {
  readonly type: BusEventType
  /** How many messages may be here at once, in work or waiting for those before them. */
  readonly concurrency: number
  /** Whether events of one session are handled one after the other. */
  readonly inOrder: boolean
  /** How often the broker is told that a message is still being worked on. */
  readonly keepEveryMs: number
  /** Before a message that was not handled comes again; doubles from one time to the next. */
  readonly retryMs: number
  readonly maxRetryMs: number
}

/** Hands the messages of one type to this process's handlers, whichever broker they come from. */
export class Inbox {
  readonly #options: InboxOptions
  readonly #handlers = new Set<{ readonly handle: BusHandler<never> }>()
  readonly #lanes = new Lanes()
  readonly #changes = new Changes()
  #here = 0
  #isClosed = false

  constructor(options: InboxOptions) {
    this.#options = options
  }

  /** @returns how to leave it off */
  add(handle: BusHandler<never>): () => void {
    const entry = { handle }
    this.#handlers.add(entry)
    return () => this.#handlers.delete(entry)
  }

  get isEmpty(): boolean {
    return this.#handlers.size === 0
  }

  /** How many more messages may be asked for. */
  get room(): number {
    return this.#options.concurrency - this.#here
  }

  /** Resolves when there is room, or when it is closed. */
  async waitForRoom(): Promise<void> {
    while (this.room <= 0 && !this.#isClosed) await this.#changes.next()
  }

  /** What has not been begun is given back; resolves when the rest is over. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#changes.notify()
    while (this.#here > 0) await this.#changes.next()
  }

  /** Takes a message in hand, until it is acknowledged or given back. */
  take(incoming: Incoming): void {
    this.#here += 1
    const keeping = setInterval(() => incoming.keep(), this.#options.keepEveryMs)
    void this.#handle(incoming).finally(() => {
      clearInterval(keeping)
      this.#here -= 1
      this.#changes.notify()
    })
  }

  async #handle(incoming: Incoming): Promise<void> {
    const envelope = this.#read(incoming)
    if (envelope === null) return
    const key = this.#options.inOrder ? (envelope.sessionId ?? envelope.id) : envelope.id
    try {
      await this.#lanes.run(key, async () => {
        if (this.#isClosed || this.isEmpty) return incoming.giveBack(0)
        await this.#dispatch(envelope)
        incoming.acknowledge()
      })
    } catch (thrown) {
      incoming.giveBack(this.#delay(incoming))
      this.#warn(
        `a handler of "${this.#options.type}" threw, and is handed the event again`,
        thrown,
      )
    }
  }

  async #dispatch({ data }: Envelope): Promise<void> {
    await Promise.all([...this.#handlers].map(async ({ handle }) => handle(data as never)))
  }

  #read(incoming: Incoming): Envelope | null {
    try {
      return decode(incoming.bytes)
    } catch (thrown) {
      // A newer version is for a newer process; what is no event will never be one.
      if (errorRecord(thrown).code === 'NOT_SUPPORTED') incoming.giveBack(this.#options.maxRetryMs)
      else incoming.refuse()
      this.#warn(`an event of type "${this.#options.type}" is left alone`, thrown)
      return null
    }
  }

  #delay({ attempt }: Incoming): number {
    const { retryMs, maxRetryMs } = this.#options
    return Math.min(retryMs * 2 ** Math.min(attempt - 1, 30), maxRetryMs)
  }

  #warn(what: string, thrown: unknown): void {
    process.emitWarning(`${what}: ${errorRecord(thrown).message}`, 'MusterWarning')
  }
}

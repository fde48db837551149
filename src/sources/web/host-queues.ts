import PQueue from 'p-queue'
import { MAX_TIMER_MS, type WebSettings } from './options.ts'

/** Starts a second above which several start at once: timers are no finer than a millisecond, and busy ones much coarser. */
const FINEST_RATE = 100

/**
 * How often requests may start: evenly spaced, since "10 a second" that come in
 * the second's first millisecond are what a host calls an attack.
 */
function paceOf(rate: number | undefined): { interval: number; intervalCap: number } | undefined {
  if (rate === undefined) return undefined
  const intervalCap = Math.ceil(rate / FINEST_RATE)
  return { intervalCap, interval: Math.min((intervalCap * 1000) / rate, MAX_TIMER_MS) }
}

/** A place in a host's queue; give it back when the host is done with. */
export type Release = () => void

/** One queue for each host that is being asked, and none for the others. */
export class HostQueues {
  readonly #queues = new Map<string, PQueue>()
  readonly #forgetting = new Map<string, NodeJS.Timeout>()
  readonly #concurrency: number
  readonly #pace: ReturnType<typeof paceOf>

  constructor(
    settings: Pick<WebSettings, 'maxConcurrencyPerHost' | 'maxRequestsPerSecondPerHost'>,
  ) {
    this.#concurrency = settings.maxConcurrencyPerHost
    this.#pace = paceOf(settings.maxRequestsPerSecondPerHost)
  }

  /** How many hosts are known now. */
  get size(): number {
    return this.#queues.size
  }

  /**
   * Waits for a place.
   *
   * @throws the signal's reason when it aborts first; an `AbortError` after `clear`
   */
  async enter(host: string, signal: AbortSignal): Promise<Release> {
    // p-queue would not take the request, and so never call the new queue idle.
    signal.throwIfAborted()
    return new Promise((resolve, reject) => {
      const occupy = (): Promise<void> => {
        const { promise, resolve: release } = Promise.withResolvers<void>()
        resolve(release)
        return promise
      }
      this.#queueOf(host).add(occupy, { signal }).catch(reject)
    })
  }

  /** Sends all away who wait. */
  clear(): void {
    for (const queue of this.#queues.values()) queue.clear()
    for (const timer of this.#forgetting.values()) clearTimeout(timer)
    this.#queues.clear()
    this.#forgetting.clear()
  }

  #queueOf(host: string): PQueue {
    this.#keep(host)
    const known = this.#queues.get(host)
    if (known !== undefined) return known
    const pace = this.#pace === undefined ? {} : { ...this.#pace, strict: true }
    const queue = new PQueue({ concurrency: this.#concurrency, ...pace })
    queue.addEventListener('idle', () => this.#leave(host, queue))
    this.#queues.set(host, queue)
    return queue
  }

  #keep(host: string): void {
    clearTimeout(this.#forgetting.get(host))
    this.#forgetting.delete(host)
  }

  /** An idle queue still knows when its last request started, which the next one has to keep its distance from. */
  #leave(host: string, queue: PQueue): void {
    if (this.#queues.get(host) !== queue) return
    this.#keep(host)
    if (this.#pace === undefined) this.#queues.delete(host)
    else this.#forgetting.set(host, this.#forgetLater(host))
  }

  #forgetLater(host: string): NodeJS.Timeout {
    const forget = (): void => {
      this.#queues.delete(host)
      this.#forgetting.delete(host)
    }
    return setTimeout(forget, this.#pace?.interval ?? 0).unref()
  }
}

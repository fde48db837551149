import { z } from 'zod'
import { ItemRejectedError } from '../../src/domain/errors.ts'
import { defineSource, type AnySource, type JsonValue, type Page } from '../../src/index.ts'
import { PuppetSource } from '../model/puppet-source.ts'
import type { Listings } from './listings.ts'

/** A request for one page, that the test answers when it likes, also after it was given up. */
export interface Request {
  readonly list: string
  readonly number: number
  readonly signal: AbortSignal
  readonly isDead: () => boolean
  readonly answer: PromiseWithResolvers<unknown>
}

/** A list of this name is read by a client that hears no signal: a request that is given up goes on. */
export const DEAF = 'deaf'

/** The source as one process has it; all of them read the same listings. */
export class ListedSource extends PuppetSource {
  readonly #listings: Listings
  readonly #unanswered: Request[] = []
  /** Told of each request when it is made. */
  onAsk: (list: string) => void = () => undefined

  constructor(listings: Listings) {
    super()
    this.#listings = listings
  }

  override sourceFor(isDead: () => boolean): AnySource {
    return defineSource<{ list: string }, JsonValue>({
      type: 'puppet',
      comparable: true,
      spec: z.strictObject({ list: z.string() }),
      identify: (item) => {
        if (typeof item !== 'string') throw new TypeError('the item is no text')
        if (!this.#listings.isGood(item)) throw new ItemRejectedError(`"${item}" is bad`)
        const identity = { key: item, uri: `puppet://${item}`, name: item }
        return this.#listings.isLeftOut(item) ? { ...identity, skipped: 'unwanted' } : identity
      },
      enumerate: ({ list }, cursor, { signal }) => this.#read({ list, signal, isDead }, cursor),
    })
  }

  /** Requests that somebody still waits for. */
  get open(): readonly Request[] {
    return this.#unanswered.filter(({ signal, isDead }) => !signal.aborted && !isDead())
  }

  /** Requests that were given up and never answered. */
  get givenUp(): readonly Request[] {
    return this.#unanswered.filter(({ signal, isDead }) => signal.aborted && !isDead())
  }

  /** Answers with what may or may not be a page; null is the end of the listing. */
  give(request: Request, answer: unknown): void {
    this.#taken(request).answer.resolve(answer)
  }

  /** The same, where it may have been given up meanwhile, and its process be gone. */
  giveLate(request: Request, answer: unknown): void {
    if (this.#unanswered.includes(request)) this.give(request, answer)
  }

  refuse(request: Request, error: unknown): void {
    this.#taken(request).answer.reject(error)
  }

  #taken(request: Request): Request {
    this.#unanswered.splice(this.#unanswered.indexOf(request), 1)
    return request
  }

  async *#read(asker: Pick<Request, 'list' | 'signal' | 'isDead'>, cursor: JsonValue | undefined) {
    for (let number = Number(cursor ?? 0) + 1; ; number += 1) {
      const page = await this.#ask({ ...asker, number, answer: Promise.withResolvers() })
      if (page === null) return
      yield page as Page<JsonValue>
    }
  }

  #ask(request: Request): Promise<unknown> {
    const { answer, signal, list } = request
    this.#unanswered.push(request)
    this.onAsk(list)
    // Whoever gave it up does not look at the answer any more.
    answer.promise.catch(() => undefined)
    if (list !== DEAF) {
      signal.addEventListener('abort', () => answer.reject(signal.reason), { once: true })
    }
    return answer.promise
  }
}

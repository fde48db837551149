import { z } from 'zod'
import { ItemRejectedError } from '../../src/domain/errors.ts'
import { defineSource, type AnySource, type JsonValue, type Page } from '../../src/index.ts'
import { until } from './until.ts'

/** A request that a walk has made, and that the test answers. */
interface Request {
  readonly list: string
  readonly signal: AbortSignal
  readonly isDead: () => boolean
  readonly answer: PromiseWithResolvers<Omit<Page<string>, 'cursor'> | null>
}

/**
 * A source whose every request waits for the test: it can be given a page, told
 * that there is no more, made to throw, or left without an answer. Its cursor
 * is the number of the page.
 */
export class PuppetSource {
  readonly #requests: Request[] = []
  /** Whether items that begin with "bad" are taken after all. */
  mended = false

  /** The source as one process has it; what that process asked for counts for nothing once it is dead. */
  sourceFor(isDead: () => boolean): AnySource {
    return defineSource<{ list: string }, string>({
      type: 'puppet',
      comparable: true,
      spec: z.strictObject({ list: z.string() }),
      identify: (item) => {
        if (item.startsWith('bad') && !this.mended) throw new ItemRejectedError(`"${item}" is bad`)
        const identity = { key: item, uri: `puppet://${item}`, name: item }
        return item.startsWith('skip') ? { ...identity, skipped: 'unwanted' } : identity
      },
      enumerate: ({ list }, cursor, { signal }) => this.#pages({ list, signal, isDead }, cursor),
    })
  }

  /** The target spec of one of its lists. */
  target(list: string) {
    return { name: list, sourceType: 'puppet', puppet: { list } }
  }

  /** Whether a request of the list waits for an answer. */
  isAsked(list: string): boolean {
    return this.#open(list) !== undefined
  }

  /** Answers the list's request with a page; `extra` may hold shortfalls and a total. */
  page(list: string, items: readonly string[], extra: Partial<Page<string>> = {}): Promise<void> {
    return this.#answer(list, ({ answer }) => answer.resolve({ items, ...extra }))
  }

  end(list: string): Promise<void> {
    return this.#answer(list, ({ answer }) => answer.resolve(null))
  }

  throws(list: string, error: unknown): Promise<void> {
    return this.#answer(list, ({ answer }) => answer.reject(error))
  }

  #open(list: string): Request | undefined {
    return this.#requests.find(
      (request) => request.list === list && !request.signal.aborted && !request.isDead(),
    )
  }

  async #answer(list: string, give: (request: Request) => void): Promise<void> {
    await until(`"${list}" is asked for`, () => this.isAsked(list))
    const request = this.#open(list) as Request
    this.#requests.splice(this.#requests.indexOf(request), 1)
    give(request)
  }

  async *#pages(asker: Omit<Request, 'answer'>, cursor: JsonValue | undefined) {
    for (let number = Number(cursor ?? 0) + 1; ; number += 1) {
      const answer = Promise.withResolvers<Omit<Page<string>, 'cursor'> | null>()
      this.#requests.push({ ...asker, answer })
      const page = await answer.promise
      if (page === null) return
      yield { ...page, cursor: number }
    }
  }
}

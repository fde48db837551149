import { SourceError } from '../../domain/errors.ts'
import type { S3Item } from './item.ts'
import type { Listed, Lister } from './listing.ts'
import { compareKeys, type KeyRange, middleOf } from './order.ts'

/** The server lists from the beginning, wherever it was told to. */
export class IgnoresStartAfter extends Error {}

/** The server's keys are in another order than that of their bytes: a key says nothing of where the listing stands. */
export class Unordered extends Error {}

/** Pages that a range is listed for before its rest is worth halving. */
const PAGES_BEFORE_SPLIT = 2

/** Halves in a row that turned out empty before a range is let be for a while. */
const MOST_FUTILE = 12

/** Pages without a key, one behind the other, that are believed. */
export const MOST_EMPTY = 1_000

/** Ranges that a checkpoint may hold; far more than there are requests for. */
export const MOST_RANGES = 500

/** What came of a page. */
export interface RangePage {
  readonly items: readonly S3Item[]
  /** What is still to be listed once this page is kept. */
  readonly ranges: readonly KeyRange[]
  /** Whether some of it may have been on a page before. */
  readonly again: boolean
}

export interface RangesOptions {
  readonly lister: Lister
  /** For messages. */
  readonly where: string
  /** What all keys begin with. */
  readonly prefix: string
  readonly ranges: readonly KeyRange[]
  /** Whether this goes on with a listing that was broken off. */
  readonly resumed: boolean
  /** Requests that may be out at present. */
  limit(): number
  /** Keys at which a listing that turns out to be long is best cut; asked for once, after its first page. */
  boundaries(): Promise<readonly string[]>
}

/** A range that is being listed. */
interface Shard {
  /** Everything up to it is listed. */
  after: string
  /** The last key met: of that one there may be more versions to come. */
  met: string
  until: string | null
  next: string | undefined
  /** Resolves when there is an answer or an error; it never rejects. */
  request: Promise<void> | undefined
  answer: Listed | undefined
  error: unknown
  isSettled: boolean
  /** Since it was made or last halved. */
  pages: number
  futile: number
  empty: number
  /** Whether any key of it was met. */
  isMet: boolean
  again: boolean
}

/**
 * Lists ranges of keys, several at once. Together they are what is left of the
 * bucket, without a gap, wherever they are cut: so a cut needs no knowledge of
 * the keys, and one in a bad place costs a request and nothing else. Whoever
 * has nothing to do halves what is left of a range that has gone on for long.
 *
 * Every request is for the whole prefix, from a key on: nothing outside of the
 * prefix is asked for, and nothing within it that might be closed to whoever
 * may list the whole.
 */
export class RangeWalk {
  readonly #options: RangesOptions
  #shards: Shard[]
  #isCut: boolean

  constructor(options: RangesOptions) {
    this.#options = options
    const again = options.resumed && options.lister.repeats
    this.#shards = options.ranges.map((range) => shardOf(range, again))
    this.#isCut = options.resumed
  }

  /**
   * @throws IgnoresStartAfter and Unordered, with `ranges` as they were; what
   *   the lister throws
   */
  async *pages(): AsyncGenerator<RangePage, void, undefined> {
    while (this.#shards.length > 0) {
      this.#fill()
      const shard = await this.#settled()
      const { again } = shard
      const items = this.#take(shard)
      if (!this.#isCut) await this.#cut()
      // The next requests travel while this page is kept.
      this.#fill()
      if (items.length > 0) yield { items, ranges: this.ranges, again }
    }
  }

  /** What is still to be listed, in the order of the keys. */
  get ranges(): readonly KeyRange[] {
    return this.#shards
      .map(({ after, until }) => ({ after, until }))
      .toSorted((one, other) => compareKeys(one.after, other.after))
  }

  /** Sends requests as long as there may be more of them. */
  #fill(): void {
    const limit = this.#options.limit()
    // What has come and is not taken counts: whoever keeps the pages more slowly than they come must not gather them.
    let out = this.#shards.filter(({ request }) => request !== undefined).length
    for (; out < limit; out += 1) {
      const shard = this.#shards.find(({ request }) => request === undefined) ?? this.#split()
      if (shard === undefined) return
      this.#send(shard)
    }
  }

  #send(shard: Shard): void {
    shard.isSettled = false
    shard.request = this.#ask(shard)
  }

  async #ask(shard: Shard): Promise<void> {
    try {
      shard.answer = await this.#options.lister.list({ after: shard.after, next: shard.next })
    } catch (thrown) {
      shard.error = thrown
    }
    shard.isSettled = true
  }

  /** The first one that has its answer; one with an error before any other. */
  async #settled(): Promise<Shard> {
    await Promise.race(this.#shards.map(({ request }) => request).filter((r) => r !== undefined))
    const settled = this.#shards.filter(({ isSettled, request }) => isSettled && request)
    const failed = settled.find(({ error }) => error !== undefined)
    if (failed !== undefined) throw failed.error
    return settled[0] as Shard
  }

  /** Takes over what a shard's request brought. @returns what of it lies in the shard */
  #take(shard: Shard): readonly S3Item[] {
    const listed = shard.answer as Listed
    shard.request = undefined
    shard.answer = undefined
    this.#check(shard, listed)
    const { after, until } = shard
    const isBeyond = (key: string) => until !== null && compareKeys(key, until) > 0
    // Ceph begins with the versions of the key that it was told to begin behind (seen of 16.2); nothing is left of that.
    const items = listed.items.filter(({ key }) => key !== after && !isBeyond(key))
    shard.pages += 1
    shard.met = items.at(-1)?.key ?? shard.met
    shard.isMet ||= items.length > 0
    shard.empty = listed.items.length === 0 ? shard.empty + 1 : 0
    const last = listed.items.at(-1)
    if (!listed.truncated || (last !== undefined && isBeyond(last.key))) this.#end(shard)
    else this.#goOn(shard, listed)
    return items
  }

  /** Refuses what is not in order: beyond it, nobody could say what was listed. */
  #check(shard: Shard, { items }: Listed): void {
    const { repeats } = this.#options.lister
    let last = shard.after
    for (const [at, { key }] of items.entries()) {
      const order = compareKeys(key, last)
      if (order < 0 || (order === 0 && !repeats)) {
        throw at === 0 && shard.next === undefined ? new IgnoresStartAfter() : new Unordered()
      }
      last = key
    }
  }

  #goOn(shard: Shard, { items, next, completeUpTo }: Listed): void {
    const { where } = this.#options
    const moved = completeUpTo !== undefined && completeUpTo !== shard.after
    const isNew = next !== undefined && next !== shard.next
    if ((!isNew && !moved) || shard.empty > MOST_EMPTY) {
      const fault = isNew ? `${MOST_EMPTY} pages without a key` : 'no new place to go on from'
      throw new SourceError(
        'SOURCE_MALFORMED',
        `${where}: S3 gave ${fault}, though there is more`,
        {
          retryable: true,
        },
      )
    }
    shard.after = completeUpTo ?? shard.after
    if (moved) shard.again = false
    // A token that was given before would lead round in a circle: the last key leads on.
    shard.again ||= !isNew && this.#options.lister.repeats && items.length > 0
    shard.next = isNew ? next : undefined
  }

  #end(shard: Shard): void {
    this.#shards = this.#shards.filter((other) => other !== shard)
    if (shard.isMet) return
    // Its half had nothing: what is left of the other may be halved at once.
    const before = this.#shards.find(({ until }) => until === shard.after)
    if (before === undefined) return
    before.futile += 1
    before.pages = before.futile < MOST_FUTILE ? Math.max(before.pages, PAGES_BEFORE_SPLIT) : 0
  }

  /** Halves what is left of the range that has gone on for longest. */
  #split(): Shard | undefined {
    if (this.#shards.length >= MOST_RANGES) return undefined
    const longest = this.#shards
      .filter(({ pages }) => pages >= PAGES_BEFORE_SPLIT)
      .toSorted((one, other) => other.pages - one.pages)
    for (const shard of longest) {
      shard.pages = 0
      // Behind what was met, or the versions of a key that is half listed would be begun anew.
      const middle = middleOf({ after: shard.met, until: shard.until }, this.#options.prefix)
      if (middle === undefined) continue
      if (shard.futile >= MOST_FUTILE) shard.futile = 0
      return this.#divide(shard, middle)
    }
    return undefined
  }

  #divide(shard: Shard, at: string): Shard {
    const half = shardOf({ after: at, until: shard.until }, false)
    shard.until = at
    this.#shards.push(half)
    return half
  }

  /** Cuts a listing that goes on after its first page. */
  async #cut(): Promise<void> {
    this.#isCut = true
    const [only] = this.#shards
    if (only === undefined || this.#options.limit() === 1) return
    const found = await this.#options.boundaries()
    const { met, until } = only
    const within = found.filter(
      (key) => compareKeys(key, met) > 0 && (until === null || compareKeys(key, until) < 0),
    )
    for (const key of within.toSorted(compareKeys).toReversed()) this.#divide(only, key)
  }
}

const shardOf = ({ after, until }: KeyRange, again: boolean): Shard => ({
  after,
  met: after,
  until,
  next: undefined,
  request: undefined,
  answer: undefined,
  error: undefined,
  isSettled: false,
  pages: 0,
  futile: 0,
  empty: 0,
  isMet: false,
  again,
})

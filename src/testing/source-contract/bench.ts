import assert from 'node:assert/strict'
import { unauthenticated, type TaskCredentials } from '../../domain/credentials.ts'
import type { JsonValue } from '../../domain/json.ts'
import type { AnySource, EnumerateContext, Identity, Page } from '../../sources/source.ts'
import { ContractError } from '../contract-case.ts'
import { atOnce, tried } from './identify.ts'
import { Listing } from './listing.ts'
import type { SourceContractOptions } from './options.ts'
import { Waits } from './waits.ts'

/** A source, or what makes a new one, as a new process would have it. */
export type SourceOrFactory = AnySource | (() => AnySource)

/** How a listing is begun. */
export interface Begin {
  readonly cursor?: JsonValue | undefined
  readonly signal?: AbortSignal
  readonly credentials?: TaskCredentials | undefined
  /** Default: the parsed spec. */
  readonly spec?: unknown
  /** Default: a new one, if the source is given as a function. */
  readonly source?: AnySource
}

/** A listing that does not end must not take the memory of who tries it. */
const MAX_PAGES = 1_000

/** A source with all that it takes to try it. */
export class Bench {
  readonly options: SourceContractOptions
  readonly waits: Waits
  readonly #source: SourceOrFactory

  constructor(source: SourceOrFactory, options: SourceContractOptions) {
    this.#source = source
    this.options = options
    this.waits = new Waits(this.patienceMs)
  }

  get patienceMs(): number {
    return this.options.patienceMs ?? 10_000
  }

  /** The name under which the credentials are known, where there are any. */
  get authRef(): string | null {
    return this.options.credentials === undefined ? null : 'contract'
  }

  newSource(): AnySource {
    return typeof this.#source === 'function' ? this.#source() : this.#source
  }

  /** What the schema makes of a spec; its issues, if it refuses it. */
  validate(spec: unknown) {
    const result = this.newSource().spec['~standard'].validate(spec)
    if (result instanceof Promise) {
      // An error in a schema that was tried a second time, asynchronously, ends a process that nobody told.
      result.catch(() => undefined)
      throw new ContractError(
        'the schema is asynchronous, or threw and is tried again so; neither is supported',
      )
    }
    return result
  }

  /** The parsed spec. @throws AssertionError when the schema refuses it */
  parsed(): unknown {
    const result = this.validate(this.options.spec)
    const issues = result.issues?.map(({ message }) => message).join('; ')
    assert.ok(result.issues === undefined, `the schema refuses the spec: ${issues}`)
    return result.value
  }

  context({ signal, credentials }: Begin = {}): EnumerateContext {
    const given = credentials ?? this.options.credentials ?? unauthenticated()
    return {
      signal: signal ?? new AbortController().signal,
      clock: this.waits.clock,
      authRef: this.authRef,
      credentials: async () => structuredClone(given),
      answers: { get: async () => undefined, set: async () => undefined },
    }
  }

  begin(begin: Begin = {}): Listing {
    const source = begin.source ?? this.newSource()
    const context = this.context(begin)
    const { patienceMs, waits } = this
    return new Listing({
      patienceMs,
      waits,
      signal: context.signal,
      cursor: begin.cursor,
      enumerate: (cursor) =>
        source.enumerate((begin.spec ?? this.parsed()) as never, cursor, context),
    })
  }

  /** All pages from a cursor on. */
  async pages(begin: Begin = {}): Promise<Page[]> {
    const found: Page[] = []
    const listing = this.begin(begin)
    for (let page = await listing.next(); page !== null; page = await listing.next()) {
      found.push(page)
      assert.ok(found.length <= MAX_PAGES, `the listing has more than ${MAX_PAGES} pages`)
    }
    return found
  }

  /** All items of the listing. */
  async items(): Promise<JsonValue[]> {
    return (await this.pages()).flatMap(({ items }) => items)
  }

  /** What identifies items, one after the other, under one spec. */
  identifier(spec: unknown = this.parsed()): (item: unknown) => Identity {
    const source = this.newSource()
    return (item) => atOnce(source.identify(item as never, spec as never))
  }

  /** The identities of the items that are resources. */
  identities(items: readonly JsonValue[]): Identity[] {
    const identify = this.identifier()
    return items.flatMap((item) => tried(identify, item).identity ?? [])
  }

  /** What tells items apart, by which listings are compared: the key, or the item that is no resource. */
  namesOf(pages: readonly Page[]): string[] {
    const identify = this.identifier()
    const nameOf = (item: JsonValue): string =>
      tried(identify, item).identity?.key ?? `an item that is refused: ${JSON.stringify(item)}`
    return pages.flatMap(({ items }) => items.map(nameOf))
  }
}

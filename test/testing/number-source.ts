/** A source that keeps every promise, in parts that a test can change. */
import { z } from 'zod'
import { githubCredentials } from '../../src/domain/credentials.ts'
import { ItemRejectedError } from '../../src/domain/errors.ts'
import type { JsonValue } from '../../src/domain/json.ts'
import type { AnySource, EnumerateContext, Identity, Page } from '../../src/sources/source.ts'
import type { SourceContractOptions } from '../../src/testing/index.ts'

export const SECRET = 'a secret/of the+tests?'
export const OPTIONS: SourceContractOptions = {
  spec: { count: 8 },
  expected: Array.from({ length: 8 }, (_, i) => `number ${i}`),
  credentials: githubCredentials(SECRET),
  invalidSpecs: [{}, { count: 'eight' }, { count: 8, also: 1 }],
}

export interface Spec {
  count: number
}
export type Item = { id: number; tags: string[] }

export const PAGE_SIZE = 3
export const schema = z.strictObject({ count: z.int() })
export const itemSchema = z.strictObject({ id: z.int(), tags: z.array(z.string()) })

export const itemsFrom = ({ count }: Spec, from: number): Item[] =>
  Array.from({ length: Math.min(PAGE_SIZE, count - from) }, (_, i) => ({
    id: from + i,
    tags: ['number'],
  }))

export const pageFrom = (spec: Spec, from: number): Page<Item> => ({
  items: itemsFrom(spec, from),
  cursor: from + PAGE_SIZE,
  total: spec.count,
})

export interface Parts {
  type: string
  comparable?: boolean
  spec: unknown
  identify(item: Item, spec: Spec): Identity
  enumerate(
    spec: Spec,
    cursor: JsonValue | undefined,
    context: EnumerateContext,
  ): AsyncIterable<Page>
  reload?(
    items: readonly Item[],
    spec: Spec,
    context: EnumerateContext,
  ): Promise<readonly JsonValue[]>
}

/** Numbers, three a page; it keeps every promise. */
export const good: Parts = {
  type: 'numbers',
  spec: schema,
  identify(item) {
    const parsed = itemSchema.safeParse(item)
    if (!parsed.success) throw new ItemRejectedError('no number')
    const name = `number ${parsed.data.id}`
    return { key: name, uri: `numbers://${parsed.data.id}`, name, metadata: { tags: item.tags } }
  },
  async *enumerate(spec, cursor, { signal }) {
    for (let from = Number(cursor ?? 0); from < spec.count; from += PAGE_SIZE) {
      await Promise.resolve()
      signal.throwIfAborted()
      yield pageFrom(spec, from)
    }
  },
}

/** Changes each page of the good listing. */
export const withPages = (
  change: (page: Page<Item>, number: number) => unknown,
): Partial<Parts> => ({
  async *enumerate(spec, cursor, context) {
    let number = Number(cursor ?? 0) / PAGE_SIZE
    for await (const page of good.enumerate(spec, cursor, context)) {
      yield change(page as Page<Item>, (number += 1)) as Page
    }
  },
})

/** Changes each identity. */
export const withIdentity = (
  change: (identity: Identity, item: Item) => unknown,
): Partial<Parts> => ({
  identify: (item, spec) => change(good.identify(item, spec), item) as Identity,
})

export const sourceOf = (parts: Partial<Parts>): AnySource => ({ ...good, ...parts }) as AnySource

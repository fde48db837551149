import { z } from 'zod'
import { ItemRejectedError } from '../../src/domain/errors.ts'
import type { JsonValue } from '../../src/domain/json.ts'
import { defineSource, type AnySource, type EnumerateContext, type Page } from '../../src/index.ts'

export interface Scripted {
  /** Items of the listing; one that begins with "bad" is rejected. */
  readonly items: readonly string[]
  readonly pageSize: number
  /** Called before a page is given, with its number from 1; it may throw, or wait. */
  readonly before?: (page: number, context: EnumerateContext) => void | Promise<void>
  /** Added to the page. */
  readonly page?: (page: number) => Partial<Page<string>>
}

/** Names `count` items so that their order can be read. */
export const itemsNamed = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${String(i).padStart(5, '0')}`)

/**
 * A source whose listings the test writes, by name. It is a real source: it
 * pages, resumes from its cursor, and can be told to fail at any page.
 */
export function scriptedSource(listings: Record<string, Scripted>): AnySource {
  const listing = (name: string): Scripted => {
    const found = listings[name]
    if (found === undefined) throw new Error(`the test has no listing "${name}"`)
    return found
  }
  return defineSource<{ list: string }, string>({
    type: 'scripted',
    spec: z.strictObject({ list: z.string() }),
    identify(item) {
      if (item.startsWith('bad')) throw new ItemRejectedError(`"${item}" is bad`)
      return { key: item, uri: `scripted://${item}`, name: item, metadata: { item } }
    },
    async *enumerate(spec, cursor: JsonValue | undefined, context) {
      const { items, pageSize, before, page } = listing(spec.list)
      for (let from = (cursor as number | undefined) ?? 0; from < items.length; from += pageSize) {
        const number = from / pageSize + 1
        await before?.(number, context)
        yield {
          items: items.slice(from, from + pageSize),
          cursor: from + pageSize,
          total: items.length,
          ...page?.(number),
        }
      }
    },
  })
}

/** The target spec of a scripted listing. */
export const scriptedTarget = (list: string) => ({
  name: list,
  sourceType: 'scripted',
  scripted: { list },
})

import { z } from 'zod'
import { ItemRejectedError } from '../../src/domain/errors.ts'
import type { JsonValue } from '../../src/domain/json.ts'
import { defineSource, type AnySource, type EnumerateContext, type Page } from '../../src/index.ts'

export interface Scripted {
  /**
   * Items of the listing; one that begins with "bad" is rejected, and one that
   * begins with "skip" left out. What follows an "@" is the item's version,
   * and what follows a "=" is where it is, if not where its name says; one that
   * ends in "+skip" is left out too.
   */
  readonly items: readonly string[]
  readonly pageSize: number
  /** Whether items that begin with "bad" are taken after all. */
  readonly mended?: boolean
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
    comparable: true,
    spec: z.strictObject({ list: z.string() }),
    identify(item, { list }) {
      const isBad = item.startsWith('bad') && listings[list]?.mended !== true
      if (isBad) throw new ItemRejectedError(`"${item}" is bad`)
      const [, key = '', version, at = key, skip] =
        /^([^@=+]*)(?:@([^=+]*))?(?:=([^+]*))?(\+skip)?$/s.exec(item) ?? []
      return {
        key,
        uri: `scripted://${at}`,
        name: at,
        metadata: { item },
        ...(version !== undefined && { version }),
        ...((item.startsWith('skip') || skip !== undefined) && { skipped: 'unwanted' }),
      }
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

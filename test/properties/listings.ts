import type { JsonValue, Page } from '../../src/index.ts'

export type ListedPage = Page<JsonValue> & { readonly cursor: number }

/** What is the same resource in two lists, and may be in one list twice. */
const SHARED = 'shared'

/** What one item of a page is to be. */
export type ItemKind = 'good' | 'bad' | 'broken' | 'skipped' | 'shared' | 'again'

/** What a page is to look like, before anybody knows which page it is. */
export interface PageShape {
  readonly items: readonly (readonly [kind: ItemKind, number: number])[]
  readonly isShort: boolean
  readonly saysTotal: boolean
}

/**
 * What the source lists: the truth that everything is held against. A page is
 * decided when it is first given, and is the same whenever it is asked for again.
 */
export class Listings {
  readonly #pages = new Map<string, ListedPage[]>()
  readonly #ended = new Set<string>()
  /** Whether bad items are taken after all. */
  mended = false

  pages(list: string): readonly ListedPage[] {
    return this.#pages.get(list) ?? []
  }

  /** The list's page of a number from 1; decided now, where it was not. */
  page(list: string, number: number, shape: PageShape): ListedPage | null {
    const known = this.#pages.get(list) ?? []
    this.#pages.set(list, known)
    if (number > known.length + 1) throw new Error(`page ${number} of "${list}" is asked too early`)
    if (number === known.length + 1) {
      if (this.#ended.has(list)) return null
      known.push(this.#newPage(list, number, shape))
    }
    return known[number - 1] as ListedPage
  }

  /** The listing ends behind what was decided so far; a page before that is what it is. */
  end(list: string, number: number): ListedPage | null {
    const known = this.pages(list)
    if (number <= known.length) return known[number - 1] as ListedPage
    this.#ended.add(list)
    return null
  }

  /** Whether the item is a resource at present. */
  isGood(item: JsonValue): boolean {
    return typeof item === 'string' && (this.mended || !item.startsWith('bad'))
  }

  /** Whether a filter leaves the item out. */
  isLeftOut(item: JsonValue): boolean {
    return typeof item === 'string' && item.startsWith('skip')
  }

  #newPage(list: string, number: number, { items, isShort, saysTotal }: PageShape): ListedPage {
    const before = this.pages(list).flatMap((page) => page.items)
    return {
      items: items.map(([kind, n], i): JsonValue => {
        if (kind === 'again')
          return before[n % Math.max(1, before.length)] ?? `${list}/${number}.${i}`
        if (kind === 'shared') return `${SHARED}/${n % 3}`
        if (kind === 'skipped') return `skip/${list}/${number}.${i}`
        if (kind === 'bad') return `bad/${list}/${number}.${i}`
        if (kind === 'broken') return { list, number, i }
        return `${list}/${number}.${i}`
      }),
      cursor: number,
      ...(saysTotal ? { total: number * 3 } : {}),
      ...(isShort ? { shortfalls: [{ code: 'short', detail: `page ${number % 2}` }] } : {}),
    }
  }
}

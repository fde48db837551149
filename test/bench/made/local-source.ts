import { z } from 'zod'
import { defineSource, ItemRejectedError, type AnySource } from '../../../src/index.ts'
import { identityOf, madeRepository, type MadeRepository } from './identities.ts'

const spec = z.strictObject({
  /** Sessions of one process differ by it. */
  name: z.string().optional(),
  count: z.int(),
  pageSize: z.int(),
})

/** As much as a source checks before it believes in a repository. */
const repository = z.object({ id: z.int().positive(), fullName: z.string(), url: z.string() })

export type LocalSpec = z.infer<typeof spec>

export interface LocalSourceOptions {
  /** Called before each page, with how many items lie before it; may wait. */
  readonly before?: (from: number, signal: AbortSignal) => void | Promise<void>
  /** The page that begins after so many items, as the JSON text of a service. Default: made when it is asked for. */
  readonly text?: (from: number, count: number) => string
}

/** A page of made-up repositories as JSON. */
export const madePage = (from: number, count: number): string =>
  JSON.stringify(Array.from({ length: count }, (_, index) => madeRepository(from + index)))

/** Pages that were made beforehand: making them is no part of a walk. */
export function madePages(total: number, pageSize: number): (from: number) => string {
  const pages = new Map<number, string>()
  for (let from = 0; from < total; from += pageSize) {
    pages.set(from, madePage(from, Math.min(pageSize, total - from)))
  }
  return (from) => pages.get(from) as string
}

/** A source without latency: it parses its pages from JSON and checks their items, as one with a service does. */
export function localSource({
  before = () => undefined,
  text = madePage,
}: LocalSourceOptions = {}): AnySource {
  return defineSource<LocalSpec, MadeRepository>({
    type: 'local',
    comparable: true,
    spec,
    identify(item) {
      const checked = repository.safeParse(item)
      if (!checked.success) throw new ItemRejectedError('no repository')
      return identityOf(item)
    },
    async *enumerate({ count, pageSize }, cursor, { signal }) {
      for (let from = Number(cursor ?? 0); from < count;) {
        await before(from, signal)
        signal.throwIfAborted()
        const items = JSON.parse(text(from, Math.min(pageSize, count - from))) as MadeRepository[]
        from += items.length
        yield { items, cursor: from, total: count }
      }
    },
  })
}

export const localTarget = (local: LocalSpec) => ({
  name: local.name ?? 'local',
  sourceType: 'local',
  local,
})

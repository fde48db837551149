import type { AnySource, Page } from '../sources/source.ts'

/** A source is asked for its next page; the watcher surrounds it, and changes nothing of what comes. */
export type WatchFetch = <T extends IteratorResult<Page>>(
  asked: { readonly sourceType: string; readonly spec: unknown },
  fetch: () => Promise<T>,
) => Promise<T>

export interface SourceWatch {
  readonly fetch: WatchFetch
  /** A listing is begun: pages of one before it that were not committed are dropped. */
  begun?(spec: unknown): void
}

/** The same source, watched at the one place where it is asked for pages. */
export function observedSource(source: AnySource, watch: SourceWatch): AnySource {
  const { type: sourceType, spec: schema, comparable, reload } = source
  return {
    type: sourceType,
    spec: schema,
    ...(comparable !== undefined && { comparable }),
    identify: (item, spec) => source.identify(item, spec),
    ...(reload !== undefined && {
      reload: (items, spec, context) => reload.call(source, items, spec, context),
    }),
    enumerate(spec, cursor, context) {
      const pages = source.enumerate(spec, cursor, context)[Symbol.asyncIterator]()
      watch.begun?.(spec)
      const asked = { sourceType, spec }
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => watch.fetch(asked, async () => pages.next()),
          return: async (value?: unknown) =>
            (await pages.return?.(value)) ?? { done: true, value: undefined },
        }),
      }
    },
  }
}

import { expect } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import { unauthenticated } from '../../../src/domain/credentials.ts'
import { ItemRejectedError } from '../../../src/domain/errors.ts'
import type { JsonValue } from '../../../src/domain/json.ts'
import type { EnumerateContext, Identity, Page } from '../../../src/sources/source.ts'
import { urlSource, type UrlSpec } from '../../../src/sources/url/index.ts'
import { collect } from '../collect.ts'

/** What a source is given; headers as a credential store resolves them. */
export const contextOf = (
  headers: Readonly<Record<string, string>> = {},
  signal = new AbortController().signal,
): EnumerateContext => ({
  signal,
  clock: systemClock,
  authRef: null,
  credentials: async () => unauthenticated({ headers }),
  answers: { get: async () => undefined, set: async () => undefined },
})

/** A spec as it is stored. @throws Error with the faults of one that is refused */
export function specOf(spec: Record<string, unknown>): UrlSpec {
  const result = urlSource().spec['~standard'].validate({ allowHosts: ['127.0.0.1'], ...spec })
  if (result instanceof Promise) throw new Error('asynchronous')
  if (result.issues) throw new Error(result.issues.map(({ message }) => message).join('; '))
  return result.value
}

/** All pages from a cursor on, by a source of their own, as in a process that has started anew. */
export const walk = (
  spec: Record<string, unknown>,
  cursor?: JsonValue,
  context = contextOf(),
): Promise<Page[]> => collect(urlSource().enumerate(specOf(spec), cursor, context))

/** Some pages; the listing is left then, as by a process that ends. */
export async function firstPages(
  spec: Record<string, unknown>,
  count: number,
  cursor?: JsonValue,
): Promise<Page[]> {
  const pages: Page[] = []
  for await (const page of urlSource().enumerate(specOf(spec), cursor, contextOf())) {
    pages.push(page)
    if (pages.length === count) break
  }
  return pages
}

export const itemsOf = (pages: readonly Page[]) => pages.flatMap(({ items }) => items)

export const shortfallsOf = (pages: readonly Page[]) =>
  pages.flatMap(({ shortfalls = [] }) => shortfalls)

/** What an item stands for, or why it is rejected. */
export function told(item: unknown, spec: Record<string, unknown> = { urls: ['http://a/'] }) {
  try {
    return urlSource().identify(item as never, specOf(spec))
  } catch (error) {
    if (error instanceof ItemRejectedError) return error.message
    throw error
  }
}

/** The identity of an item that is a resource. */
export function identity(item: unknown, spec?: Record<string, unknown>): Identity {
  const found = told(item, spec)
  if (typeof found === 'string') throw new Error(`it was rejected: ${found}`)
  return found
}

/** Breaks a walk off after each of its pages, and holds what both parts have against the whole. */
export async function expectResumable(
  spec: Record<string, unknown>,
  atLeast: number,
): Promise<readonly Page[]> {
  const all = await walk(spec)
  expect(all.length).toBeGreaterThanOrEqual(atLeast)
  for (const [index, { cursor }] of all.entries()) {
    const [before] = [await firstPages(spec, index + 1)]
    const stored = JSON.parse(JSON.stringify(before?.at(-1)?.cursor)) as JsonValue
    expect(stored).toEqual(cursor)
    expect(await walk(spec, stored)).toEqual(all.slice(index + 1))
  }
  return all
}

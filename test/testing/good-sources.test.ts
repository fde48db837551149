/** Sources that keep their promises in ways of their own: none must be taken for a broken one. */
import { afterEach, describe, expect, test } from 'vitest'
import { PauseError, RetryLaterError } from '../../src/domain/errors.ts'
import type { EnumerateContext } from '../../src/sources/source.ts'
import { sourceContract, type SourceContractOptions } from '../../src/testing/index.ts'
import {
  good,
  itemsFrom,
  OPTIONS,
  PAGE_SIZE,
  pageFrom,
  SECRET,
  sourceOf,
  withIdentity,
  withPages,
  type Item,
  type Parts,
  type Spec,
} from './number-source.ts'

/** Asks at one request in so many to be left alone. */
const limited =
  (every: number, until: (context: EnumerateContext) => number) => (): Partial<Parts> => {
    let requests = 0
    return {
      async *enumerate(spec, cursor, context) {
        for (let from = Number(cursor ?? 0); from < spec.count; from += PAGE_SIZE) {
          context.signal.throwIfAborted()
          requests += 1
          if (requests % every === 0) throw new RetryLaterError('slow down', until(context))
          yield pageFrom(spec, from)
        }
      },
    }
  }

/** Answers once a while has passed by a clock that is not the one it was given. */
const recovering = (ms: number) => (): Partial<Parts> => {
  let busyUntil = 0
  let requests = 0
  return {
    async *enumerate(spec, cursor, context) {
      for (let from = Number(cursor ?? 0); from < spec.count; from += PAGE_SIZE) {
        context.signal.throwIfAborted()
        requests += 1
        if (requests % 7 === 0) busyUntil = Date.now() + ms
        if (Date.now() < busyUntil) throw new RetryLaterError('slow down', busyUntil)
        yield pageFrom(spec, from)
      }
    },
  }
}

let stars = 0

/** A listing that begins anew when it is resumed; its items have changed meanwhile. */
const starred: Partial<Parts> = {
  async *enumerate(spec, _, context) {
    for await (const page of good.enumerate(spec, undefined, context)) {
      const items = (page.items as Item[]).map((item) => ({ ...item, tags: [`${(stars += 1)}`] }))
      yield { ...page, items, cursor: { at: page.cursor, stars } }
    }
  },
}

/** Lists its first item at the end as well, and counts it once. */
const twiceListed: Partial<Parts> = {
  async *enumerate(spec, cursor, context) {
    if (cursor !== 'again') yield* good.enumerate(spec, cursor, context)
    context.signal.throwIfAborted()
    if (cursor !== 'again') yield { items: itemsFrom({ count: 1 }, 0), cursor: 'again' }
  },
}

const GOOD: readonly {
  readonly what: string
  readonly source: Partial<Parts> | (() => Partial<Parts>)
  readonly options?: Partial<SourceContractOptions>
}[] = [
  {
    what: 'asks at one request in five to be left alone for a minute',
    source: limited(5, ({ clock }) => clock.now() + 60_000),
  },
  {
    what: 'asks every second time to be left alone until a time that is past',
    source: limited(2, () => 0),
  },
  { what: 'has a service with a clock of its own', source: recovering(20) },
  {
    what: 'is paused by credentials that are none of its own',
    source: {
      async *enumerate(spec, cursor, context) {
        const { type, values } = await context.credentials()
        if (type !== OPTIONS.credentials?.type || values['token'] !== SECRET) {
          throw new PauseError('AUTHENTICATION_FAILED', 'the token was refused')
        }
        yield* good.enumerate(spec, cursor, context)
      },
    },
  },
  {
    what: 'leaves out every second number, and tells versions and earlier addresses',
    source: withIdentity((identity, { id }) => ({
      ...identity,
      version: `${id}`,
      aliases: [`numbers://old/${id}`],
      ...(id % 2 === 1 && { skipped: 'odd' }),
    })),
  },
  {
    what: 'is compared, and says what it reads again',
    source: { ...withPages((page) => ({ ...page, again: true })), comparable: true },
  },
  {
    what: 'brings failed items up to date',
    source: {
      reload: async (items) =>
        items.map((item) => (item?.tags === undefined ? item : { ...item, tags: ['new'] })),
    },
  },
  {
    what: 'asks to be left alone before it brings items up to date, and minds its signal',
    source: () => {
      let asked = 0
      return {
        reload: async (items, _, { signal, clock }) => {
          asked += 1
          if (asked % 2 === 1) throw new RetryLaterError('slow down', clock.now() + 60_000)
          await Promise.resolve()
          signal.throwIfAborted()
          return items
        },
      }
    },
  },
  { what: 'gives no total', source: withPages(({ total: _, ...page }) => page) },
  { what: 'gives a total that is null', source: withPages((page) => ({ ...page, total: null })) },
  {
    what: 'lacks some of its total, and says so',
    source: withPages((page) => ({
      ...page,
      total: 11,
      shortfalls: [{ code: 'hidden', detail: 'three' }],
    })),
  },
  {
    what: 'goes on counting in the cursor of its page',
    source: {
      async *enumerate(spec, cursor, { signal }) {
        const at = { from: 0, ...(cursor as object) }
        while (at.from < spec.count) {
          signal.throwIfAborted()
          const { items } = pageFrom(spec, at.from)
          at.from += PAGE_SIZE
          yield { items, cursor: at }
        }
      },
    },
  },
  {
    what: 'refuses a cursor that it has not made',
    source: {
      async *enumerate(spec, cursor, context) {
        if (cursor !== undefined && Number(cursor) % PAGE_SIZE !== 0) throw new Error('what is it?')
        yield* good.enumerate(spec, cursor, context)
      },
    },
  },
  {
    what: 'begins anew at a cursor that it has not made',
    source: {
      enumerate: (spec, cursor, context) =>
        good.enumerate(spec, Number.isInteger(cursor) ? cursor : undefined, context),
    },
  },
  {
    what: 'lists its items again, and otherwise',
    source: starred,
    options: { mayRepeat: true },
  },
  { what: 'lists an item twice', source: twiceListed, options: { mayRepeat: true } },
]

/** Left out: what the source cannot do, by what it is. */
const CANNOT = new Map([
  // Its cursor does not lead on.
  ['lists its items again, and otherwise', /^a walk that is/],
])

describe('a source that', () => {
  for (const { what, source, options } of GOOD) {
    describe(what, () => {
      const parts = typeof source === 'function' ? source() : source
      const cases = sourceContract(sourceOf(parts), { ...OPTIONS, ...options })
      for (const { title, run } of cases) {
        if (CANNOT.get(what)?.test(title) !== true) test(title, run)
      }
    })
  }
})

describe('a source of a single page', () => {
  const single: Partial<Parts> = {
    async *enumerate(spec, cursor, { signal }) {
      signal.throwIfAborted()
      if (cursor === undefined) yield { items: numbers(spec), cursor: 'the end', total: spec.count }
    },
  }
  const numbers = ({ count }: Spec) =>
    Array.from({ length: count }, (_, id) => ({ id, tags: ['number'] }))
  const casesOf = (parts: Partial<Parts>, singlePage?: boolean) =>
    sourceContract(sourceOf(parts), {
      ...OPTIONS,
      ...(singlePage === undefined ? {} : { singlePage }),
    })

  for (const { title, run } of casesOf(single, true)) test(title, run)

  test('is told once that it could say so', async () => {
    const failed: string[] = []
    for (const { title, run } of casesOf(single)) {
      await run().catch((thrown: Error) => failed.push(`${title}: ${thrown.message}`))
    }
    expect(failed).toEqual([
      'the listing has two pages or more, and items on them: the listing has 1 page; give a spec with two or more, or say singlePage: true of a source that never has more than one',
    ])
  })

  test.each<[string, Partial<Parts>, string]>([
    ['has more of them', {}, 'the listing has 3 pages: it is no singlePage'],
    ['has none', { async *enumerate() {} }, 'the listing is empty'],
  ])('is found out when it %s', async (_, parts, message) => {
    const found = casesOf(parts, true).find(({ title }) => title.startsWith('the listing has a'))
    await expect(found?.run()).rejects.toThrow(message)
  })

  test('is spared what takes several', () => {
    const several = new Set(casesOf(single).map(({ title }) => title))
    const one = new Set(casesOf(single, true).map(({ title }) => title))
    expect([...several].filter((title) => !one.has(title))).toEqual([
      'the listing has two pages or more, and items on them',
      'a page stays as it was given while the next one is read',
      'a listing that is aborted between two pages ends',
      'a walk that is aborted after each page, and resumed, makes the same tasks',
    ])
  })
})

describe('an identity that comes later', () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  afterEach(() => process.off('unhandledRejection', note))

  test('is told in one sentence each time, and leaves nothing unhandled', async () => {
    process.on('unhandledRejection', note)
    const later: Partial<Parts> = {
      identify: (async (item: Item, spec: Spec) => good.identify(item, spec)) as never,
    }
    const messages = new Set<string>()
    for (const { run } of sourceContract(sourceOf(later), OPTIONS)) {
      await run().catch((thrown: Error) => messages.add(thrown.message))
    }
    await new Promise((resolve) => setImmediate(resolve))
    expect([...messages]).toEqual(['identify returned a promise; it has to be synchronous'])
    expect(unhandled).toEqual([])
  })
})

import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  ItemRejectedError,
  PauseError,
  RetryLaterError,
  SourceError,
} from '../../src/domain/errors.ts'
import type { JsonValue } from '../../src/domain/json.ts'
import type { AnySource, Page } from '../../src/sources/source.ts'
import { sourceContract, type SourceContractOptions } from '../../src/testing/index.ts'
import {
  good,
  itemSchema,
  itemsFrom,
  OPTIONS,
  PAGE_SIZE,
  pageFrom,
  schema,
  SECRET,
  sourceOf,
  withIdentity,
  withPages,
  type Item,
  type Parts,
  type Spec,
} from './number-source.ts'

/** A schema by hand, as careless as its author. */
const handMade = (parse: (value: unknown) => unknown) => ({
  '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => parse(value) },
})

const forever = () => new Promise<never>(() => undefined)

/** A listing that is no generator. */
const byHand = (
  iterator: (spec: Spec, cursor: JsonValue | undefined) => AsyncIterator<Page>,
): Partial<Parts> => ({
  enumerate: (spec, cursor) => ({ [Symbol.asyncIterator]: () => iterator(spec, cursor) }),
})

const DIFFERENT = /strictly deep-equal/
const RESUMED = ['resuming after any page gives exactly the rest', DIFFERENT] as const
const RESUMED_JSON = [
  'resuming from a cursor that was stored as JSON gives the same',
  DIFFERENT,
] as const
const ABORTED_WALK = [
  'a walk that is aborted after each page, and resumed, makes the same tasks',
  DIFFERENT,
] as const
const CLOSED_WALK = [
  'a walk that is closed after each page, and resumed, makes the same tasks',
  DIFFERENT,
] as const

const TOTAL = 'a total is the size of the whole listing, on every page'
const GARBAGE = 'a cursor that is garbage, or damaged, comes to an end or an error'
const SHORTFALLS = [{ code: 'hidden', detail: 'one of them' }]

interface Broken {
  readonly what: string
  /** What is broken; a function for a source that remembers something. */
  readonly source: Partial<Parts> | (() => Partial<Parts>)
  readonly options?: Partial<SourceContractOptions>
  /** The cases that have to fail, and what they have to say. */
  readonly fails: readonly (readonly [string, RegExp])[]
}

let uniqueNumber = 0

/** Asks to be left alone by a clock that cannot be moved on. */
const busyUntil = (ms: number): Partial<Parts> => ({
  async *enumerate() {
    yield* []
    throw new RetryLaterError('the service is busy', performance.timeOrigin + ms)
  },
})

const TEXTS = 'an identity is made of texts, and metadata in plain JSON'
const ONE_FOR_ONE = 'items are reloaded one for one, in their order'
const AMONG_GARBAGE = 'an item that is garbage is reloaded among others'

const BROKEN_IDENTITIES: readonly Broken[] = [
  ...Object.entries({
    'a version that is a number': { version: 7 },
    'half a character in the version': { version: 'x\ud800' },
    'a reason to skip that is no text': { skipped: true },
    'earlier addresses that are no list': { aliases: 'numbers://old' },
    'an earlier address that is no text': { aliases: [7] },
    'half a character in an earlier address': { aliases: ['x\ud800'] },
    'a password in an earlier address': { aliases: ['https://me:hunter2@h.example/1'] },
  }).map(([what, change]): Broken => ({
    what,
    source: withIdentity((identity) => ({ ...identity, ...change })),
    fails: [[TEXTS, /version|skip|earlier address/]],
  })),
  {
    what: 'a version that is the time of day',
    source: withIdentity((identity) => ({ ...identity, version: `${Date.now()}` })),
    fails: [['an item is identified the same each time', DIFFERENT]],
  },
  {
    what: 'its secret in an earlier address',
    source: withIdentity((identity) => ({ ...identity, aliases: [`numbers://${SECRET}`] })),
    fails: [['no secret is in pages, cursors and identities', /holds a secret/]],
  },
  {
    what: 'a pause that tells its secret',
    source: {
      async *enumerate(spec, cursor, context) {
        const { type, values } = await context.credentials()
        if (type !== OPTIONS.credentials?.type) {
          throw new PauseError('AUTHENTICATION_FAILED', `refused: ${JSON.stringify(values)}`)
        }
        yield* good.enumerate(spec, cursor, context)
      },
    },
    fails: [['no secret is in an error', /an error holds a secret/]],
  },
  {
    what: 'a pause though nothing is wrong',
    source: {
      async *enumerate() {
        yield* []
        throw new PauseError('CREDENTIAL_UNAVAILABLE', 'come back later')
      },
    },
    fails: [['a walk makes one task for each resource', /come back later/]],
  },
]

/** Items that come back after all, one for one; garbage as it was. */
const reloaded = (change: (items: readonly Item[]) => unknown): Partial<Parts> => ({
  reload: async (items) => change(items) as readonly JsonValue[],
})

const BROKEN_RELOADS: readonly Broken[] = [
  {
    what: 'a reload of what is left',
    source: reloaded((items) => items.slice(1)),
    fails: [
      [ONE_FOR_ONE, /8 items were reloaded, and not as many came back/],
      [AMONG_GARBAGE, /not as many came back/],
    ],
  },
  {
    what: 'a reload that gives nothing',
    source: reloaded(() => undefined),
    fails: [[ONE_FOR_ONE, /not as many came back/]],
  },
  {
    what: 'a reload in another order',
    source: reloaded((items) => items.toReversed()),
    fails: [[ONE_FOR_ONE, DIFFERENT]],
  },
  {
    what: 'a reload that is no plain JSON',
    source: reloaded((items) => items.map((item) => ({ ...item, at: new Date(0) }))),
    fails: [[ONE_FOR_ONE, /not plain JSON/]],
  },
  {
    what: 'a reload that knows good items only',
    source: {
      reload: async (items) => items.map((item) => itemSchema.parse(item)),
    },
    fails: [[AMONG_GARBAGE, /./]],
  },
  {
    what: 'a reload that leaves garbage out',
    source: reloaded((items) => items.filter((item) => itemSchema.safeParse(item).success)),
    fails: [[AMONG_GARBAGE, /not as many came back/]],
  },
  {
    what: 'a reload that changes what it is given',
    source: reloaded((items) => {
      for (const item of items) item.tags?.push('seen')
      return items
    }),
    fails: [['reloading leaves items and spec as they were', /were changed/]],
  },
  {
    what: 'a reload that is deaf to its signal',
    source: {
      reload: (items, _, { signal }) =>
        signal.aborted ? forever() : new Promise((resolve) => setTimeout(resolve, 50, items)),
    },
    options: { patienceMs: 20 },
    fails: [['a reload that is aborted ends', /nothing has come of it/]],
  },
]

const BROKEN: readonly Broken[] = [
  {
    what: 'a page that is none',
    source: withPages(() => null),
    fails: [['a page is a list of items in plain JSON', /yielded null instead of a page/]],
  },
  {
    what: 'a promise of a listing',
    source: {
      enumerate: (async (...args: Parameters<Parts['enumerate']>) =>
        good.enumerate(...args)) as never,
    },
    fails: [['a page is a list of items in plain JSON', /write it as async \*enumerate/]],
  },
  {
    what: 'a total of what is on the first page',
    source: withPages((page) => ({ ...page, total: PAGE_SIZE })),
    fails: [[TOTAL, /has a total of 3, and the whole listing has 8 items/]],
  },
  {
    what: 'a total of what is left',
    source: withPages((page) => ({ ...page, total: 8 - page.items[0]!.id })),
    fails: [[TOTAL, /has a total of 5, and the whole listing has 8 items/]],
  },
  {
    what: 'a total of more than it lists, without a word why',
    source: withPages((page) => ({ ...page, total: 9 })),
    fails: [[TOTAL, /has a total of 9/]],
  },
  {
    what: 'a total of less than it lists, and a shortfall',
    source: withPages((page) => ({ ...page, total: 7, shortfalls: SHORTFALLS })),
    fails: [[TOTAL, /has a total of 7/]],
  },
  {
    what: 'shortfalls that are no list',
    source: withPages((page) => ({ ...page, shortfalls: {} })),
    fails: [['a page is a list of items in plain JSON', /shortfalls of page 1 are no list/]],
  },
  {
    what: 'a listing without end from a cursor that is garbage',
    source: {
      async *enumerate(spec, cursor, context) {
        if (cursor === undefined || Number.isInteger(cursor)) {
          yield* good.enumerate(spec, cursor, context)
        } else for (let from = 0; ; from += 1) yield { items: [], cursor: from }
      },
    },
    fails: [[GARBAGE, /null as a cursor: the listing has not ended after 13 pages/]],
  },
  {
    what: 'a listing that hangs at a cursor that is garbage',
    source: {
      async *enumerate(spec, cursor, context) {
        if (Array.isArray(cursor)) await forever()
        yield* good.enumerate(spec, cursor, context)
      },
    },
    options: { patienceMs: 100 },
    fails: [[GARBAGE, /an empty list as a cursor: asking for a page: nothing has come of it/]],
  },
  {
    what: 'pages that are none from a cursor that is garbage',
    source: {
      async *enumerate(spec, cursor, context) {
        if (cursor === true) yield { items: cursor as never, cursor }
        else yield* good.enumerate(spec, cursor, context)
      },
    },
    fails: [[GARBAGE, /page 1 from true as a cursor has no list of items/]],
  },
  {
    what: 'a cursor that is not plain JSON from one that is garbage',
    source: {
      async *enumerate(spec, cursor, context) {
        if (cursor === 1e308) yield { items: [], cursor: cursor * 10 }
        else yield* good.enumerate(spec, cursor, context)
      },
    },
    fails: [[GARBAGE, /cursor of page 1 from a number without end as a cursor is not plain JSON/]],
  },
  {
    what: 'a listing without end from a cursor that is damaged',
    source: {
      async *enumerate(spec, cursor) {
        const { next = 0 } = (cursor ?? {}) as { next?: unknown }
        let from = cursor === undefined ? 0 : Number(next)
        // Never so for what is no number.
        for (; !(from >= spec.count); from += PAGE_SIZE) {
          const items = Number.isNaN(from) ? [] : itemsFrom(spec, from)
          yield { items, cursor: { next: Number.isNaN(from) ? null : from + PAGE_SIZE } }
        }
      },
    },
    fails: [[GARBAGE, /an empty object as next as a cursor: the listing has not ended/]],
  },
  {
    what: 'a limit that takes longer than there is patience for',
    source: busyUntil(3_600_000),
    options: { patienceMs: 300 },
    fails: [
      [
        'the listing has two pages or more, and items on them',
        /asks to be left alone for \d+ ms, by another clock .* 300 ms at most \(patienceMs\)/,
      ],
      ['a walk makes one task for each resource', /asks to be left alone for \d+ ms/],
    ],
  },
  {
    what: 'a limit without end',
    source: {
      async *enumerate(_spec, _cursor, { clock }) {
        yield* []
        throw new RetryLaterError('the service is busy', clock.now() + 60_000)
      },
    },
    fails: [
      [
        'the listing has two pages or more, and items on them',
        /left alone 20 times in a row, and gave no page: the service is busy/,
      ],
    ],
  },
  {
    what: 'a secret in what it asks to be left alone with',
    source: () => {
      let requests = 0
      return {
        async *enumerate(spec, cursor, context) {
          requests += 1
          if (requests === 2) throw new RetryLaterError(`${SECRET} is busy`, context.clock.now())
          yield* good.enumerate(spec, cursor, context)
        },
      }
    },
    fails: [['no secret is in an error', /an error holds a secret/]],
  },
  {
    what: 'metadata with the time',
    source: withIdentity((identity) => ({ ...identity, metadata: { at: Date.now() } })),
    fails: [['an item is identified the same each time', DIFFERENT]],
  },
  {
    what: 'metadata with the day',
    source: withIdentity((identity) => ({
      ...identity,
      metadata: { day: new Date().toISOString().slice(0, 10) },
    })),
    fails: [['an item is identified the same each time', DIFFERENT]],
  },
  {
    what: 'metadata with the time since the process began',
    source: withIdentity((identity) => ({
      ...identity,
      metadata: { at: Math.floor(performance.now()) },
    })),
    fails: [['an item is identified the same each time', DIFFERENT]],
  },
  {
    what: 'two URIs for a key that is listed again',
    source: withIdentity((identity, { id }) => ({ ...identity, key: `${Math.floor(id / 2)}` })),
    options: { mayRepeat: true },
    fails: [['distinct items have distinct keys', /the key 0 has two URIs/]],
  },
  ...['an item is identified the same each time', 'a walk makes one task for each resource'].map(
    (title): Broken => ({
      what: `an identity that comes later: ${title}`,
      source: { identify: (async (item: Item, spec: Spec) => good.identify(item, spec)) as never },
      fails: [[title, /identify returned a promise; it has to be synchronous/]],
    }),
  ),
  {
    what: 'a type with a hyphen',
    source: { type: 'my-numbers' },
    fails: [['its type is a word that a target spec can use for it', /letters and digits/]],
  },
  {
    what: 'a type that means something else',
    source: { type: 'authRef' },
    fails: [['its type is a word that a target spec can use for it', /means something else/]],
  },
  {
    what: 'a schema that refuses the spec',
    source: { spec: z.strictObject({ total: z.int() }) },
    fails: [['its schema parses the spec', /the schema refuses the spec/]],
  },
  {
    what: 'a schema that takes its time',
    source: { spec: handMade(async (value) => ({ value })) },
    fails: [['its schema parses the spec', /asynchronous/]],
  },
  {
    what: 'a schema that gives a list',
    source: { spec: schema.transform(({ count }) => [count]) },
    fails: [['its schema parses the spec', /something else than an object/]],
  },
  {
    what: 'a schema that makes dates',
    source: { spec: schema.transform((spec) => ({ ...spec, at: new Date(0) })) },
    fails: [['a parsed spec is plain JSON, and parses to itself again', /not plain JSON/]],
  },
  {
    what: 'a schema that changes what it has parsed',
    source: { spec: schema.transform(({ count }) => ({ count: count + 1 })) },
    fails: [['a parsed spec is plain JSON, and parses to itself again', /something else/]],
  },
  {
    what: 'a schema that does not know its own output',
    source: { spec: schema.transform((spec) => ({ ...spec, parsed: true })) },
    fails: [['a parsed spec is plain JSON, and parses to itself again', /refuses what it has/]],
  },
  {
    what: 'a schema that takes everything',
    source: { spec: handMade((value) => ({ value })) },
    fails: [['a spec that is garbage, or invalid, is refused with issues', /accepted as a spec/]],
  },
  {
    what: 'a schema that lets a text be a number',
    source: { spec: z.object({ count: z.coerce.number() }) },
    fails: [['a spec that is garbage, or invalid, is refused with issues', /accepted as a spec/]],
  },
  {
    what: 'a schema that refuses without a word',
    source: {
      spec: handMade((value) =>
        schema.safeParse(value).success ? { value } : { issues: [{ message: '' }] },
      ),
    },
    fails: [['a spec that is garbage, or invalid, is refused with issues', /without a word/]],
  },
  {
    what: 'a schema that throws for a spec that is null',
    source: { spec: handMade((value) => ({ value: { count: (value as Spec).count } })) },
    fails: [['a spec that is garbage, or invalid, is refused with issues', /properties of null/]],
  },
  {
    what: 'a schema that throws for a member that is null',
    source: {
      spec: handMade((value) => {
        const { count } = value as Spec
        return { value: { count: Number(count.toFixed()) } }
      }),
    },
    fails: [
      ['a damaged spec is parsed or refused, and the schema does not throw', /the schema threw/],
    ],
  },
  {
    what: 'a schema that throws where it is tried again, asynchronously',
    source: {
      spec: z.strictObject({
        count: z.unknown().transform((n) => Number((n as number).toFixed())),
      }),
    },
    fails: [
      ['a damaged spec is parsed or refused, and the schema does not throw', /the schema threw/],
    ],
  },
  {
    what: 'all on one page',
    source: {
      async *enumerate(spec) {
        yield { items: itemsFrom(spec, 0), cursor: 1 }
      },
    },
    fails: [
      ['the listing has two pages or more, and items on them', /has 1 page; give a spec/],
      // This one is the same from everywhere.
      [RESUMED[0], /resuming after page 1 of 1/],
    ],
  },
  {
    what: 'nothing on its pages',
    source: withPages((page) => ({ ...page, items: [] })),
    fails: [
      ['the listing has two pages or more, and items on them', /the listing is empty/],
      ['an item is identified the same each time', /identifies no item/],
    ],
  },
  {
    what: 'a listing without end',
    source: {
      async *enumerate(spec) {
        for (let from = 0; ; from += 1) yield { items: itemsFrom(spec, 0), cursor: from }
      },
    },
    fails: [['the listing has two pages or more, and items on them', /more than 1000 pages/]],
  },
  {
    what: 'a page that is no list',
    source: withPages((page) => ({ ...page, items: new Set(page.items) })),
    fails: [['a page is a list of items in plain JSON', /page 1 has no list of items/]],
  },
  {
    what: 'an item with a date',
    source: withPages((page) => ({ ...page, items: [...page.items, { at: new Date(0) }] })),
    fails: [['a page is a list of items in plain JSON', /an item of page 1 is not plain JSON/]],
  },
  {
    what: 'half a total',
    source: withPages((page) => ({ ...page, total: 0.5 })),
    fails: [['a page is a list of items in plain JSON', /total of page 1/]],
  },
  {
    what: 'a shortfall without a code',
    source: withPages((page) => ({ ...page, shortfalls: [{ detail: 'some' }] })),
    fails: [['a page is a list of items in plain JSON', /shortfall of page 1 has no code/]],
  },
  {
    what: 'no cursor',
    source: withPages(({ items }) => ({ items })),
    fails: [['a cursor is plain JSON', /page 1 has no cursor/]],
  },
  {
    what: 'a cursor that is a map',
    source: withPages((page) => ({ ...page, cursor: new Map([['at', page.cursor]]) })),
    fails: [['a cursor is plain JSON', /cursor of page 1 is not plain JSON/]],
  },
  {
    what: 'a cursor that cannot be copied',
    source: withPages((page) => ({ ...page, cursor: new Proxy({ at: page.cursor }, {}) })),
    fails: [['a cursor is plain JSON', /cursor of page 1 is not plain JSON/]],
  },
  {
    what: 'the same cursor again',
    source: withPages((page, number) => ({ ...page, cursor: { page: Math.min(number, 2) } })),
    fails: [['no cursor is the same as the one before it', /page 3 has the cursor/]],
  },
  {
    what: 'an item too few',
    source: withPages((page, number) =>
      number === 3 ? { ...page, items: page.items.slice(1) } : page,
    ),
    fails: [['a listing gives what is expected, and the same each time', DIFFERENT]],
  },
  {
    what: 'an item twice',
    source: withPages((page, number) =>
      number === 3 ? { ...page, items: [...page.items, { id: 0, tags: ['number'] }] } : page,
    ),
    fails: [['a listing gives what is expected, and the same each time', DIFFERENT]],
  },
  {
    what: 'another item each time',
    source: withPages((page) => ({
      ...page,
      items: [...page.items, { id: (uniqueNumber += 1) + 1_000, tags: [] }],
    })),
    options: { expected: undefined as never },
    fails: [['a listing gives what is expected, and the same each time', DIFFERENT]],
  },
  {
    what: 'a listing that uses up its spec',
    source: {
      async *enumerate(spec, cursor) {
        const from = Number(cursor ?? 0)
        const left = { count: spec.count }
        for (let at = from; at < left.count; at += PAGE_SIZE) yield pageFrom(left, at)
        spec.count = 0
      },
    },
    fails: [['a listing leaves spec and cursor as they were', /changed its spec/]],
  },
  {
    what: 'one list that is filled anew for each page',
    source: {
      async *enumerate(spec, cursor) {
        const items: Item[] = []
        for (let from = Number(cursor ?? 0); from < spec.count; from += PAGE_SIZE) {
          items.splice(0, items.length, ...itemsFrom(spec, from))
          yield { items, cursor: from + PAGE_SIZE }
        }
      },
    },
    fails: [['a page stays as it was given while the next one is read', /of a page changed/]],
  },
  {
    what: 'one object that is every item in turn',
    source: {
      async *enumerate(spec, cursor) {
        const tags: string[] = []
        for (let from = Number(cursor ?? 0); from < spec.count; from += PAGE_SIZE) {
          tags.splice(0, 1, `page from ${from}`)
          yield { ...pageFrom(spec, from), items: [{ id: from, tags }] }
        }
      },
    },
    fails: [['a page stays as it was given while the next one is read', /of a page changed/]],
  },
  {
    what: 'a listing that counts in the cursor that it was given',
    source: {
      async *enumerate(spec, cursor) {
        const position = (cursor as { at: number } | undefined) ?? { at: 0 }
        while (position.at < spec.count) {
          const { items } = pageFrom(spec, position.at)
          position.at += PAGE_SIZE
          yield { items, cursor: { at: position.at } }
        }
      },
    },
    fails: [['a listing leaves spec and cursor as they were', /changed the cursor/]],
  },
  {
    what: 'one position for all its listings',
    source: () => {
      let at = 0
      return {
        async *enumerate(spec, cursor) {
          at = Number(cursor ?? 0)
          while (at < spec.count) {
            const page = pageFrom(spec, at)
            at += PAGE_SIZE
            yield page
          }
        },
      }
    },
    fails: [['two listings at once do not disturb each other', DIFFERENT]],
  },
  {
    what: 'one that begins a little late when it is resumed',
    source: {
      enumerate: (spec, cursor, context) =>
        good.enumerate(spec, cursor === undefined ? cursor : Number(cursor) + 1, context),
    },
    fails: [RESUMED, RESUMED_JSON, ABORTED_WALK, CLOSED_WALK],
  },
  {
    what: 'one that begins a little early when it is resumed',
    source: {
      enumerate: (spec, cursor, context) =>
        good.enumerate(spec, cursor === undefined ? cursor : Number(cursor) - 1, context),
    },
    fails: [RESUMED],
  },
  {
    what: 'one that begins anew when it is resumed',
    source: { enumerate: (spec, _, context) => good.enumerate(spec, undefined, context) },
    fails: [RESUMED, [ABORTED_WALK[0], /the walk failed: the source gave the same cursor twice/]],
  },
  {
    what: 'one that begins anew, under another cursor each time',
    source: {
      async *enumerate(spec, _, context) {
        for await (const page of good.enumerate(spec, undefined, context)) {
          yield { ...page, cursor: { at: page.cursor, number: (uniqueNumber += 1) } }
        }
      },
    },
    fails: [
      [ABORTED_WALK[0], /has not ended, though each of \d+ Musters could keep a page/],
      [CLOSED_WALK[0], /has not ended, though each of \d+ Musters could keep a page/],
    ],
  },
  {
    what: 'one that is lost behind one certain page',
    source: {
      enumerate: (spec, cursor, context) =>
        good.enumerate(spec, cursor === 2 * PAGE_SIZE ? 100 : cursor, context),
    },
    fails: [RESUMED, [RESUMED[0], /resuming after page 2 of 3/]],
  },
  {
    what: 'a cursor that JSON makes a text',
    source: {
      async *enumerate(spec, cursor, context) {
        const from = cursor instanceof Date ? cursor.getTime() : 0
        for await (const page of good.enumerate(spec, from, context)) {
          yield { ...page, cursor: new Date(page.cursor as number) as never }
        }
      },
    },
    fails: [RESUMED_JSON],
  },
  {
    what: 'one that cannot be left',
    source: {
      async *enumerate(spec, cursor, context) {
        let isRead = false
        try {
          yield* good.enumerate(spec, cursor, context)
          isRead = true
        } finally {
          if (!isRead && !context.signal.aborted) await forever()
        }
      },
    },
    options: { patienceMs: 300 },
    fails: [
      ['a listing that is left early lets go, and disturbs no other', /leaving a listing: nothing/],
    ],
  },
  {
    what: 'one that goes on after it was left',
    source: byHand((spec, cursor) => {
      let from = Number(cursor ?? 0) - PAGE_SIZE
      return {
        async next() {
          from += PAGE_SIZE
          return from < spec.count
            ? { done: false, value: pageFrom(spec, from) }
            : { done: true, value: undefined }
        },
        return: async () => ({ done: true, value: undefined }),
      }
    }),
    fails: [
      ['a listing that is left early lets go, and disturbs no other', /went on after it was/],
    ],
  },
  {
    what: 'one that takes the next listing with it when it is left',
    source: () => {
      let isOver = false
      return {
        async *enumerate(spec, cursor, context) {
          let isRead = false
          try {
            for await (const page of good.enumerate(spec, cursor, context)) {
              if (!isOver) yield page
            }
            isRead = true
          } finally {
            isOver ||= !isRead
          }
        },
      }
    },
    fails: [['a listing that is left early lets go, and disturbs no other', DIFFERENT]],
  },
  {
    what: 'one that is deaf to its signal',
    source: {
      async *enumerate({ count }, cursor, context) {
        const signal = new AbortController().signal
        yield* good.enumerate({ count }, cursor, { ...context, signal })
      },
    },
    fails: [
      ['a listing that was aborted before it began gives nothing', /although its signal/],
      ['a listing that is aborted between two pages ends', /after page 1, although its signal/],
      ['a listing that is aborted in a request does not hang', /in the request before/],
    ],
  },
  {
    what: 'one that looks at its signal at the beginning only',
    source: {
      async *enumerate(spec, cursor, context) {
        context.signal.throwIfAborted()
        yield* good.enumerate(spec, cursor, { ...context, signal: new AbortController().signal })
      },
    },
    fails: [['a listing that is aborted between two pages ends', /after page 1, although/]],
  },
  {
    what: 'one that hangs when it is aborted',
    source: {
      async *enumerate(spec, cursor, context) {
        const signal = new AbortController().signal
        for await (const page of good.enumerate(spec, cursor, { ...context, signal })) {
          await Promise.resolve()
          if (context.signal.aborted) await forever()
          yield page
        }
      },
    },
    options: { patienceMs: 300 },
    fails: [
      ['a listing that was aborted before it began gives nothing', /asking for a page: nothing/],
      ['a listing that is aborted between two pages ends', /asking for a page: nothing/],
      ['a listing that is aborted in a request does not hang', /asking for a page: nothing/],
    ],
  },
  {
    what: 'one that hangs when it is walked by a Muster',
    source: () => {
      let listings = 0
      return {
        async *enumerate(spec, cursor, context) {
          listings += 1
          if (listings === 2) await forever()
          yield* good.enumerate(spec, cursor, context)
        },
      }
    },
    options: { patienceMs: 100 },
    fails: [['a walk makes one task for each resource', /walking: nothing has come of it/]],
  },
  {
    what: 'another name each time',
    source: withIdentity((identity) => ({ ...identity, name: `${(uniqueNumber += 1)}` })),
    fails: [['an item is identified the same each time', DIFFERENT]],
  },
  ...(['key', 'uri', 'name'] as const).flatMap((field): Broken[] => [
    {
      what: `an empty ${field}`,
      source: withIdentity((identity) => ({ ...identity, [field]: '' })),
      fails: [
        [
          'an identity is made of texts, and metadata in plain JSON',
          new RegExp(`the ${field} is not a text, or empty`),
        ],
      ],
    },
    {
      what: `half a character in the ${field}`,
      source: withIdentity((identity) => ({ ...identity, [field]: 'x\ud800' })),
      fails: [
        [
          'an identity is made of texts, and metadata in plain JSON',
          new RegExp(`the ${field} holds half a character`),
        ],
      ],
    },
  ]),
  {
    what: 'a password in the URI',
    source: withIdentity((identity) => ({ ...identity, uri: 'https://me:hunter2@h.example/1' })),
    fails: [['an identity is made of texts, and metadata in plain JSON', /carries credentials/]],
  },
  ...BROKEN_IDENTITIES,
  ...BROKEN_RELOADS,
  {
    what: 'metadata with a date',
    source: withIdentity((identity) => ({ ...identity, metadata: { at: new Date(0) } })),
    fails: [['an identity is made of texts, and metadata in plain JSON', /not plain JSON/]],
  },
  {
    what: 'one key for two',
    source: withIdentity((identity, { id }) => ({ ...identity, key: `${Math.floor(id / 2)}` })),
    fails: [['distinct items have distinct keys', /have the same key/]],
  },
  {
    what: 'an item that is changed',
    source: withIdentity((identity, item) => {
      item.tags.push('seen')
      return identity
    }),
    fails: [['identifying leaves item and spec as they were', /the item was changed/]],
  },
  {
    what: 'a spec that is changed by an item',
    source: {
      identify(item, spec) {
        spec.count += 1
        return good.identify(item, spec)
      },
    },
    fails: [['identifying leaves item and spec as they were', /the spec was changed/]],
  },
  {
    what: 'a TypeError for an item that is null',
    source: { identify: (item, spec) => good.identify({ id: item.id, tags: item.tags }, spec) },
    fails: [
      ['an item that is garbage is refused, by an ItemRejectedError', /null as an item: TypeError/],
    ],
  },
  {
    what: 'an item that is a number and accepted',
    source: {
      identify: (item, spec) =>
        good.identify(typeof item === 'number' ? { id: item, tags: [] } : item, spec),
    },
    fails: [
      [
        'an item that is garbage is refused, by an ItemRejectedError',
        /a number as an item: it was/,
      ],
    ],
  },
  {
    what: 'a refusal without a word',
    source: {
      identify(item, spec) {
        if (itemSchema.safeParse(item).success) return good.identify(item, spec)
        throw new ItemRejectedError('')
      },
    },
    fails: [['an item that is garbage is refused, by an ItemRejectedError', /without a word/]],
  },
  {
    what: 'a TypeError for a member that is null',
    source: {
      identify(item, spec) {
        if (typeof item?.id !== 'number') throw new ItemRejectedError('no number')
        return { ...good.identify({ ...item, tags: [] }, spec), name: item.tags.join(' ') }
      },
    },
    fails: [
      [
        'a damaged item is refused by an ItemRejectedError, or good enough',
        /without tags: TypeError/,
      ],
    ],
  },
  {
    what: 'a damaged item that is accepted',
    source: {
      identify(item, spec) {
        if (typeof item?.id !== 'number') throw new ItemRejectedError('no number')
        const [name = ''] = Array.isArray(item.tags) ? item.tags : []
        return { ...good.identify({ ...item, tags: [] }, spec), name }
      },
    },
    fails: [
      [
        'a damaged item is refused by an ItemRejectedError, or good enough',
        /the name is not a text, or empty/,
      ],
    ],
  },
  ...[
    (text: string) => text,
    (text: string) => encodeURIComponent(text),
    (text: string) => Buffer.from(`x:${text}`).toString('base64'),
    (text: string) => Buffer.from(`user:${text}`).toString('base64url'),
  ].flatMap((form): Broken[] => [
    {
      what: `a secret in the cursor: ${form(SECRET)}`,
      source: withPages((page) => ({ ...page, cursor: { at: page.cursor, by: form(SECRET) } })),
      fails: [['no secret is in pages, cursors and identities', /the cursor of page 1 holds/]],
    },
    {
      what: `a secret in metadata: ${form(SECRET)}`,
      source: withIdentity((identity) => ({ ...identity, metadata: { by: form(SECRET) } })),
      fails: [['no secret is in pages, cursors and identities', /an identity of page 1 holds/]],
    },
    {
      what: `a secret in the error of a request: ${form(SECRET)}`,
      source: {
        async *enumerate(spec, cursor, context) {
          const { type, values } = await context.credentials()
          if (type === 'GITHUB' && values.token === SECRET)
            yield* good.enumerate(spec, cursor, context)
          else throw new Error('wrong', { cause: new Error(`sent ${form(String(values.token))}`) })
        },
      },
      fails: [['no secret is in an error', /an error holds a secret/]],
    },
  ]),
  {
    what: 'a secret in an item',
    source: withPages((page) => ({ ...page, items: [...page.items, { id: 99, tags: [SECRET] }] })),
    fails: [['no secret is in pages, cursors and identities', /page 1 holds a secret/]],
  },
  {
    what: 'a secret in a refusal',
    source: {
      identify(item, spec) {
        if (itemSchema.safeParse(item).success) return good.identify(item, spec)
        throw new ItemRejectedError(`not for ${SECRET}`)
      },
    },
    fails: [['no secret is in an error', /an error holds a secret/]],
  },
  {
    what: 'a failure at its end',
    source: {
      async *enumerate(spec, cursor, context) {
        yield* good.enumerate(spec, cursor, context)
        if (cursor === undefined) throw new SourceError('FORBIDDEN', 'no more for today')
      },
    },
    fails: [['the listing has two pages or more, and items on them', /no more for today/]],
  },
  {
    what: 'one that gives a Muster another item than it gives others',
    source: () => {
      let listings = 0
      return {
        async *enumerate(spec, cursor, context) {
          listings += 1
          const { count } = spec
          yield* good.enumerate({ count: listings === 2 ? count - 1 : count }, cursor, context)
        },
      }
    },
    fails: [['a walk makes one task for each resource', DIFFERENT]],
  },
  {
    what: 'one that fails in the walk',
    source: () => {
      let listings = 0
      return {
        async *enumerate(spec, cursor, context) {
          listings += 1
          if (listings === 2) throw new SourceError('FORBIDDEN', 'no more for today')
          yield* good.enumerate(spec, cursor, context)
        },
      }
    },
    fails: [['a walk makes one task for each resource', /the walk failed: no more for today/]],
  },
]

const TITLES = sourceContract(sourceOf({}), OPTIONS).map(({ title }) => title)

describe('a source that keeps every promise', () => {
  for (const { title, run } of sourceContract(sourceOf({}), OPTIONS)) test(title, run)
})

describe('a source with', () => {
  test.each(BROKEN)('$what is found out', async ({ source, options, fails }) => {
    for (const [title, message] of fails) {
      const broken = typeof source === 'function' ? source() : source
      const cases = sourceContract(sourceOf(broken), { ...OPTIONS, ...options })
      const found = cases.find((each) => each.title === title)
      if (found === undefined) throw new Error(`the contract has no case "${title}"`)
      await expect(found.run(), title).rejects.toThrow(message)
    }
  })
})

test('every case has a broken source that fails it', () => {
  const seen = new Set(BROKEN.flatMap(({ fails }) => fails.map(([title]) => title)))
  expect(TITLES.filter((title) => !seen.has(title))).toEqual([])
  expect(new Set(TITLES).size).toBe(TITLES.length)
})

test('the cases about secrets are there where there is one', () => {
  const { credentials: _, ...none } = OPTIONS
  const titles = new Set(sourceContract(sourceOf({}), none).map(({ title }) => title))
  expect(TITLES.filter((title) => !titles.has(title))).toEqual([
    'no secret is in pages, cursors and identities',
    'no secret is in an error',
  ])
})

describe('a source that repeats itself', () => {
  const again: Partial<Parts> = {
    enumerate: (spec, _, context) => good.enumerate(spec, undefined, context),
  }

  test.each([
    'resuming after any page gives exactly the rest',
    'resuming from a cursor that was stored as JSON gives the same',
  ])('may do so where that is said: %s', async (title) => {
    const cases = sourceContract(sourceOf(again), { ...OPTIONS, mayRepeat: true })
    await cases.find((each) => each.title === title)?.run()
  })

  test('may lose nothing even then', async () => {
    const late: Partial<Parts> = {
      enumerate: (spec, cursor, context) =>
        good.enumerate(spec, cursor === undefined ? cursor : Number(cursor) + 1, context),
    }
    const cases = sourceContract(sourceOf(late), { ...OPTIONS, mayRepeat: true })
    const resuming = cases.find(({ title }) => title === RESUMED[0])
    await expect(resuming?.run()).rejects.toThrow(DIFFERENT)
  })
})

describe('what is made ready for a case', () => {
  const prepared = (source: AnySource) => {
    const log: string[] = []
    const cases = sourceContract(source, {
      setUp: async () => {
        log.push('set up')
        return {
          spec: { count: 8 },
          tearDown: async () => {
            log.push('torn down')
            throw new Error('while it was torn down')
          },
        }
      },
    })
    return { log, run: () => cases.find(({ title }) => title.startsWith('the listing has'))?.run() }
  }

  test('is used by it, and taken away after it', async () => {
    const { log, run } = prepared(sourceOf({}))
    await expect(run()).rejects.toThrow('while it was torn down')
    expect(log).toEqual(['set up', 'torn down'])
  })

  test('is taken away after a failure too, which is then told first', async () => {
    const { log, run } = prepared(sourceOf(withPages((page) => ({ ...page, items: [] }))))
    await expect(run()).rejects.toThrow('the listing is empty')
    expect(log).toEqual(['set up', 'torn down'])
  })
})

import { describe, expect, test } from 'vitest'
import type { Position } from '../../machines/index.ts'
import type { JsonValue } from '../../src/domain/json.ts'
import type { FailedItem } from '../../src/domain/task.ts'
import { PageReader } from '../../src/enumeration/page-reader.ts'
import type { AnySource, EnumerateContext, Page } from '../../src/sources/source.ts'
import type { FailedItemRepository } from '../../src/store/store.ts'

const start: Position = { at: 'start' }
const afterCursor = (cursor: JsonValue): Position => ({ at: 'after', cursor })
const never = new AbortController().signal

interface Opened {
  readonly cursor: JsonValue | undefined
  readonly signal: AbortSignal
  asked: number
  returned: number
}

type Step = (call: number) => IteratorResult<Page, unknown> | Promise<IteratorResult<Page, unknown>>

const page = (cursor: JsonValue, ...items: JsonValue[]): IteratorResult<Page> => ({
  done: false,
  value: { items, cursor },
})
const end = { done: true, value: undefined } as const

/** A reader over an iterator whose every step the test writes; it remembers how it was used. */
function readerOver(
  step: Step,
  over: {
    readonly onReturn?: () => unknown
    readonly failedItems?: FailedItemRepository
    readonly enumerate?: AnySource['enumerate']
    readonly reload?: AnySource['reload']
  } = {},
) {
  const opened: Opened[] = []
  const source = {
    type: 'x',
    enumerate(_spec: unknown, cursor: JsonValue | undefined, { signal }: EnumerateContext) {
      const use: Opened = { cursor, signal, asked: 0, returned: 0 }
      opened.push(use)
      return {
        [Symbol.asyncIterator]: () => ({
          next: async () => step((use.asked += 1)),
          return: () => {
            use.returned += 1
            return over.onReturn === undefined ? Promise.resolve(end) : over.onReturn()
          },
        }),
      }
    },
    ...(over.enumerate === undefined ? {} : { enumerate: over.enumerate }),
    ...(over.reload === undefined ? {} : { reload: over.reload }),
  } as unknown as AnySource
  const reader = new PageReader({
    sessionId: 's1',
    source,
    spec: {},
    context: {
      clock: { now: () => 0 },
      authRef: null,
      credentials: async () => ({ type: 'UNAUTHENTICATED', values: {} }),
      answers: { get: async () => undefined, set: async () => undefined },
    },
    failedItems: over.failedItems ?? noFailedItems,
  })
  return { reader, opened }
}

const noFailedItems: FailedItemRepository = { find: async () => [], lastId: async () => 0 }

/** The tasks of the event loop in which everything that is settled has been told. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the pages of a listing', () => {
  test('come from one iterator, begun without a cursor', async () => {
    const { reader, opened } = readerOver((n) => (n <= 2 ? page(n, `i${n}`) : end))
    expect(await reader.next(start, never)).toEqual({
      items: ['i1'],
      position: { at: 'after', cursor: 1 },
      total: null,
      shortfalls: [],
      again: false,
      retriedItems: [],
    })
    expect((await reader.next(afterCursor(1), never))?.position).toEqual(afterCursor(2))
    expect(await reader.next(afterCursor(2), never)).toBeNull()
    expect(opened).toMatchObject([{ cursor: undefined, asked: 3, returned: 0 }])
  })

  test('begin where the position says; a null cursor is not the beginning', async () => {
    const cursors: [Position, JsonValue | undefined][] = [
      [start, undefined],
      [afterCursor(null), null],
      [afterCursor(0), 0],
      [afterCursor(''), ''],
      [afterCursor({ page: 3 }), { page: 3 }],
    ]
    for (const [position, cursor] of cursors) {
      const { reader, opened } = readerOver(() => end)
      await reader.next(position, never)
      expect(opened).toMatchObject([{ cursor }])
      expect('cursor' in (opened[0] as object) && opened[0]?.cursor === cursor).toBe(
        typeof cursor !== 'object' || cursor === null,
      )
    }
  })

  test('carry what the source says of the whole', async () => {
    const shortfalls = [{ code: 'sso', detail: 'x' }]
    const { reader } = readerOver(() => ({
      done: false,
      value: { items: [], cursor: 1, total: 0, shortfalls, again: true },
    }))
    expect(await reader.next(start, never)).toMatchObject({ total: 0, shortfalls, again: true })
  })

  test('are none at the end: the source is not asked', async () => {
    const { reader, opened } = readerOver(() => page(1))
    expect(await reader.next({ at: 'end' }, never)).toBeNull()
    expect(opened).toEqual([])
  })

  test('are asked for anew when the listing is looked at again behind its end', async () => {
    const { reader, opened } = readerOver(() => end)
    await reader.next(afterCursor(7), never)
    await reader.next(afterCursor(7), never)
    expect(opened).toMatchObject([{ cursor: 7 }, { cursor: 7 }])
  })
})

describe('after an error', () => {
  test('the iterator is told to end, and the next one begins at the last committed cursor', async () => {
    let fail = true
    const { reader, opened } = readerOver((n) => {
      if (n === 2 && fail) throw new Error('sneeze')
      return page(fail ? `c${n}` : `later ${n}`, 'x')
    })
    await reader.next(start, never)
    await expect(reader.next(afterCursor('c1'), never)).rejects.toThrow('sneeze')
    fail = false
    await reader.next(afterCursor('c1'), never)
    expect(opened).toMatchObject([
      { cursor: undefined, asked: 2, returned: 1 },
      { cursor: 'c1', asked: 1, returned: 0 },
    ])
  })

  test('a page that was read and not committed is read again', async () => {
    const { reader, opened } = readerOver((n) => page(n, `i${n}`))
    await reader.next(start, never)
    reader.discard()
    expect((await reader.next(start, never))?.items).toEqual(['i1'])
    expect(opened.map(({ cursor }) => cursor)).toEqual([undefined, undefined])
  })

  test('its requests are told to stop, with the reason, and those of the next are not', async () => {
    const { reader, opened } = readerOver((n) => page(n))
    await reader.next(start, never)
    const reason = new Error('away with it')
    reader.discard(reason)
    await reader.next(start, never)
    expect(opened[0]?.signal.aborted).toBe(true)
    expect(opened[0]?.signal.reason).toBe(reason)
    expect(opened[1]?.signal.aborted).toBe(false)
  })
})

describe('when the page is no longer wanted', () => {
  test('the request is stopped and the iterator told to end', async () => {
    const stop = new AbortController()
    const { reader, opened } = readerOver(() => new Promise<never>(() => {}))
    reader.next(start, stop.signal).catch(() => undefined)
    await turn()
    expect(opened[0]?.signal.aborted).toBe(false)
    stop.abort(new Error('cancelled'))
    expect(opened).toMatchObject([{ asked: 1, returned: 1 }])
    expect(opened[0]?.signal.aborted).toBe(true)
  })

  test('before it was asked for, nothing is asked', async () => {
    const { reader, opened } = readerOver(() => page(1))
    await expect(reader.next(start, AbortSignal.abort())).rejects.toThrow('abort')
    expect(opened).toEqual([])
  })

  test('after it came, a signal that aborts later touches no later page', async () => {
    const stop = new AbortController()
    const { reader, opened } = readerOver((n) => page(n))
    await reader.next(start, stop.signal)
    stop.abort()
    expect(opened[0]?.signal.aborted).toBe(false)
    await reader.next(afterCursor(1), never)
    expect(opened).toHaveLength(1)
  })
})

describe('a source of which an old request is still out', () => {
  test('is read on from its new one, however late the old one gives up', async () => {
    const late = Promise.withResolvers<never>()
    let isFirst = true
    const { reader, opened } = readerOver((n) => {
      if (!isFirst) return page(n)
      isFirst = false
      return late.promise
    })
    const stop = new AbortController()
    const dropped = reader.next(start, stop.signal).catch((thrown: unknown) => thrown)
    await turn()
    stop.abort()
    await reader.next(start, never)
    late.reject(new Error('stopped at last'))
    expect(String(await dropped)).toContain('stopped at last')
    await reader.next(afterCursor(1), never)
    expect(opened).toMatchObject([{ asked: 1 }, { asked: 2, returned: 0 }])
    expect(opened[1]?.signal.aborted).toBe(false)
  })
})

test('a source that goes on counting in its cursor moves no position', async () => {
  const cursor = { page: 0 }
  const given: unknown[] = []
  const { reader } = readerOver(() => end, {
    enumerate: (_spec, from) => {
      given.push(from)
      // One that continues in the object it was handed.
      const own = (from as { page: number } | undefined) ?? cursor
      return (async function* () {
        for (;;) {
          own.page += 1
          yield { items: [], cursor: own }
        }
      })()
    },
  })
  const first = await reader.next(start, never)
  expect(first?.position).toEqual({ at: 'after', cursor: { page: 1 } })
  const second = await reader.next(first?.position ?? start, never)
  expect(first?.position).toEqual({ at: 'after', cursor: { page: 1 } })
  expect(second?.position).toEqual({ at: 'after', cursor: { page: 2 } })
  reader.discard()
  const again = await reader.next(first?.position ?? start, never)
  expect(first?.position).toEqual({ at: 'after', cursor: { page: 1 } })
  expect(again?.position).toEqual({ at: 'after', cursor: { page: 2 } })
})

describe('an iterator whose `return`', () => {
  const ways: [string, () => unknown][] = [
    ['hangs', () => new Promise(() => {})],
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['gives no promise', () => end],
    ['gives nothing', () => undefined],
  ]

  test.each(ways)('%s holds up nothing after an error', async (_, onReturn) => {
    let fail = true
    const { reader, opened } = readerOver(
      (n) => {
        if (fail) throw new Error('sneeze')
        return page(n)
      },
      { onReturn },
    )
    await expect(reader.next(start, never)).rejects.toThrow('sneeze')
    fail = false
    expect(await reader.next(start, never)).not.toBeNull()
    expect(opened).toMatchObject([{ returned: 1 }, { returned: 0 }])
    await turn()
  })

  test.each(ways)('%s holds up nothing when the walk lets go of it', async (_, onReturn) => {
    const { reader, opened } = readerOver((n) => page(n), { onReturn })
    await reader.next(start, never)
    expect(() => reader.discard()).not.toThrow()
    expect(opened).toMatchObject([{ returned: 1 }])
    await turn()
  })

  test('does not exist is simply let go of', async () => {
    const { reader } = readerOver(() => end, {
      enumerate: () => ({
        [Symbol.asyncIterator]: () => ({ next: async () => page(1) as IteratorResult<Page> }),
      }),
    })
    await reader.next(start, never)
    expect(() => reader.discard()).not.toThrow()
  })
})

describe('a page that cannot be used is an error to be tried again', () => {
  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'page'],
    ['no items', { cursor: 1 }],
    ['items that are no list', { items: 'abc', cursor: 1 }],
    ['no cursor', { items: [] }],
    ['shortfalls that are no list', { items: [], cursor: 1, shortfalls: 5 }],
    ['shortfalls without words', { items: [], cursor: 1, shortfalls: [{ code: 1 }, null] }],
    ['a total that is no number', { items: [], cursor: 1, total: 'many' }],
    ['a total that counts nothing', { items: [], cursor: 1, total: Number.NaN }],
    ['a cursor that cannot be stored', { items: [], cursor: 10n }],
    ['a cursor that would be stored as something else', { items: [], cursor: new Map([[1, 2]]) }],
    ['a cursor that is a moment', { items: [], cursor: new Date(0) }],
  ])('%s', async (_, value) => {
    const { reader, opened } = readerOver(() => ({ done: false, value }) as never)
    const thrown: unknown = await reader.next(start, never).catch((error: unknown) => error)
    expect(thrown).toBeInstanceOf(Error)
    expect((thrown as { retryable?: boolean }).retryable ?? true).toBe(true)
    expect(opened).toMatchObject([{ returned: 1 }])
  })

  test.each<JsonValue>([3, 'c', null, { page: 3, of: [1] }])(
    'the cursor %j given twice: that would be walked for ever',
    async (cursor) => {
      const { reader } = readerOver(() => page(structuredClone(cursor)))
      await reader.next(start, never)
      await expect(reader.next(afterCursor(cursor), never)).rejects.toThrow('same cursor twice')
    },
  )

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a list', [1, 2]],
    ['a promise', Promise.resolve()],
  ])('an enumeration that is %s', async (_, enumeration) => {
    const { reader } = readerOver(() => end, { enumerate: () => enumeration as never })
    await expect(reader.next(start, never)).rejects.toThrow()
  })

  test('an enumeration that throws before its first page', async () => {
    const { reader } = readerOver(() => end, {
      enumerate: () => {
        throw new Error('at once')
      },
    })
    await expect(reader.next(start, never)).rejects.toThrow('at once')
  })
})

describe('failed items that are tried again', () => {
  const rows = Array.from({ length: 1_200 }, (_, i): FailedItem => ({
    id: i + 1,
    sessionId: 's1',
    batchNumber: 1,
    item: JSON.stringify({ n: i + 1 }),
    reason: 'no',
    failedAt: new Date(0),
  }))
  const asked: unknown[] = []
  const failedItems: FailedItemRepository = {
    async find(params) {
      asked.push(params)
      const { after, until = Infinity, limit } = params
      return rows.filter(({ id }) => id > after && id <= until).slice(0, limit)
    },
    lastId: async () => rows.length,
  }

  test('come from the store, a bounded number at a time, and the source is not asked', async () => {
    const { reader, opened } = readerOver(() => page(1), { failedItems })
    let position: Position = {
      at: 'retrying',
      after: 0,
      until: 1_100,
      resumeAt: { at: 'after', cursor: 'c' },
    }
    const sizes: number[] = []
    for (;;) {
      const next = await reader.next(position, never)
      if (next === null) break
      sizes.push(next.items.length)
      expect(next.items).toHaveLength(next.retriedItems.length)
      expect(next.items[0]).toEqual({ n: next.retriedItems[0] })
      // Where the listing stopped is carried along.
      expect(next.position).toMatchObject({
        at: 'retrying',
        until: 1_100,
        resumeAt: { at: 'after', cursor: 'c' },
      })
      position = next.position
    }
    expect(sizes).toEqual([500, 500, 100])
    expect(position).toMatchObject({ after: 1_100 })
    expect(asked[0]).toMatchObject({ sessionId: 's1', after: 0, until: 1_100 })
    expect(opened).toEqual([])
  })

  const retrying: Position = { at: 'retrying', after: 0, until: 3, resumeAt: { at: 'end' } }

  test('are brought up to date by their source, with its spec and what it may use', async () => {
    const given: unknown[] = []
    const { reader } = readerOver(() => end, {
      failedItems,
      async reload(items, spec, context) {
        given.push([items, spec, Object.keys(context).toSorted()])
        return (items as readonly { n: number }[]).map(({ n }) => ({ n, isNew: true }))
      },
    })
    const page = await reader.next(retrying, never)
    expect(page).toEqual({
      items: [1, 2, 3].map((n) => ({ n, isNew: true })),
      position: { ...retrying, after: 3 },
      total: null,
      shortfalls: [],
      again: false,
      retriedItems: [1, 2, 3],
    })
    const uses = ['answers', 'authRef', 'clock', 'credentials', 'signal']
    expect(given).toEqual([[[{ n: 1 }, { n: 2 }, { n: 3 }], {}, uses]])
  })

  test('stay with their place where the source gives one back as it was', async () => {
    const { reader } = readerOver(() => end, { failedItems, reload: async (items) => [...items] })
    expect((await reader.next(retrying, never))?.items).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  })

  test('are not asked about where there are none', async () => {
    const reload = async () => Promise.reject(new Error('asked about nothing'))
    const { reader } = readerOver(() => end, { failedItems, reload })
    expect(await reader.next({ ...retrying, after: 3 }, never)).toBeNull()
  })

  test.each<[string, (items: readonly JsonValue[]) => unknown]>([
    ['fewer', (items) => items.slice(1)],
    ['none', () => []],
    ['more', (items) => [...items, { n: 9 }]],
    ['no list', () => ({ length: 3 })],
    ['nothing', () => undefined],
  ])(
    'are lost to nobody where the source gives back %s: that is tried again',
    async (_, answer) => {
      const { reader } = readerOver(() => end, {
        failedItems,
        reload: async (items) => answer(items as readonly JsonValue[]) as JsonValue[],
      })
      await expect(reader.next(retrying, never)).rejects.toMatchObject({
        code: 'SOURCE_MALFORMED',
        retryable: true,
        message: expect.stringContaining('was given 3 items'),
      })
    },
  )

  test('are not waited for by who no longer wants the page', async () => {
    const stop = new AbortController()
    let seen: AbortSignal | undefined
    const { reader } = readerOver(() => end, {
      failedItems,
      reload: (_items, _spec, { signal }) => {
        seen = signal
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
      },
    })
    const next = reader.next(retrying, stop.signal)
    await turn()
    expect(seen?.aborted).toBe(false)
    stop.abort(new Error('cancelled'))
    await expect(next).rejects.toThrow('cancelled')
  })
})

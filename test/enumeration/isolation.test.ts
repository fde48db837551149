import { z } from 'zod'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { AnySource, MusterOptions, SessionState } from '../../src/index.ts'
import { musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedSource, scriptedTarget } from '../support/scripted-source.ts'

const FINE = { items: itemsNamed('f', 12), pageSize: 3 }

/** A source without any manners: what it does is the test's. */
function wild(behaviour: {
  readonly enumerate?: () => unknown
  readonly identify?: (item: unknown) => unknown
}): AnySource {
  return {
    type: 'wild',
    spec: z.strictObject({}),
    identify: (behaviour.identify ?? ((item: string) => identityOf(item))) as never,
    enumerate: (behaviour.enumerate ?? (() => pages(['x']))) as never,
  }
}

const identityOf = (item: string) => ({ key: item, uri: `wild://${item}`, name: item })

async function* pages(...listing: unknown[][]) {
  for (const [index, items] of listing.entries()) yield { items, cursor: index }
}

/** An iterator that gives one page, unless told otherwise, and then does as the test says. */
const iterator = (over: {
  readonly next?: () => unknown
  readonly onReturn?: () => unknown
  readonly atOnce?: boolean
}): AsyncIterable<unknown> => {
  let asked = over.atOnce === true ? 1 : 0
  return {
    [Symbol.asyncIterator]: () =>
      ({
        next: () => {
          asked += 1
          if (asked === 1) return Promise.resolve({ value: { items: ['x'], cursor: asked } })
          return over.next === undefined ? Promise.resolve({ done: true }) : over.next()
        },
        return: () => (over.onReturn === undefined ? Promise.resolve({}) : over.onReturn()),
      }) as never,
  }
}

const fail = (thrown: unknown) => () => {
  throw thrown
}

/** Walks the wild source beside a fine one that is under way, and sees to it that the fine one is not touched. */
async function walkBeside(
  source: AnySource,
  options: MusterOptions = {},
): Promise<{ readonly session: SessionState | undefined; readonly error: unknown }> {
  const stray: unknown[] = []
  const note = (thrown: unknown) => stray.push(thrown)
  process.on('uncaughtException', note).on('unhandledRejection', note)
  onTestFinished(() => void process.off('uncaughtException', note).off('unhandledRejection', note))
  // The fine walk is in the middle of its listing whenever the wild one does something; with a
  // watchdog that bites within milliseconds it cannot wait there.
  const over = Promise.withResolvers<void>()
  const isHeld = options.stallMs === undefined
  const fine = {
    ...FINE,
    before: (page: number) => (isHeld && page === 2 ? over.promise : undefined),
  }
  const { coordinator, repositories } = await musterOver(
    {},
    {
      sources: [source, scriptedSource({ fine })],
      maxAttempts: 2,
      ...options,
    },
  )
  const beside = coordinator.enumerateTarget(scriptedTarget('fine'))
  const run = coordinator.enumerateTarget({ name: 'w', sourceType: 'wild', wild: {} })
  const outcome = await run.done.then(
    (session) => ({ session, error: undefined }),
    (error: unknown) => ({ session: undefined, error }),
  )
  over.resolve()
  expect(await beside.done).toMatchObject({ status: 'COMPLETED', metrics: { itemsProcessed: 12 } })
  expect(await repositories.tasks.count({ sessionId: beside.sessionId })).toBe(12)
  // And there is a next time.
  expect((await coordinator.enumerateTarget(scriptedTarget('fine')).done).status).toBe('COMPLETED')
  await new Promise((resolve) => setImmediate(resolve))
  expect(stray).toEqual([])
  return outcome
}

const THROWN: [string, unknown][] = [
  ['an error', new Error('sneeze')],
  ['null', null],
  ['undefined', undefined],
  ['a text', 'sneeze'],
  ['an empty text', ''],
  ['a number', 0],
  ['a symbol', Symbol('sneeze')],
  ['an object without a prototype', Object.create(null)],
  ['an error whose message is no text', Object.assign(new Error('x'), { message: { a: 1 } })],
]

describe('a source fails its own session alone when', () => {
  test.each(THROWN)('`enumerate` throws %s at once', async (_, thrown) => {
    const { session } = await walkBeside(wild({ enumerate: fail(thrown) }))
    expect(session).toMatchObject({ status: 'FAILED' })
    expect(session?.failureReason).not.toBe('')
  })

  test.each(THROWN)('`next` throws %s', async (_, thrown) => {
    const { session } = await walkBeside(
      wild({ enumerate: () => iterator({ next: fail(thrown) }) }),
    )
    expect(session).toMatchObject({ status: 'FAILED', metrics: { itemsProcessed: 1 } })
  })

  test.each(THROWN)('`next` rejects with %s', async (_, thrown) => {
    const { session } = await walkBeside(
      wild({ enumerate: () => iterator({ next: () => Promise.reject(thrown) }) }),
    )
    expect(session).toMatchObject({ status: 'FAILED' })
  })

  test.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['a list', () => [{ items: ['x'], cursor: 1 }]],
    ['a promise of its pages', async () => pages(['x'])],
    ['an iterator that gives nothing', () => iterator({ next: () => undefined })],
    ['an iterator that gives no promise', () => iterator({ next: () => 7 })],
  ])('`enumerate` gives %s', async (_, enumerate) => {
    const { session } = await walkBeside(wild({ enumerate }))
    expect(session).toMatchObject({ status: 'FAILED' })
  })

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['a number', 7],
    ['no items', { cursor: 1 }],
    ['no cursor', { items: [] }],
    ['shortfalls that are no list', { items: [], cursor: 1, shortfalls: 5 }],
    ['a total that is no number', { items: [], cursor: 1, total: {} }],
    ['a cursor that cannot be stored', { items: [], cursor: 10n }],
  ])('its page is %s', async (_, page) => {
    const { session } = await walkBeside(
      wild({
        async *enumerate() {
          yield page
        },
      }),
    )
    expect(session).toMatchObject({ status: 'FAILED' })
    expect(session?.failureReason).toMatch(/the source yielded|Cannot/)
  })
})

describe('a source that hangs', () => {
  const hang = () => new Promise(() => {})

  test('in its request, deaf to every signal, does not keep a queue of one from the others', async () => {
    const { session } = await walkBeside(
      wild({ enumerate: () => iterator({ next: hang, atOnce: true }) }),
      {
        concurrency: 1,
        stallMs: 40,
      },
    )
    expect(session).toMatchObject({ status: 'FAILED', failureReason: 'the request hung' })
  })

  const returns: [string, () => unknown][] = [
    ['hangs', hang],
    ['throws', fail(new Error('no'))],
    ['throws null', fail(null)],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['gives no promise', () => ({})],
    ['gives nothing', () => undefined],
  ]

  test.each(returns)(
    'and whose `return` %s when it is dropped, fails by itself',
    async (_, onReturn) => {
      const { session } = await walkBeside(
        wild({ enumerate: () => iterator({ next: hang, onReturn, atOnce: true }) }),
        { stallMs: 30 },
      )
      expect(session).toMatchObject({ status: 'FAILED', failureReason: 'the request hung' })
    },
  )

  test.each(returns)('and whose `return` %s can be cancelled', async (_, onReturn) => {
    const stop = new AbortController()
    const { coordinator } = await musterOver(
      { fine: FINE },
      {
        sources: [
          scriptedSource({ fine: FINE }),
          wild({
            enumerate: () =>
              iterator({
                next: () => {
                  setImmediate(() => stop.abort())
                  return hang()
                },
                onReturn,
              }),
          }),
        ],
      },
    )
    const run = coordinator.enumerateTarget(
      { name: 'w', sourceType: 'wild', wild: {} },
      { signal: stop.signal },
    )
    expect(await run.done).toMatchObject({ status: 'IN_PROGRESS' })
    expect((await coordinator.enumerateTarget(scriptedTarget('fine')).done).status).toBe(
      'COMPLETED',
    )
  })
})

describe('an item that its source cannot identify is one failed item', () => {
  test.each(THROWN)('because it throws %s', async (_, thrown) => {
    const { session } = await walkBeside(
      wild({
        enumerate: () => pages(['x', 'y'], ['z']),
        identify: (item) => (item === 'y' ? fail(thrown)() : identityOf(item as string)),
      }),
    )
    expect(session).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      metrics: { itemsProcessed: 2, itemsSkipped: 0, itemsFailed: 1 },
    })
  })

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'y'],
    ['a number for a key', { ...identityOf('y'), key: 7 }],
    ['no uri', { key: 'y', name: 'y' }],
    ['a uri with credentials', { ...identityOf('y'), uri: 'https://me:secret@host/' }],
    ['metadata that cannot be stored', { ...identityOf('y'), metadata: { n: 10n } }],
    ['metadata that is no mapping', { ...identityOf('y'), metadata: 7 }],
  ])('because it gives %s', async (_, identity) => {
    const { session } = await walkBeside(
      wild({
        enumerate: () => pages(['x', 'y'], ['z']),
        identify: (item) => (item === 'y' ? identity : identityOf(item as string)),
      }),
    )
    expect(session).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      metrics: { itemsProcessed: 2, itemsSkipped: 0, itemsFailed: 1 },
    })
  })

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['a big number', 10n],
    ['a function', () => 1],
  ])('because it is %s, which no row can hold', async (_, item) => {
    const { session } = await walkBeside(
      wild({
        enumerate: () => pages(['x', item], ['z']),
        identify: (found) => (typeof found === 'string' ? identityOf(found) : undefined),
      }),
    )
    expect(session).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      metrics: { itemsProcessed: 2, itemsSkipped: 0, itemsFailed: 1 },
    })
  })
})

test('a handler on the bus that throws troubles no walk', async () => {
  const warnings: string[] = []
  const note = (warning: Error) => warnings.push(warning.message)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const { coordinator, bus } = await musterOver({ fine: FINE })
  bus.subscribe('session.progressed', fail(new Error('no')))
  bus.subscribe('session.started', () => Promise.reject(new Error('no')))
  expect((await coordinator.enumerateTarget(scriptedTarget('fine')).done).status).toBe('COMPLETED')
  await new Promise((resolve) => setImmediate(resolve))
  // They are told of it, each by the name of what it listened to.
  for (const type of ['session.started', 'session.progressed']) {
    expect(warnings.some((text) => text.startsWith(`a handler of "${type}" threw: `))).toBe(true)
  }
})

describe('nothing is called gone on the word of a walk that did not see everything', () => {
  /** What is known of the scan targets and resources after a walk that finds less than the one before. */
  async function walkTwice(second: { readonly down?: boolean; readonly items: readonly string[] }) {
    let round = 1
    const first = itemsNamed('a', 6)
    const listing = {
      get items() {
        return round === 1 ? first : second.items
      },
      pageSize: 2,
      before(page: number) {
        if (round === 2 && page === 2 && second.down === true)
          throw new Error('the network is down')
      },
    }
    const { coordinator, repositories } = await musterOver({ a: listing }, { maxAttempts: 1 })
    await coordinator.enumerateTarget(scriptedTarget('a')).done
    const before = await repositories.scanTargets.list(100, 0)
    round = 2
    const { status } = await coordinator.enumerateTarget(scriptedTarget('a')).done
    const after = await repositories.scanTargets.list(100, 0)
    return { status, before, after }
  }

  test.each([
    ['failed half-way', { down: true, items: itemsNamed('a', 6) }, 'FAILED'],
    ['lost an item', { items: [...itemsNamed('a', 2), 'bad-1'] }, 'PARTIALLY_COMPLETED'],
  ])('that %s', async (_, second, expected) => {
    const { status, before, after } = await walkTwice(second)
    expect(status).toBe(expected)
    expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
    expect(after).toHaveLength(6)
  })
})

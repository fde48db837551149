import { describe, expect, test } from 'vitest'
import type { JsonValue } from '../../src/domain/json.ts'
import { sortItems } from '../../src/enumeration/sort-items.ts'
import type { AnySource, Identity } from '../../src/sources/source.ts'

const SECRET = 'ghp_theTokenOfThisTest'

/** Sorts items with an `identify` of the test's own. */
function sort(items: readonly unknown[], identify: (item: never) => unknown = nameIt) {
  return sortItems({
    items: items as JsonValue[],
    source: { identify } as unknown as AnySource,
    spec: {},
    mask: (text) => text.replaceAll(SECRET, '***'),
  })
}

function nameIt(item: string): Identity {
  if (item.startsWith('bad')) throw new Error(`"${item}" is bad`)
  return { key: item, uri: `x://${item}`, name: item }
}

describe('items of a page', () => {
  test('are kept in their order, and a bad one touches no neighbour', () => {
    const { kept, rejected } = sort(['a', 'bad', 'b', 'b'])
    expect(kept.map(({ key }) => key)).toEqual(['a', 'b', 'b'])
    expect(rejected).toEqual([{ item: '"bad"', reason: '"bad" is bad' }])
  })

  test('are handed to their source together with its spec', () => {
    const seen: unknown[] = []
    sortItems({
      items: ['a'],
      spec: { list: 'x' },
      mask: (text) => text,
      source: {
        identify(item: string, spec: unknown) {
          seen.push([item, spec])
          return nameIt(item)
        },
      } as unknown as AnySource,
    })
    expect(seen).toEqual([['a', { list: 'x' }]])
  })

  test('of an empty page are none', () => {
    expect(sort([])).toEqual({ kept: [], skipped: [], rejected: [] })
  })

  test('that their source leaves out are neither kept nor rejected, whatever the filter is called', () => {
    const whole = { uri: 'x://k', name: 'k', version: '7', aliases: ['x://old'] }
    const { kept, skipped, rejected } = sort(['a', 'b', 'c'], (key: string) =>
      key === 'b' ? { ...whole, key } : { ...whole, key, skipped: key === 'a' ? 'forks' : '' },
    )
    expect(kept).toEqual([{ ...whole, key: 'b' }])
    expect(skipped).toEqual([
      { ...whole, key: 'a', skipped: 'forks' },
      { ...whole, key: 'c', skipped: '' },
    ])
    expect(rejected).toEqual([])
  })

  test('keep the version and the earlier addresses that their source tells', () => {
    const identity = {
      key: 'k',
      uri: 'x://k',
      name: 'k',
      version: '',
      aliases: ['x://old', 'git@host:old.git'],
    }
    expect(sort(['a'], () => identity).kept).toEqual([identity])
  })
})

describe('an item is rejected with a reason', () => {
  test.each(['key', 'uri', 'name'])('when its source gives it no %s', (field) => {
    const whole = { key: 'k', uri: 'x://k', name: 'k' }
    for (const value of [undefined, null, '', 7, {}]) {
      const { kept, rejected } = sort(['a'], () => ({ ...whole, [field]: value }))
      expect(kept).toEqual([])
      expect(rejected).toEqual([{ item: '"a"', reason: `the source gave the item no ${field}` }])
    }
  })

  test.each([undefined, null, 'text', 7, Promise.resolve()])(
    'when its source gives %s instead of an identity',
    (identity) => {
      const { kept, rejected } = sort(['a', 'b'], () => identity)
      expect(kept).toEqual([])
      expect(rejected.map(({ item }) => item)).toEqual(['"a"', '"b"'])
      expect(rejected.every(({ reason }) => reason.length > 0)).toBe(true)
    },
  )

  test.each<[string, () => unknown]>([
    ['is kept', async () => ({ key: 'k', uri: 'x://k', name: 'k' })],
    ['is rejected', () => Promise.reject(new Error(`not with ${SECRET}`))],
    // oxlint-disable-next-line unicorn/no-thenable
    ['is one by its looks only', () => ({ key: 'k', uri: 'x://k', name: 'k', then() {} })],
  ])('when its source gives a promise that %s; nothing is left unhandled', async (_, promise) => {
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    try {
      const { kept, rejected } = sort(['a', 'b'], (item: string) =>
        item === 'a' ? promise() : nameIt(item),
      )
      expect(kept.map(({ key }) => key)).toEqual(['b'])
      expect(rejected).toEqual([
        { item: '"a"', reason: 'identify returned a promise; it has to be synchronous' },
      ])
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })

  test.each([
    'https://user:pass@host/x',
    'https://token@host/x',
    'x://a:b@c',
    'git+ssh://me:pw@host/r.git',
  ])('when its uri carries credentials: %s', (uri) => {
    const { kept, rejected } = sort(['a'], () => ({ key: 'k', uri, name: 'n' }))
    expect(kept).toEqual([])
    expect(rejected).toEqual([
      { item: '"a"', reason: 'the item carries credentials in its address' },
    ])
  })

  test.each([7, null, {}, ['1'], true])(
    'when its version is no text: %j; one left out is no exception',
    (version) => {
      for (const skipped of [undefined, 'forks']) {
        const identity = { key: 'k', uri: 'x://k', name: 'n', version, skipped }
        const sorted = sort(['a'], () => identity)
        expect(sorted).toEqual({
          kept: [],
          skipped: [],
          rejected: [{ item: '"a"', reason: 'the source gave the item a version that is no text' }],
        })
      }
    },
  )

  test.each<[string, unknown]>([
    ['one that is no text', ['x://old', 7]],
    ['one that is nothing', [null]],
    ['one with credentials', ['x://old', 'https://user:pass@host/x']],
    ['half a character', ['x://half-\uD83D']],
  ])('when its earlier addresses cannot be kept: %s', (_, aliases) => {
    const { kept, rejected } = sort(['a'], () => ({ key: 'k', uri: 'x://k', name: 'n', aliases }))
    expect(kept).toEqual([])
    expect(rejected).toEqual([
      { item: '"a"', reason: 'the source gave the item earlier addresses that cannot be kept' },
    ])
  })

  test.each([7, {}, 'x://old', true])('when its earlier addresses are no list: %j', (aliases) => {
    const { kept, rejected } = sort(['a'], () => ({ key: 'k', uri: 'x://k', name: 'n', aliases }))
    expect([kept.length, rejected.length]).toEqual([0, 1])
  })

  test.each([
    'https://host/x?y=a@b',
    'ssh://git@host/x',
    'git@host:x/y',
    's3://b/k@v',
    's3://b/https://user:password@host/x',
  ])('but not for an @ that is no credential: %s', (uri) => {
    expect(sort(['a'], () => ({ key: 'k', uri, name: 'n' })).kept).toHaveLength(1)
  })

  test('and for one in the place of a bucket', () => {
    const uri = 's3://id:secret@b/k'
    expect(sort(['a'], () => ({ key: 'k', uri, name: 'n' })).rejected).toHaveLength(1)
  })

  test.each<[string, unknown, string]>([
    ['an error', new Error('no'), 'no'],
    ['an error without a message', new Error(''), 'unknown error'],
    ['a text', 'no', 'no'],
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a number', 7, '7'],
    ['a symbol', Symbol('no'), 'Symbol(no)'],
  ])('when its source throws %s', (_, thrown, reason) => {
    const { kept, rejected } = sort(['a', 'b'], (item: string) => {
      if (item === 'a') throw thrown
      return nameIt(item)
    })
    expect(kept).toHaveLength(1)
    expect(rejected).toEqual([{ item: '"a"', reason }])
  })
})

describe('what is stored of a rejected item', () => {
  const reject = (item: unknown, reason = 'no') =>
    sort([item], () => {
      throw new Error(reason)
    }).rejected[0]

  test('is the item itself, as JSON', () => {
    for (const item of ['a', 7, null, false, [1, ['x']], { a: { b: [null, 'c'] } }]) {
      expect(JSON.parse(reject(item)?.item ?? '')).toEqual(item)
    }
  })

  test('holds no secret, however deep it lies, and neither does the reason', () => {
    const rejected = reject({ a: [{ b: `x ${SECRET} y` }], [SECRET]: 1 }, `${SECRET} is bad`)
    expect(JSON.parse(rejected?.item ?? '')).toMatchObject({ a: [{ b: 'x *** y' }] })
    expect(rejected?.reason).toBe('*** is bad')
    expect(JSON.stringify(rejected)).not.toContain(SECRET)
  })

  test('is cut where it would be too long, and is still JSON', () => {
    const long = { text: 'x'.repeat(300_000) }
    const rejected = reject(long, 'y'.repeat(300_000))
    expect(rejected?.item.length).toBeLessThan(250_000)
    expect(JSON.parse(rejected?.item ?? '')).toMatch(/^\{"text":"xxx/)
    expect(rejected?.reason).toHaveLength(100_000)
  })

  test('keeps a key that JavaScript treats in its own way', () => {
    const item = JSON.parse('{"__proto__":{"a":1},"constructor":2}') as unknown
    expect(reject(item)?.item).toBe('{"__proto__":{"a":1},"constructor":2}')
  })

  // What a source must not yield, and may: the page has to come through all the same.
  test.each<[string, () => unknown]>([
    ['undefined', () => undefined],
    ['a function', () => () => 1],
    ['a big number', () => 10n],
    [
      'a circle',
      () => {
        const circle: { self?: unknown } = {}
        circle.self = circle
        return circle
      },
    ],
    ['a depth without end', () => JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)],
  ])('is a description where the item cannot be JSON: %s', (_, make) => {
    const { kept, rejected } = sort(['a', make(), 'b'], (item: unknown) => {
      if (typeof item !== 'string') throw new Error('no')
      return nameIt(item)
    })
    expect(kept).toHaveLength(2)
    expect(rejected).toHaveLength(1)
    expect(rejected[0]?.reason).toBe('no')
    expect(typeof JSON.parse(rejected[0]?.item ?? '')).toBe('string')
  })

  test.each<[string, unknown]>([
    ['an object without a prototype', Object.create(null)],
    ['an error whose message is no text', Object.assign(new Error('x'), { message: { a: 1 } })],
    [
      'an error whose message cannot be read',
      Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw new Error('unreadable')
        },
      }),
    ],
  ])('has a reason though its source throws %s', (_, thrown) => {
    const { kept, rejected } = sort(['a', 'b'], (item: string) => {
      if (item === 'a') throw thrown
      return nameIt(item)
    })
    expect(kept).toHaveLength(1)
    expect(rejected).toHaveLength(1)
    expect(typeof rejected[0]?.reason).toBe('string')
  })
})

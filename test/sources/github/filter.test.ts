import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonRecord } from '../../../src/domain/json.ts'
import { FILTER_KEYS } from '../../../src/sources/github/filter-spec.ts'
import { skippedBy } from '../../../src/sources/github/filter.ts'
import { identifyReference } from '../../../src/sources/github/repository-reference.ts'
import { githubSpec } from '../../../src/sources/github/spec.ts'

const filterOf = (filter: Readonly<Record<string, unknown>>) =>
  githubSpec.parse({ org: 'acme', filter }).filter

const item = {
  fullName: 'acme/Web.Shop',
  fork: false,
  archived: false,
  disabled: false,
  empty: false,
  visibility: 'private',
  topics: ['shop', 'security'],
  language: 'TypeScript',
  sizeKb: 100,
  pushedAt: '2025-03-01T12:00:00Z',
  createdAt: '2020-01-01T00:00:00Z',
}

/** A filter, an item that it leaves out and one that it keeps; each is asked with the rest of `item`. */
const CASES: readonly [filter: JsonRecord, leftOut: JsonRecord, kept: JsonRecord][] = [
  [{ include: ['acme/*'] }, { fullName: 'other/web' }, {}],
  [{ include: ['ACME/web.*'] }, { fullName: 'acme/web' }, {}],
  [{ include: ['*/a', '*/b'] }, {}, { fullName: 'acme/B' }],
  [{ include: ['*/*shop'] }, { fullName: 'acme/web' }, { fullName: 'acme/.shop' }],
  [{ include: ['acme/{a,b}*'] }, {}, { fullName: 'acme/b1' }],
  [{ include: ['!(acme)/*'] }, {}, { fullName: 'other/web' }],
  [{ include: ['**'] }, { fullName: '' }, {}],
  [{ exclude: ['*/web*'] }, {}, { fullName: 'acme/api' }],
  [{ exclude: ['*/.*'] }, { fullName: 'acme/.github' }, {}],
  [{ exclude: ['acme/web?shop'] }, {}, { fullName: 'acme/webshop' }],
  [{ exclude: ['acme'.padEnd(6, '/*')] }, {}, { fullName: 'acme-labs/web' }],
  [{ forks: 'exclude' }, { fork: true }, {}],
  [{ forks: 'only' }, {}, { fork: true }],
  [{ archived: 'exclude' }, { archived: true }, {}],
  [{ archived: 'only' }, {}, { archived: true }],
  [{ disabled: false }, { disabled: true }, {}],
  [{ empty: 'exclude' }, { empty: true }, {}],
  [{ empty: 'only' }, {}, { empty: true }],
  [{ visibility: ['public'] }, {}, { visibility: 'public' }],
  [{ visibility: ['private', 'internal'] }, { visibility: 'public' }, { visibility: 'internal' }],
  [{ topics: ['Security', 'x'] }, { topics: [] }, {}],
  [{ excludeTopics: ['SHOP'] }, {}, { topics: ['web'] }],
  [{ languages: ['typescript', 'Go'] }, { language: 'Rust' }, {}],
  [{ minSizeKb: 100 }, { sizeKb: 99 }, {}],
  [{ maxSizeKb: 100 }, { sizeKb: 101 }, {}],
  [{ maxSizeKb: 0 }, {}, { sizeKb: 0 }],
  [{ pushedSince: '2025-03-01T12:00:00Z' }, { pushedAt: '2025-03-01T11:59:59Z' }, {}],
  [{ pushedSince: '2025-03-01' }, { pushedAt: '2025-02-28T23:59:59Z' }, {}],
  [{ pushedSince: '2025-03-01' }, { pushedAt: '2025-03-01T01:00:00+02:00' }, {}],
  [{ pushedSince: '2025-03-01' }, { pushedAt: null, empty: true }, { pushedAt: null }],
]

test.each(CASES)('%j leaves out %j and keeps %j', (given, leftOut, kept) => {
  const filter = filterOf(given)
  expect(skippedBy({ ...item, ...leftOut }, filter)).toBe(Object.keys(given)[0])
  expect(skippedBy({ ...item, ...kept }, filter)).toBeUndefined()
})

test('every filter has a case', () => {
  const tried = new Set(CASES.map(([filter]) => Object.keys(filter)[0]))
  expect(FILTER_KEYS.filter((key) => !tried.has(key))).toEqual([])
})

test('without a filter nothing is left out', () => {
  expect(skippedBy({ ...item, disabled: true, empty: true }, undefined)).toBeUndefined()
})

describe('what is not known', () => {
  const FACTS = Object.keys(item).filter((fact) => fact !== 'fullName')

  test.each(CASES)('is no reason for %j to leave anything out', (given) => {
    const filter = filterOf({ ...given, include: undefined, exclude: undefined })
    const unknown = Object.fromEntries(FACTS.map((fact) => [fact, null]))
    expect(skippedBy({ fullName: 'acme/web' }, filter)).toBeUndefined()
    expect(skippedBy({ fullName: 'acme/web', ...unknown }, filter)).toBeUndefined()
    expect(skippedBy({ fullName: 'acme/web', pushedAt: 'lately' }, filter)).toBeUndefined()
  })

  test('leaves an entry of a list to the patterns', () => {
    const filter = filterOf({ exclude: ['acme/*'], forks: 'only', minSizeKb: 9, topics: ['x'] })
    expect(identifyReference('Acme/web', 'github.com', filter).skipped).toBe('exclude')
    expect(identifyReference('other/web', 'github.com', filter)).not.toHaveProperty('skipped')
  })
})

describe('whatever the filters are', () => {
  const facts = fc.record({
    fullName: fc.constantFrom('acme/web', 'acme/api', 'other/.github'),
    fork: fc.constantFrom(true, false, null),
    archived: fc.constantFrom(true, false, null),
    empty: fc.constantFrom(true, false, null),
    visibility: fc.constantFrom('public', 'private', 'internal', null),
    topics: fc.option(fc.subarray(['a', 'b', 'c'])),
    language: fc.constantFrom('Go', 'Rust', null),
    sizeKb: fc.option(fc.nat(20)),
    pushedAt: fc.constantFrom('2024-01-01T00:00:00Z', '2025-06-01T00:00:00Z', null),
  })
  const kind = fc.constantFrom('include', 'exclude', 'only')
  const filters = fc.record(
    {
      include: fc.subarray(['acme/*', '*/api'], { minLength: 1 }),
      exclude: fc.subarray(['other/*', '*/web'], { minLength: 1 }),
      forks: kind,
      archived: kind,
      empty: kind,
      visibility: fc.subarray(['public', 'private', 'internal'], { minLength: 1 }),
      topics: fc.subarray(['a', 'b'], { minLength: 1 }),
      excludeTopics: fc.constant(['c']),
      languages: fc.subarray(['go', 'rust'], { minLength: 1 }),
      minSizeKb: fc.nat(9),
      maxSizeKb: fc.integer({ min: 10, max: 20 }),
      pushedSince: fc.constantFrom('2023-01-01', '2025-01-01'),
    },
    { requiredKeys: [] },
  )

  test('one more never brings back what another leaves out', () => {
    fc.assert(
      fc.property(facts, filters, filters, (given, some, more) => {
        const alone = skippedBy(given, filterOf(some))
        const both = skippedBy(given, filterOf({ ...more, ...some }))
        expect(both !== undefined || alone === undefined).toBe(true)
      }),
    )
  })

  test('an item is left out if one of them alone leaves it out, and by the first that does', () => {
    fc.assert(
      fc.property(facts, filters, (given, filter) => {
        const alone = FILTER_KEYS.find(
          (key) =>
            skippedBy(given, filterOf({ [key]: filter[key as keyof typeof filter] })) === key,
        )
        expect(skippedBy(given, filterOf(filter))).toBe(alone)
      }),
    )
  })

  test('their order and that of their values mean nothing', () => {
    fc.assert(
      fc.property(facts, filters, (given, filter) => {
        const reversed = Object.fromEntries(
          Object.entries(filter)
            .toReversed()
            .map(([key, value]) => [key, Array.isArray(value) ? value.toReversed() : value]),
        )
        expect(filterOf(reversed)).toEqual(filterOf(filter))
        expect(skippedBy(given, filterOf(reversed))).toBe(skippedBy(given, filterOf(filter)))
      }),
    )
  })
})

test('patterns are compiled once for all items of a target', () => {
  let reads = 0
  const filter = {
    get include() {
      reads += 1
      return ['acme/*']
    },
  }
  expect(skippedBy({ fullName: 'acme/a' }, filter)).toBeUndefined()
  const readsOfOne = reads
  expect(skippedBy({ fullName: 'other/b' }, filter)).toBe('include')
  expect(reads).toBe(readsOfOne)
})

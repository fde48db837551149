import { describe, expect, test } from 'vitest'
import type { S3Item } from '../../../src/sources/s3/index.ts'
import type { Page } from '../../../src/sources/source.ts'
import { oddKeys, startS3, type Quirks, type StandInBucket } from '../../support/s3/index.ts'
import { ACCESS_KEY, keysOf, SECRET_KEY, sorted, walk } from './walk.ts'

const ODD = [...oddKeys(1_600)]

const start = (bucket: Partial<StandInBucket> = {}, quirks: Quirks = {}) =>
  startS3({
    buckets: { things: { objects: ODD, ...bucket } },
    accessKeys: { [ACCESS_KEY]: SECRET_KEY },
    quirks: { maxKeys: 40, ...quirks },
  })

/** Keys of plain folders. */
const folders = (count: number, each: number): string[] =>
  Array.from({ length: count * each }, (_, i) => `f${String(i % count).padStart(3, '0')}/${i}`)

describe.each([1, 8])('a bucket, %i requests at once', (concurrency) => {
  const spec = { bucket: 'things', concurrency }

  test('is listed exactly, odd keys and all', async () => {
    await using s3 = await start()
    const { listed } = await walk({ endpoint: s3.endpoint, spec })
    expect(sorted(keysOf(listed))).toEqual(sorted(ODD))
  })

  test('goes on where it was broken off, at every page', async () => {
    await using s3 = await start()
    const { listed, pages } = await walk({ endpoint: s3.endpoint, spec, restarts: true })
    expect(sorted(keysOf(listed))).toEqual(sorted(ODD))
    expect(pages.length).toBeGreaterThan(30)
    expect(pages.some(({ again }) => again)).toBe(false)
  })

  test('is listed within its prefix, and nothing else is asked for', async () => {
    const keys = [...folders(10, 150), 'f00', 'f001', 'f002!', 'g']
    await using s3 = await start({ objects: keys })
    const { listed } = await walk({
      endpoint: s3.endpoint,
      spec: { ...spec, prefix: 'f001/' },
    })
    expect(sorted(keysOf(listed))).toEqual(sorted(keys.filter((key) => key.startsWith('f001/'))))
    expect(s3.requests.every(({ query }) => query['prefix']?.startsWith('f001/'))).toBe(true)
  })

  test('grows and shrinks meanwhile: what stays is found once', async () => {
    const keys = folders(20, 200)
    await using s3 = await start({ objects: keys })
    let n = 0
    const gone = new Set<string>()
    const { listed } = await walk({
      endpoint: s3.endpoint,
      spec,
      restarts: (page) => page % 3 === 0,
      kept() {
        s3.put('things', `f${String((n += 1) % 20).padStart(3, '0')}/new-${n}`)
        const key = keys[(n * 37) % keys.length] as string
        s3.remove('things', key)
        gone.add(key)
      },
    })
    const found = keysOf(listed)
    expect(new Set(found).size).toBe(found.length)
    expect(new Set(found)).toEqual(
      new Set([
        ...found.filter((key) => key.includes('new-') || gone.has(key)),
        ...keys.filter((key) => !gone.has(key)),
      ]),
    )
  })

  test.each<[string, Quirks]>([
    ['forgets where it was told to begin', { ignoresStartAfter: true }],
    ['encodes no keys', { ignoresEncodingType: true }],
    ['sorts as a person would', { localeOrder: true }],
    ['writes a space as %20', { encodesSpaceAsPercent20: true }],
  ])('on a server that %s is exact, whole or in pieces', async (_, quirks) => {
    // Without encoding, control characters cannot be told: that is for servers that have none.
    const keys = quirks.ignoresEncodingType ? ODD.filter((key) => !/\p{Cc}/u.test(key)) : ODD
    await using s3 = await start({ objects: keys }, quirks)
    const whole = await walk({ endpoint: s3.endpoint, spec })
    expect(sorted(new Set(keysOf(whole.listed)))).toEqual(sorted(keys))
    const pieces = await walk({
      endpoint: s3.endpoint,
      spec,
      restarts: (page) => page % 7 === 0,
    })
    expect(sorted(new Set(keysOf(pieces.listed)))).toEqual(sorted(keys))
  })

  test('that lists in no order is exact, whole or in pieces', async () => {
    const keys = folders(9, 100)
    await using s3 = await startS3({
      buckets: { 'fast--use1-az4--x-s3': { objects: keys, kind: 'directory' } },
      quirks: { maxKeys: 100 },
    })
    const directory = { ...spec, bucket: 'fast--use1-az4--x-s3' }
    const whole = await walk({ endpoint: s3.endpoint, spec: directory })
    expect(sorted(keysOf(whole.listed))).toEqual(sorted(keys))
    const pieces = await walk({ endpoint: s3.endpoint, spec: directory, restarts: true })
    expect(sorted(keysOf(pieces.listed))).toEqual(sorted(keys))
  })
})

describe('several requests at once', () => {
  test('are sent where a bucket is long, and not where it is short', async () => {
    await using s3 = await startS3({
      buckets: { things: { objects: folders(12, 400) } },
      latencyMs: 10,
      quirks: { maxKeys: 100 },
    })
    await walk({ endpoint: s3.endpoint, spec: { bucket: 'things', concurrency: 6 } })
    expect(s3.openMost).toBeGreaterThanOrEqual(4)
    expect(s3.openMost).toBeLessThanOrEqual(6)
    await using short = await start({ objects: folders(2, 20) })
    await walk({ endpoint: short.endpoint, spec: { bucket: 'things', concurrency: 6 } })
    expect(short.requests).toHaveLength(1)
  })

  test('halve what has no folders, too', async () => {
    const flat = Array.from({ length: 6_000 }, (_, i) => `key-${String(i).padStart(7, '0')}`)
    await using s3 = await startS3({
      buckets: { things: { objects: flat } },
      latencyMs: 10,
      quirks: { maxKeys: 50 },
    })
    const { listed } = await walk({
      endpoint: s3.endpoint,
      spec: { bucket: 'things', concurrency: 8 },
    })
    expect(sorted(keysOf(listed))).toEqual(sorted(flat))
    expect(s3.openMost).toBeGreaterThanOrEqual(4)
    // 120 pages, and what it took to find out where the keys lie.
    expect(s3.requests.length).toBeLessThan(240)
  })

  test('keep the checkpoint short', async () => {
    await using s3 = await start({ objects: folders(900, 8) }, {})
    const { pages } = await walk({
      endpoint: s3.endpoint,
      spec: { bucket: 'things', concurrency: 8 },
    })
    const longest = Math.max(...pages.map(({ cursor }) => JSON.stringify(cursor).length))
    expect(longest).toBeLessThan(4_000)
  })

  test('ask for nothing that is closed: a folder that may not be listed by itself is listed with the others', async () => {
    const keys = folders(5, 300)
    await using s3 = await start({ objects: keys, forbidden: ['f002/'] })
    const { listed, shortfalls } = await walk({ endpoint: s3.endpoint, spec: { bucket: 'things' } })
    expect(sorted(keysOf(listed))).toEqual(sorted(keys))
    expect(shortfalls).toEqual([])
  })
})

/** What may come twice says so. */
function expectOnce(pages: readonly Page<S3Item>[]): void {
  const once = new Set<string>()
  for (const { items, again = false } of pages) {
    for (const { key, versionId } of items) {
      if (!again) expect(once.has(`${key} ${versionId}`)).toBe(false)
      once.add(`${key} ${versionId}`)
    }
  }
}

describe('versions', () => {
  const objects = Array.from({ length: 400 }, (_, i) => ({
    key: `k/${String(i).padStart(4, '0')}`,
    versions: Array.from({ length: 1 + (i % 5) }, (__, v) => ({
      versionId: `v${i}.${v}`,
      ...(v === 2 && { deleteMarker: true }),
    })),
  }))
  const many = {
    key: 'k/0100x',
    versions: Array.from({ length: 350 }, (_, v) => ({ versionId: `m${v}` })),
  }
  const all = [...objects, many]
  const wanted = all.flatMap(({ key, versions }) =>
    versions.map(({ versionId }) => `${key} ${versionId}`),
  )

  test.each([
    [1, false],
    [8, false],
    [1, true],
    [8, true],
  ])('are all listed, %i at once, broken off at every page: %s', async (concurrency, restarts) => {
    await using s3 = await start({ objects: all }, { maxKeys: 100 })
    const { listed, pages, identities } = await walk({
      endpoint: s3.endpoint,
      spec: { bucket: 'things', versions: true, concurrency },
      // One key has more versions than a page: whoever begins anew within it needs more than a page to get on.
      restarts: restarts && ((page) => page % 6 === 0),
    })
    const found = listed.map(({ key, versionId }) => `${key} ${versionId}`)
    expect(sorted(new Set(found))).toEqual(sorted(wanted))
    expect(new Set(identities.map(({ key }) => key)).size).toBe(wanted.length)
    if (!restarts) expect(found).toHaveLength(wanted.length)
    expectOnce(pages)
  })

  test.each<[string, Quirks]>([
    ['markers as they are', { rawMarkers: true }],
    ['the marked key once more', { inclusiveKeyMarker: true }],
    ['both', { rawMarkers: true, inclusiveKeyMarker: true }],
  ])('are all listed where the server gives %s', async (_, quirks) => {
    // The last key of the first page, read as if it were encoded, would lead on from another place.
    const before = Array.from({ length: 99 }, (__, i) => `a${String(i).padStart(2, '0')}`)
    const trap = Array.from({ length: 25 }, (__, i) => `m${String.fromCharCode(97 + i)}`)
    const odd = [...before, 'm%7A', ...trap, 'n+b c', 'z%zz']
    await using s3 = await start({ objects: odd }, { maxKeys: 100, ...quirks })
    for (const concurrency of [1, 8]) {
      const { listed } = await walk({
        endpoint: s3.endpoint,
        spec: { bucket: 'things', versions: true, concurrency },
        restarts: concurrency === 8,
      })
      expect(sorted(new Set(keysOf(listed)))).toEqual(sorted(odd))
    }
    // Where a listing is cut, there are keys, too.
    const folders = ['p1/', 'p2/', 'p3/', 'p4/'].map((key) => ({
      key,
      versions: [{ versionId: key }],
    }))
    const whole = [...all, ...folders]
    await using many = await start({ objects: whole }, { maxKeys: 100, ...quirks })
    const { listed, pages } = await walk({
      endpoint: many.endpoint,
      spec: { bucket: 'things', versions: true },
    })
    const found = listed.map(({ key, versionId }) => `${key} ${versionId}`)
    expect(sorted(new Set(found))).toEqual(
      sorted([...wanted, ...folders.map(({ key }) => `${key} ${key}`)]),
    )
    expectOnce(pages)
  })

  test('that say that an object was deleted are skipped', async () => {
    await using s3 = await start({ objects: all }, { maxKeys: 100 })
    const { identities } = await walk({
      endpoint: s3.endpoint,
      spec: { bucket: 'things', versions: true },
    })
    const deleted = identities.filter(({ skipped }) => skipped === 'deleteMarker')
    expect(deleted).toHaveLength(objects.filter(({ versions }) => versions.length > 2).length)
  })
})

describe('all buckets', () => {
  const names = Array.from({ length: 30 }, (_, i) => `logs-${i}`)
  const startMany = () =>
    startS3({
      buckets: {
        ...Object.fromEntries(
          names.map((name, i) => [
            name,
            { objects: [`${name}/a`, `${name}/b`], ...(i === 3 && { forbidden: [''] }) },
          ]),
        ),
        other: { objects: ['x'] },
      },
      quirks: { maxKeys: 1 },
    })

  test.each([false, true])('are walked by name, broken off at every page: %s', async (restarts) => {
    await using s3 = await startMany()
    const { listed, shortfalls } = await walk({
      endpoint: s3.endpoint,
      spec: { allBuckets: true, buckets: ['logs-*'], excludeBuckets: ['logs-1?'] },
      restarts,
    })
    const wanted = names.flatMap((name) =>
      /^logs-(?:1.|3)$/.test(name) ? [] : [`${name}/a`, `${name}/b`],
    )
    expect(sorted(keysOf(listed))).toEqual(sorted(wanted))
    expect(shortfalls).toEqual([
      { code: 'forbidden', detail: 'bucket logs-3 may not be listed with this credential' },
    ])
  })
})

/** What was found by attacking the walk: each of these lost something, doubled something, or had no end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { s3Credentials } from '../../../src/domain/credentials.ts'
import type { S3Item } from '../../../src/sources/s3/index.ts'
import { s3Source } from '../../../src/sources/s3/index.ts'
import { s3Spec } from '../../../src/sources/s3/spec.ts'
import { startS3 } from '../../support/s3/index.ts'
import { ACCESS_KEY, keysOf, SECRET_KEY, sorted, walk, withKeys } from './walk.ts'

const versioned = (keys: number, versionsOf: (at: number) => number) =>
  Array.from({ length: keys }, (_, at) => ({
    key: `k${String(at).padStart(3, '0')}`,
    versions: Array.from({ length: versionsOf(at) }, (__, v) => ({ versionId: `v${at}.${v}` })),
  }))

const namesOf = (items: readonly S3Item[]) =>
  items.map(({ key, versionId }) => `${key} ${versionId}`)

const wantedOf = (objects: ReturnType<typeof versioned>) =>
  objects.flatMap(({ key, versions }) => versions.map(({ versionId }) => `${key} ${versionId}`))

describe('versions', () => {
  test('of keys with many of them come once, wherever their listing is halved', async () => {
    const objects = versioned(40, (at) => (at % 7 === 0 ? 400 : 30))
    await using s3 = await startS3({
      buckets: { things: { objects } },
      latencyMs: 2,
      quirks: { maxKeys: 50 },
    })
    const { listed, pages } = await walk({
      endpoint: s3.endpoint,
      spec: { bucket: 'things', versions: true, concurrency: 8 },
    })
    expect(sorted(namesOf(listed))).toEqual(sorted(wantedOf(objects)))
    expect(pages.some(({ again }) => again)).toBe(false)
    expect(s3.requests.length).toBeLessThan(150)
  })

  test.each([1, 4])(
    'come all where a page does not say how to go on, %i at once',
    async (concurrency) => {
      const objects = versioned(12, () => 5)
      for (const at of [1, 2, 3, 5, 8]) {
        await using s3 = await startS3({ buckets: { things: { objects } }, quirks: { maxKeys: 7 } })
        s3.fault({ kind: 'truncatedWithoutToken', at })
        const { listed } = await walk({
          endpoint: s3.endpoint,
          spec: { bucket: 'things', versions: true, concurrency },
        })
        expect(sorted(new Set(namesOf(listed)))).toEqual(sorted(wantedOf(objects)))
      }
    },
  )
})

test('a host that keeps pages more slowly than they come has no more of them, and no longer checkpoint', async () => {
  const objects = Array.from(
    { length: 4_000 },
    (_, i) => `f${i % 50}/${String(i).padStart(6, '0')}`,
  )
  await using s3 = await startS3({ buckets: { things: { objects } }, quirks: { maxKeys: 20 } })
  const spec = s3Spec.parse({ bucket: 'things', endpoint: s3.endpoint, concurrency: 4 })
  const context = {
    signal: AbortSignal.timeout(60_000),
    clock: { now: () => Date.now() },
    authRef: 'aws',
    credentials: withKeys,
    answers: { get: async () => undefined, set: async () => undefined },
  }
  const found: string[] = []
  let longest = 0
  for await (const { items, cursor } of s3Source().enumerate(spec, undefined, context)) {
    found.push(...keysOf(items))
    longest = Math.max(longest, JSON.stringify(cursor).length)
    await sleep(4)
  }
  expect(sorted(found)).toEqual(sorted(objects))
  // Four requests, and sixteen pieces at first.
  expect(longest).toBeLessThan(1_500)
  expect(s3.requests.length).toBeLessThan(260)
})

test('folders in another order than that of their bytes say that keys are, too', async () => {
  const objects = Array.from({ length: 16 }, (_, folder) =>
    Array.from({ length: 100 }, (__, i) => {
      const letter = String.fromCharCode((folder % 2 === 0 ? 65 : 97) + folder)
      return `${letter}/${String(i).padStart(3, '0')}`
    }),
  ).flat()
  for (const concurrency of [2, 8]) {
    await using s3 = await startS3({
      buckets: { things: { objects } },
      quirks: { maxKeys: 20, localeOrder: true },
    })
    const { listed } = await walk({
      endpoint: s3.endpoint,
      spec: { bucket: 'things', concurrency },
    })
    expect(sorted(new Set(keysOf(listed)))).toEqual(sorted(objects))
  }
})

describe('a filter', () => {
  const skipped = (filter: Record<string, unknown>, key: string) =>
    s3Source().identify(
      { bucket: 'b', key, size: 1, etag: 'e', modified: null, storageClass: 'STANDARD' },
      s3Spec.parse({ bucket: 'logs', filter }),
    ).skipped

  test.each(['a\nb.env', 'a\nb/x.env', 'a\rb/x.env', 'a\u2028b/x.env', '.env', 'a/.env'])(
    'takes a key for what it is: %j',
    (key) => {
      expect(skipped({ include: ['**/*.env'] }, key)).toBeUndefined()
      expect(skipped({ exclude: ['**/*.env'] }, key)).toBe('exclude')
    },
  )

  test.each(['**/*-*-*.log', '*a*b*', 'x/*-*-*-*/y'])(
    'that takes too long to match is refused: %s',
    (pattern) => {
      const { error } = s3Spec.safeParse({ bucket: 'logs', filter: { include: [pattern] } })
      expect(error?.issues[0]?.message).toContain('take too long to match')
    },
  )
})

test('an error shows nothing of the keys, however deep one looks', async () => {
  const sessionToken = 'TheSessionTokenThatNobodyMaySee'
  await using s3 = await startS3({
    buckets: { things: { objects: ['a'] } },
    accessKeys: { [ACCESS_KEY]: SECRET_KEY },
    sessionTokens: { [ACCESS_KEY]: sessionToken },
  })
  const credentials = async () =>
    s3Credentials({ accessKeyId: ACCESS_KEY, secretAccessKey: 'Wrong0Secret', sessionToken })
  const thrown: unknown = await walk({
    endpoint: s3.endpoint,
    spec: { bucket: 'things' },
    attempts: 1,
    credentials,
  }).catch((error: unknown) => error)
  expect(thrown).toMatchObject({ code: 'AUTHENTICATION_FAILED' })
  const shown = inspect(thrown, { depth: 20, showHidden: true })
  expect(shown).not.toContain(sessionToken)
  expect(shown).not.toContain('Wrong0Secret')
})

test('keys that are not known are asked for anew, once', async () => {
  await using s3 = await startS3({
    buckets: { things: { objects: ['a', 'b'] } },
    accessKeys: { AKIANEW: 'new' },
  })
  let renewals = 0
  const credentials = async ({ renew = false } = {}) => {
    renewals += renew ? 1 : 0
    return s3Credentials({
      accessKeyId: renewals > 0 ? 'AKIANEW' : 'AKIAGONE',
      secretAccessKey: 'new',
    })
  }
  const { listed } = await walk({ endpoint: s3.endpoint, spec: { bucket: 'things' }, credentials })
  expect([keysOf(listed), renewals]).toEqual([['a', 'b'], 1])
})

test('a server that fails at folders is listed all the same', async () => {
  const objects = Array.from({ length: 300 }, (_, i) => `f${i % 10}/${i}`)
  await using s3 = await startS3({ buckets: { things: { objects } }, quirks: { maxKeys: 20 } })
  s3.fault({ kind: 'internalError', times: Infinity, when: ({ query }) => 'delimiter' in query })
  const { listed } = await walk({ endpoint: s3.endpoint, spec: { bucket: 'things' } })
  expect(sorted(keysOf(listed))).toEqual(sorted(objects))
})

test.each([{ ignoresStartAfter: true }, { localeOrder: true }])(
  'pages without keys and without an end are an error: %o',
  async (quirks) => {
    const objects = Array.from({ length: 60 }, (_, i) => `${i % 2 === 0 ? 'A' : 'a'}${i}`)
    await using s3 = await startS3({
      buckets: { things: { objects } },
      quirks: { maxKeys: 5, ...quirks },
    })
    s3.fault({ kind: 'emptyTruncated', at: 5, times: Infinity })
    // Each request that is out at once may come back empty a thousand times.
    const spec = { bucket: 'things', concurrency: 2 }
    const walking = walk({ endpoint: s3.endpoint, spec, attempts: 1 })
    await expect(walking).rejects.toMatchObject({ code: 'SOURCE_MALFORMED', retryable: true })
  },
)

test('two stores on one host are two', () => {
  const keys = ['https://gw.example/a', 'https://gw.example/b'].map(
    (endpoint) =>
      s3Source().identify(
        { bucket: 'logs', key: 'k', size: 1, etag: 'e', modified: null, storageClass: 'STANDARD' },
        s3Spec.parse({ bucket: 'logs', endpoint }),
      ).key,
  )
  expect(keys).toEqual(['s3+gw.example/a://logs/k', 's3+gw.example/b://logs/k'])
})

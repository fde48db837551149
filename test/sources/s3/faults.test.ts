import { describe, expect, test } from 'vitest'
import { s3Credentials } from '../../../src/domain/credentials.ts'
import { PauseError, SourceError } from '../../../src/domain/errors.ts'
import { s3Source } from '../../../src/sources/s3/index.ts'
import {
  oddKeys,
  startS3,
  type FaultKind,
  type Quirks,
  type StandInBucket,
} from '../../support/s3/index.ts'
import { ACCESS_KEY, keysOf, SECRET_KEY, sorted, walk } from './walk.ts'

/** One that is not told for how long. */
type PlainFault = Exclude<FaultKind, 'slow'>

const KEYS = [...oddKeys(1_200)]

const start = (bucket: Partial<StandInBucket> = {}, quirks: Quirks = {}) =>
  startS3({
    buckets: { things: { objects: KEYS, ...bucket } },
    accessKeys: { [ACCESS_KEY]: SECRET_KEY },
    quirks: { maxKeys: 50, ...quirks },
  })

const spec = { bucket: 'things', concurrency: 4 }

describe('a server that fails now and then is listed exactly', () => {
  test.each<PlainFault>([
    'slowDown',
    'internalError',
    'reset',
    'cutBody',
    'cutXml',
    'errorIn200',
    'html200',
    'expiredToken',
    'repeatToken',
    'truncatedWithoutToken',
    'emptyTruncated',
  ])('%s', async (kind) => {
    await using s3 = await start()
    for (const at of [1, 4, 9, 15]) s3.fault({ kind, at, times: 1 })
    const { listed, errors } = await walk({ endpoint: s3.endpoint, spec })
    expect(sorted(keysOf(listed))).toEqual(sorted(KEYS))
    expect(s3.requests.filter(({ fault }) => fault === kind)).toHaveLength(4)
    // What the source mends itself costs no page of another range.
    expect(errors).toEqual([])
  })
})

describe('a server that fails for good', () => {
  test.each<[PlainFault, string, boolean]>([
    ['internalError', 'SOURCE_UNAVAILABLE', true],
    ['cutXml', 'SOURCE_MALFORMED', true],
    ['html200', 'SOURCE_MALFORMED', true],
    ['accessDenied', 'FORBIDDEN', false],
  ])('%s: %s', async (kind, code, retryable) => {
    await using s3 = await start()
    s3.fault({ kind, times: Infinity })
    const walking = walk({ endpoint: s3.endpoint, spec, attempts: 1 })
    await expect(walking).rejects.toMatchObject({ code, retryable })
    await expect(walking).rejects.toBeInstanceOf(SourceError)
    await expect(walking).rejects.toThrow('bucket things')
  })

  test('a token that never leads on ends the page, not the listing', async () => {
    await using s3 = await start({}, { ignoresStartAfter: true })
    s3.fault({ kind: 'repeatToken', times: Infinity })
    await expect(walk({ endpoint: s3.endpoint, spec, attempts: 1 })).rejects.toMatchObject({
      code: 'SOURCE_MALFORMED',
      retryable: true,
    })
  })
})

describe('credentials', () => {
  test('that expire on the way are renewed, and the page is asked for again', async () => {
    await using s3 = await startS3({
      buckets: { things: { objects: KEYS } },
      accessKeys: { AKIAOLD: 'old', AKIANEW: 'new' },
      quirks: { maxKeys: 50 },
    })
    s3.fault({
      kind: 'expiredToken',
      times: Infinity,
      when: ({ accessKeyId }) => accessKeyId === 'AKIAOLD' && s3.requests.length > 7,
    })
    let isNew = false
    const credentials = async ({ renew = false } = {}) => {
      isNew ||= renew
      return isNew
        ? s3Credentials({ accessKeyId: 'AKIANEW', secretAccessKey: 'new' })
        : s3Credentials({ accessKeyId: 'AKIAOLD', secretAccessKey: 'old' })
    }
    const { listed, errors } = await walk({ endpoint: s3.endpoint, spec, credentials })
    expect(sorted(keysOf(listed))).toEqual(sorted(KEYS))
    expect(errors).toEqual([])
    expect(s3.requests.at(-1)?.accessKeyId).toBe('AKIANEW')
  })

  test.each([
    ['a key that is unknown', { accessKeyId: 'AKIANOBODY', secretAccessKey: SECRET_KEY }],
    ['a secret that is wrong', { accessKeyId: ACCESS_KEY, secretAccessKey: 'Wrong' }],
  ])('%s leaves the session as it is, and says so without the secret', async (_, keys) => {
    await using s3 = await start()
    const walking = walk({
      endpoint: s3.endpoint,
      spec,
      attempts: 1,
      credentials: async () => s3Credentials(keys),
    })
    await expect(walking).rejects.toBeInstanceOf(PauseError)
    await expect(walking).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
    await expect(walking).rejects.not.toThrow(keys.secretAccessKey)
  })

  test('of another kind are refused before anything is sent', async () => {
    await using s3 = await start()
    const credentials = async () => ({ type: 'GITHUB', values: { token: 'ghp_secret' } }) as const
    const walking = walk({ endpoint: s3.endpoint, spec, attempts: 1, credentials })
    await expect(walking).rejects.toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' })
    expect(s3.requests).toEqual([])
  })
})

describe('a bucket in another region', () => {
  test.each<Quirks>([
    { wrongRegion: 'redirect' },
    { wrongRegion: 'malformed' },
    { wrongRegion: 'constraint' },
    { wrongRegion: 'redirect', noBucketRegionHeader: true },
  ])('is found there: %o', async (quirks) => {
    await using s3 = await start({ region: 'eu-central-1' }, quirks)
    const source = s3Source()
    const { listed, errors } = await walk({ endpoint: s3.endpoint, spec, source })
    expect(sorted(keysOf(listed))).toEqual(sorted(KEYS))
    expect(errors).toEqual([])
    // Found once, known from then on.
    const before = s3.requests.length
    await walk({ endpoint: s3.endpoint, spec, source })
    expect(s3.requests.slice(before).every(({ region }) => region === 'eu-central-1')).toBe(true)
  })
})

describe('what a bucket asks for', () => {
  test('that the requester pays', async () => {
    await using s3 = await start({ requesterPays: true })
    await expect(walk({ endpoint: s3.endpoint, spec })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    const { listed } = await walk({ endpoint: s3.endpoint, spec: { ...spec, requesterPays: true } })
    expect(sorted(keysOf(listed))).toEqual(sorted(KEYS))
  })

  test('to be of the account that is expected', async () => {
    await using s3 = await start({ owner: '123456789012' })
    const owned = (expectedBucketOwner: string) =>
      walk({ endpoint: s3.endpoint, spec: { ...spec, expectedBucketOwner } })
    expect((await owned('123456789012')).listed).toHaveLength(KEYS.length)
    await expect(owned('999999999999')).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  test('to be there', async () => {
    await using s3 = await start()
    const walking = walk({ endpoint: s3.endpoint, spec: { bucket: 'nothing-here' } })
    await expect(walking).rejects.toMatchObject({ code: 'NOT_FOUND', retryable: false })
  })
})

test('fewer requests are out at once while the server asks for that, and more again later', async () => {
  const keys = Array.from({ length: 4_000 }, (_, i) => `f${i % 40}/${i}`)
  await using s3 = await startS3({
    buckets: { things: { objects: keys } },
    latencyMs: 5,
    quirks: { maxKeys: 20 },
  })
  let refused = 0
  s3.fault({
    kind: 'slowDown',
    times: Infinity,
    when: () => s3.openNow > 3 && (refused += 1) <= 20,
  })
  const { listed, errors } = await walk({
    endpoint: s3.endpoint,
    spec: { bucket: 'things', concurrency: 12 },
  })
  expect(sorted(keysOf(listed))).toEqual(sorted(keys))
  expect(errors).toEqual([])
  expect(refused).toBeGreaterThan(0)
})

/** The S3 that tests list, asked by Amazon's own client. */
import {
  CreateSessionCommand,
  GetBucketLocationCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListDirectoryBucketsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { buildApp } from 'fauxqs'
import { request as httpRequest } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type Fault,
  type LoggedRequest,
  oddKeys,
  type S3StandIn,
  type StandInObject,
  type StandInOptions,
  startS3,
} from '../../support/s3/index.ts'
import { RequestRate } from '../../support/s3/request-rate.ts'

const clients: S3Client[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
})

const clientOf = (endpoint: string, config: S3ClientConfig = {}): S3Client => {
  const client = new S3Client({
    endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    // A second attempt would hide what the first one met.
    maxAttempts: 1,
    ...config,
  })
  clients.push(client)
  return client
}

const startWith = async (
  objects: Iterable<string | StandInObject>,
  options: Omit<StandInOptions, 'buckets'> = {},
) => {
  const server = await startS3({ ...options, buckets: { b: { objects } } })
  return { server, client: clientOf(server.endpoint), [Symbol.asyncDispose]: server.close }
}

const decodeKey = (key: string): string => decodeURIComponent(key.replaceAll('+', ' '))

type ListInput = Partial<ListObjectsV2CommandInput>

const list = (client: S3Client, input: ListInput = {}) =>
  client.send(new ListObjectsV2Command({ Bucket: 'b', ...input }))

const keysOf = ({ Contents = [] }: ListObjectsV2CommandOutput): string[] =>
  Contents.map(({ Key = '' }) => Key)

const prefixesOf = ({ CommonPrefixes = [] }: ListObjectsV2CommandOutput): string[] =>
  CommonPrefixes.map(({ Prefix = '' }) => Prefix)

/** Follows the tokens to the end. */
const listAll = async (client: S3Client, input: ListInput = {}) => {
  const pages: ListObjectsV2CommandOutput[] = []
  let token: string | undefined
  do {
    const page = await list(client, { ...input, ContinuationToken: token })
    pages.push(page)
    token = page.NextContinuationToken
  } while (token !== undefined)
  return { pages, keys: pages.flatMap(keysOf), prefixes: pages.flatMap(prefixesOf) }
}

/** Goes on after the last key instead. */
const listByStartAfter = async (client: S3Client, input: ListInput = {}): Promise<string[]> => {
  const keys: string[] = []
  for (;;) {
    const last = keys.at(-1)
    const page = await list(client, {
      ...input,
      EncodingType: 'url',
      ...(last !== undefined && { StartAfter: last }),
    })
    keys.push(...keysOf(page).map(decodeKey))
    if (page.IsTruncated !== true) return keys
  }
}

const numbered = (count: number, prefix = 'key-'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(6, '0')}`)

const byBuffers = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** What the client makes of a refusal. */
const refusalOf = async (promise: Promise<unknown>) => {
  try {
    await promise
  } catch (error) {
    const { name, message, $metadata, $response } = error as Error & {
      readonly $metadata?: { readonly httpStatusCode?: number }
      readonly $response?: { readonly headers: Readonly<Record<string, string>> }
    }
    const region = $response?.headers['x-amz-bucket-region']
    return { name, message, status: $metadata?.httpStatusCode, region }
  }
  throw new Error('nothing was refused')
}

describe('keys', () => {
  test('odd keys are different, legal, and the same each time', () => {
    const keys = [...oddKeys(5_000)]
    expect(new Set(keys).size).toBe(5_000)
    expect(keys).toEqual([...oddKeys(5_000)])
    expect(keys.filter((key) => !key.isWellFormed() || key.includes('\0'))).toEqual([])
    const lengths = keys.map((key) => Buffer.byteLength(key))
    expect(Math.max(...lengths)).toBe(1_024)
    expect(Math.min(...lengths)).toBe(1)
    expect([...oddKeys(3)]).toEqual(keys.slice(0, 3))
  })

  test('odd keys show the difference between UTF-16 and UTF-8', () => {
    const keys = [...oddKeys(5_000)]
    expect(keys.toSorted(byBuffers)).not.toEqual(keys.toSorted())
  })

  test.each([
    ['as on Amazon', {}],
    ['with %20', { encodesSpaceAsPercent20: true }],
    ['with %2F', { encodesSlash: true }],
  ])('all odd keys come back exact, in the order of their bytes (%s)', async (_, quirks) => {
    const odd = [...oddKeys(5_000)]
    await using it = await startWith(odd, { quirks })
    const { keys, pages } = await listAll(it.client, { EncodingType: 'url' })
    expect(keys.map(decodeKey)).toEqual(odd.toSorted(byBuffers))
    expect(pages).toHaveLength(5)
    expect(pages[0]).toMatchObject({ EncodingType: 'url', KeyCount: 1_000, MaxKeys: 1_000 })
  })

  test('a listing by StartAfter is the same', async () => {
    const odd = [...oddKeys(500)]
    await using it = await startWith(odd)
    expect(await listByStartAfter(it.client, { MaxKeys: 7 })).toEqual(odd.toSorted(byBuffers))
    expect(it.server.requests).toHaveLength(Math.ceil(500 / 7))
  })

  test('keys, prefixes and what the request said are encoded alike', async () => {
    await using it = await startWith(['a b/ü+', 'a b/ü+/x', 'a b/~c(3)*'])
    const input = { Prefix: 'a b/', Delimiter: '/', StartAfter: 'a b/!' }
    expect(await list(it.client, { ...input, EncodingType: 'url' })).toMatchObject({
      Prefix: 'a+b/',
      Delimiter: '/',
      StartAfter: 'a+b/%21',
      Contents: [{ Key: 'a+b/~c%283%29%2A' }, { Key: 'a+b/%C3%BC%2B' }],
      CommonPrefixes: [{ Prefix: 'a+b/%C3%BC%2B/' }],
    })
    const bare = await list(it.client, input)
    expect(bare).toMatchObject({ ...input, Contents: [{ Key: 'a b/~c(3)*' }, { Key: 'a b/ü+' }] })
    expect(bare.EncodingType).toBeUndefined()
  })

  test.each(['?list-type=2', '?versions'])(
    'without an encoding, control characters make %s no XML',
    async (query) => {
      await using server = await startS3({ buckets: { b: { objects: ['a\u0001b', 'c&<d\r'] } } })
      const bare = await (await fetch(`${server.endpoint}/b${query}`)).text()
      expect(bare).toContain('<Key>a\u0001b</Key>')
      expect(bare).toContain('<Key>c&amp;&lt;d&#13;</Key>')
      const encoded = await (await fetch(`${server.endpoint}/b${query}&encoding-type=url`)).text()
      expect(encoded).toContain('<Key>a%01b</Key>')
    },
  )

  test('a made-up object depends on its key alone', async () => {
    await using one = await startWith(['x', 'y', 'z'])
    await using other = await startWith(['z'])
    const [, , z] = (await list(one.client)).Contents ?? []
    expect((await list(other.client)).Contents).toEqual([z])
    expect(z).toMatchObject({ ETag: expect.stringMatching(/^"[0-9a-f]{32}"$/) })
    expect((await list(one.client)).Contents?.map(({ ETag }) => ETag)).toHaveLength(3)
    expect(new Set((await list(one.client)).Contents?.map(({ ETag }) => ETag)).size).toBe(3)
  })

  test('what is said of an object is what is listed, its owner on request', async () => {
    const lastModified = new Date('2024-02-29T12:00:00Z')
    await using it = await startWith([
      { key: 'k', size: 7, etag: 'e-2', lastModified, storageClass: 'GLACIER' },
    ])
    const told = {
      Key: 'k',
      Size: 7,
      ETag: '"e-2"',
      LastModified: lastModified,
      StorageClass: 'GLACIER',
    }
    expect((await list(it.client)).Contents).toEqual([told])
    expect((await list(it.client, { FetchOwner: true })).Contents).toEqual([
      { ...told, Owner: { ID: expect.stringMatching(/^[0-9a-f]{64}$/) } },
    ])
  })
})

describe('pages', () => {
  test('a page has at most 1,000 keys, and the last one says so', async () => {
    await using it = await startWith(numbered(2_000))
    const { pages } = await listAll(it.client, { MaxKeys: 5_000 })
    expect(pages.map(({ KeyCount, IsTruncated }) => [KeyCount, IsTruncated])).toEqual([
      [1_000, true],
      [1_000, false],
    ])
    expect(await list(it.client, { MaxKeys: 0 })).toMatchObject({ KeyCount: 0, IsTruncated: false })
    expect(it.server.requests[0]).toMatchObject({
      operation: 'ListObjectsV2',
      bucket: 'b',
      query: { 'list-type': '2', 'max-keys': '5000' },
      accessKeyId: 'AKIDEXAMPLE',
      region: 'us-east-1',
      status: 200,
      fault: null,
    })
  })

  test.each([-1, 2 ** 31])('%d keys a page are refused', async (MaxKeys) => {
    await using it = await startWith([])
    expect(await refusalOf(list(it.client, { MaxKeys }))).toMatchObject({ name: 'InvalidArgument' })
  })

  test('a token goes with its parameters, and wins over StartAfter', async () => {
    await using it = await startWith([...numbered(10, 'a/'), ...numbered(10, 'b/')])
    const first = await list(it.client, { Prefix: 'a/', MaxKeys: 3 })
    const ContinuationToken = first.NextContinuationToken
    const next = await list(it.client, {
      Prefix: 'a/',
      MaxKeys: 2,
      StartAfter: 'a/000008',
      ContinuationToken,
    })
    expect(keysOf(next)).toEqual(['a/000003', 'a/000004'])
    expect(next).toMatchObject({ ContinuationToken, StartAfter: 'a/000008' })
    for (const wrong of [
      { Prefix: 'b/', ContinuationToken },
      { Prefix: 'a/', Delimiter: '/', ContinuationToken },
      { Prefix: 'a/', ContinuationToken: 'a/000002' },
      { Prefix: 'a/', ContinuationToken: '' },
    ])
      expect(await refusalOf(list(it.client, wrong))).toMatchObject({
        name: 'InvalidArgument',
        status: 400,
        message: 'The continuation token provided is incorrect',
      })
  })

  test('a token outlives the server that gave it, and is not given twice', async () => {
    const objects = numbered(10)
    await using one = await startWith(objects)
    const [first, again] = [
      await list(one.client, { MaxKeys: 4 }),
      await list(one.client, { MaxKeys: 4 }),
    ]
    expect(first.NextContinuationToken).not.toBe(again.NextContinuationToken)
    await using other = await startWith(objects)
    const next = await list(other.client, { ContinuationToken: first.NextContinuationToken })
    expect(keysOf(next)).toEqual(objects.slice(4))
  })

  test('a bucket may change while it is listed', async () => {
    await using it = await startWith(['b', 'd', 'f', 'h'])
    const first = await list(it.client, { MaxKeys: 2 })
    it.server.remove('b', 'd')
    it.server.remove('b', 'f')
    it.server.put('b', 'a')
    it.server.put('b', { key: 'e', size: 5 })
    it.server.put('b', { key: 'h', size: 8 })
    const ContinuationToken = first.NextContinuationToken
    expect((await list(it.client, { ContinuationToken })).Contents).toMatchObject([
      { Key: 'e', Size: 5 },
      { Key: 'h', Size: 8 },
    ])
    expect(keysOf(await list(it.client))).toEqual(['a', 'b', 'e', 'h'])
    expect(() => it.server.put('c', 'a')).toThrow('there is no bucket "c"')
  })
})

describe('delimiters', () => {
  const descend = async (client: S3Client, Prefix: string): Promise<string[]> => {
    const input = { Prefix, Delimiter: '/', EncodingType: 'url', MaxKeys: 3 } as const
    const { keys, prefixes } = await listAll(client, input)
    const below: string[] = []
    for (const prefix of prefixes) below.push(...(await descend(client, decodeKey(prefix))))
    return [...keys.map(decodeKey), ...below]
  }

  test.each([
    ['in the order of bytes', {}],
    ['in the order of a language', { localeOrder: true }],
  ])('walking down finds every key once (%s)', async (_, quirks) => {
    const odd = [...oddKeys(300)].filter((key) => key.length < 100)
    await using it = await startWith(odd, { quirks })
    expect((await descend(it.client, '')).toSorted()).toEqual(odd.toSorted())
  })

  test('a common prefix counts as one, however much is in it', async () => {
    await using it = await startWith([...numbered(5_000, 'big/'), 'a', 'z', 'bigger'])
    const page = await list(it.client, { Delimiter: '/' })
    expect(page).toMatchObject({ KeyCount: 4, IsTruncated: false })
    expect(keysOf(page)).toEqual(['a', 'bigger', 'z'])
    expect(prefixesOf(page)).toEqual(['big/'])
  })

  test.each([
    [{}, ['b/', 'c/'], ['b/', 'c/'], ['c/']],
    [{ skipsPrefixOfStartAfter: true }, ['b/', 'c/'], ['c/'], ['c/']],
  ])('StartAfter before, in and at a common prefix (%j)', async (quirks, before, within, at) => {
    await using it = await startWith(['a', 'b/1', 'b/2', 'c/1'], { quirks })
    const after = async (StartAfter: string) =>
      prefixesOf(await list(it.client, { Delimiter: '/', StartAfter }))
    expect(await after('b')).toEqual(before)
    expect(await after('b/1')).toEqual(within)
    expect(await after('b/')).toEqual(at)
    expect(await after('b/2')).toEqual(['c/'])
  })

  test('a delimiter may be any text, and the prefix may end anywhere', async () => {
    await using it = await startWith(['p--1', 'p--2', 'pq--1', 'x'])
    const page = await list(it.client, { Prefix: 'p', Delimiter: '--' })
    expect([prefixesOf(page), keysOf(page)]).toEqual([['p--', 'pq--'], []])
  })

  test('another S3 says the same of plain keys', async () => {
    const keys = ['a', 'a/1', 'a/2', 'a/b/1', 'b/1', 'c', 'd/e/f', 'x1', 'x2']
    const app = buildApp({ logger: false })
    const endpoint = await app.listen({ port: 0, host: '127.0.0.1' })
    try {
      await fetch(`${endpoint}/plain`, { method: 'PUT' })
      const other = clientOf(endpoint)
      for (const Key of keys)
        await other.send(new PutObjectCommand({ Bucket: 'plain', Key, Body: 'x' }))
      await using it = await startWith(keys)
      for (const input of [
        {},
        { Prefix: 'a' },
        { Prefix: 'a/' },
        { Delimiter: '/' },
        { Prefix: 'a/', Delimiter: '/' },
        { Delimiter: '/', MaxKeys: 2 },
        { MaxKeys: 3 },
        { MaxKeys: 9 },
        { StartAfter: 'a/2' },
        { StartAfter: 'bb' },
        { Prefix: 'zz' },
      ]) {
        const [ours, theirs] = [
          await list(it.client, input),
          await list(other, { Bucket: 'plain', ...input }),
        ]
        const facts = (page: ListObjectsV2CommandOutput) => ({
          keys: keysOf(page),
          prefixes: prefixesOf(page),
          isTruncated: page.IsTruncated,
          keyCount: page.KeyCount,
          maxKeys: page.MaxKeys,
          hasToken: page.NextContinuationToken !== undefined,
        })
        expect(facts(ours), JSON.stringify(input)).toEqual(facts(theirs))
      }
    } finally {
      await app.close()
    }
  })
})

describe('versions', () => {
  const objects: readonly (string | StandInObject)[] = [
    'plain',
    {
      key: 'often',
      versions: [
        { versionId: 'v3', size: 3 },
        { versionId: 'v2', deleteMarker: true },
        { versionId: 'v1', size: 1 },
      ],
    },
    { key: 'gone', versions: [{ versionId: 'g2', deleteMarker: true }, { versionId: 'g1' }] },
    { key: 'dir/x', versions: [{ versionId: 'x1' }] },
  ]
  const everything = [
    ['dir/x', 'x1', true],
    ['gone', 'g2', true],
    ['gone', 'g1', false],
    ['often', 'v3', true],
    ['often', 'v2', false],
    ['often', 'v1', false],
    ['plain', 'null', true],
  ]
  const versionsOf = (client: S3Client, input: Partial<ListObjectVersionsCommandInput> = {}) =>
    client.send(new ListObjectVersionsCommand({ Bucket: 'b', ...input }))

  test.each([1, 2, 3, 1_000])('all are listed, the newest first, %d a page', async (MaxKeys) => {
    await using it = await startWith(objects)
    const found: unknown[] = []
    let markers: Partial<ListObjectVersionsCommandInput> = {}
    for (;;) {
      const page = await versionsOf(it.client, { MaxKeys, ...markers })
      const both = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]
      expect(both.length).toBeLessThanOrEqual(MaxKeys)
      found.push(...both.map(({ Key, VersionId, IsLatest }) => [Key, VersionId, IsLatest]))
      if (page.IsTruncated !== true) break
      markers = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
    }
    const sorted = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).toSorted()
    expect(sorted(found)).toEqual(sorted(everything))
    // The client sorts delete markers out; one a page shows the order.
    if (MaxKeys === 1) expect(found).toEqual(everything)
  })

  test('a key marker alone goes on after all versions of the key', async () => {
    await using it = await startWith(objects)
    const page = await versionsOf(it.client, { KeyMarker: 'often' })
    expect(page.Versions).toMatchObject([{ Key: 'plain', VersionId: 'null', IsLatest: true }])
    expect(page.DeleteMarkers).toBeUndefined()
    expect(await refusalOf(versionsOf(it.client, { VersionIdMarker: 'v1' }))).toMatchObject({
      name: 'InvalidArgument',
    })
  })

  test('prefixes are rolled up, and stepped over by their marker', async () => {
    await using it = await startWith([...objects, 'dir/y'])
    const first = await versionsOf(it.client, { Delimiter: '/', MaxKeys: 1 })
    expect(first).toMatchObject({
      CommonPrefixes: [{ Prefix: 'dir/' }],
      NextKeyMarker: 'dir/',
      IsTruncated: true,
    })
    expect(first.NextVersionIdMarker).toBeUndefined()
    const second = await versionsOf(it.client, { Delimiter: '/', MaxKeys: 1, KeyMarker: 'dir/' })
    expect(second.DeleteMarkers).toMatchObject([{ Key: 'gone', VersionId: 'g2' }])
  })

  test('odd keys come back exact', async () => {
    const odd = [...oddKeys(700)]
    await using it = await startWith(odd)
    const page = await versionsOf(it.client, { EncodingType: 'url' })
    const keys = page.Versions?.map(({ Key = '' }) => decodeKey(Key))
    expect(keys).toEqual(odd.toSorted(byBuffers))
  })

  test('a plain listing has the newest, and no deleted key', async () => {
    await using it = await startWith(objects)
    expect((await list(it.client)).Contents).toMatchObject([
      { Key: 'dir/x' },
      { Key: 'often', Size: 3 },
      { Key: 'plain' },
    ])
    it.server.put('b', 'gone')
    it.server.put('b', { key: 'plain', versions: [{ versionId: 'p', deleteMarker: true }] })
    expect(keysOf(await list(it.client))).toEqual(['dir/x', 'gone', 'often'])
    it.server.remove('b', 'often')
    const left = await versionsOf(it.client)
    expect(left.Versions?.map(({ Key }) => Key)).toEqual(['dir/x', 'gone'])
    expect(left.DeleteMarkers?.map(({ Key }) => Key)).toEqual(['plain'])
  })

  test('a key may be deleted where none was before', async () => {
    await using it = await startWith(['a', 'b'])
    it.server.put('b', { key: 'a', versions: [{ versionId: 'd', deleteMarker: true }] })
    expect(keysOf(await list(it.client))).toEqual(['b'])
    expect((await versionsOf(it.client)).DeleteMarkers).toMatchObject([{ Key: 'a' }])
  })
})

describe('buckets', () => {
  const buckets = {
    'logs-1': { objects: ['a'], region: 'eu-west-1' },
    'logs-2': { objects: [] },
    data: { objects: [] },
    'fast--use1-az4--x-s3': { objects: numbered(30, 'd/'), kind: 'directory' as const },
    'near--euw1-az1--x-s3': { objects: [], kind: 'directory' as const, region: 'eu-west-1' },
  }
  const names = (page: { Buckets?: { Name?: string | undefined }[] | undefined }) =>
    page.Buckets?.map(({ Name }) => Name)

  test('general purpose buckets are listed in pages, by prefix and by region', async () => {
    await using server = await startS3({ buckets })
    const client = clientOf(server.endpoint)
    const all = await client.send(new ListBucketsCommand({}))
    expect(names(all)).toEqual(['data', 'logs-1', 'logs-2'])
    expect(all.Buckets?.[0]?.BucketRegion).toBeUndefined()
    const first = await client.send(new ListBucketsCommand({ MaxBuckets: 1, Prefix: 'logs-' }))
    expect(first.Buckets).toMatchObject([{ Name: 'logs-1', BucketRegion: 'eu-west-1' }])
    const { ContinuationToken } = first
    const next = await client.send(new ListBucketsCommand({ Prefix: 'logs-', ContinuationToken }))
    expect(names(next)).toEqual(['logs-2'])
    expect(next.ContinuationToken).toBeUndefined()
    const near = await client.send(new ListBucketsCommand({ BucketRegion: 'eu-west-1' }))
    expect(names(near)).toEqual(['logs-1'])
  })

  test('directory buckets are listed apart, those of the region', async () => {
    await using server = await startS3({ buckets })
    const client = clientOf(server.endpoint)
    const page = await client.send(new ListDirectoryBucketsCommand({}))
    expect(names(page)).toEqual(['fast--use1-az4--x-s3'])
    expect(server.requests.map(({ operation }) => operation)).toEqual(['ListDirectoryBuckets'])
  })

  test('a directory bucket is listed in a session, in no order, and always the same', async () => {
    await using server = await startS3({ buckets, accessKeys: { AKIDEXAMPLE: 'secret' } })
    const client = clientOf(server.endpoint)
    const Bucket = 'fast--use1-az4--x-s3'
    const listed = await listAll(client, { Bucket, MaxKeys: 7 })
    const again = await listAll(client, { Bucket, MaxKeys: 11 })
    expect(listed.keys).toEqual(again.keys)
    expect(listed.keys.toSorted()).toEqual(numbered(30, 'd/'))
    expect(listed.keys).not.toEqual(numbered(30, 'd/'))
    const rolled = await listAll(client, { Bucket, Delimiter: '/' })
    expect(rolled.prefixes).toEqual(['d/'])
    const [session, ...rest] = server.requests
    expect(session).toMatchObject({ operation: 'CreateSession', accessKeyId: 'AKIDEXAMPLE' })
    expect(rest.every(({ accessKeyId }) => accessKeyId?.startsWith('ASIA'))).toBe(true)
  })

  test.each([{ StartAfter: 'd/000001' }, { Prefix: 'd' }, { Delimiter: '0' }])(
    'a directory bucket refuses %j',
    async (input) => {
      await using server = await startS3({ buckets })
      const client = clientOf(server.endpoint)
      const Bucket = 'fast--use1-az4--x-s3'
      const refusal = await refusalOf(client.send(new ListObjectsV2Command({ Bucket, ...input })))
      expect(refusal).toMatchObject({ name: 'InvalidArgument', status: 400 })
    },
  )

  test('a session is for one directory bucket, and for no other kind', async () => {
    await using server = await startS3({ buckets })
    const client = clientOf(server.endpoint)
    const refusal = await refusalOf(client.send(new CreateSessionCommand({ Bucket: 'data' })))
    expect(refusal).toMatchObject({ name: 'MethodNotAllowed', status: 405 })
  })

  test('the bucket may be in the name of the host', async () => {
    await using server = await startS3({ buckets })
    const { port } = new URL(server.endpoint)
    const body = await new Promise<string>((resolve, reject) => {
      const headers = { host: `logs-1.localhost:${port}` }
      httpRequest(`${server.endpoint}/?list-type=2`, { headers }, (response) => {
        response.setEncoding('utf8')
        let text = ''
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve(text))
      })
        .on('error', reject)
        .end()
    })
    expect(body).toContain('<Name>logs-1</Name>')
    expect(body).toContain('<Key>a</Key>')
  })
})

describe('access', () => {
  const accessKeys = { AKIDEXAMPLE: 'secret', ASIATEMPORARY: 'brief' }
  const sessionTokens = { ASIATEMPORARY: 'the-token' }
  const startLocked = () =>
    startS3({ buckets: { b: { objects: ['ü &+/(*)'] } }, accessKeys, sessionTokens })
  const as = (server: S3StandIn, accessKeyId: string, secretAccessKey: string, token?: string) =>
    clientOf(server.endpoint, {
      credentials: {
        accessKeyId,
        secretAccessKey,
        ...(token !== undefined && { sessionToken: token }),
      },
    })

  test('a right signature is taken, whatever is in the query', async () => {
    await using server = await startLocked()
    const input = { Prefix: 'ü &+', StartAfter: "!*'()~ \u0001", EncodingType: 'url' } as const
    const page = await list(as(server, 'AKIDEXAMPLE', 'secret'), input)
    expect(page.Contents).toMatchObject([{ Key: '%C3%BC+%26%2B/%28%2A%29' }])
    await list(as(server, 'ASIATEMPORARY', 'brief', 'the-token'))
    expect(JSON.stringify(server.requests)).not.toContain('the-token')
  })

  test.each([
    ['AKIDUNKNOWN', 'secret', undefined, 'InvalidAccessKeyId', 403],
    ['AKIDEXAMPLE', 'Secret', undefined, 'SignatureDoesNotMatch', 403],
    ['AKIDEXAMPLE', 'secret', 'the-token', 'InvalidToken', 400],
    ['ASIATEMPORARY', 'brief', undefined, 'InvalidAccessKeyId', 403],
    ['ASIATEMPORARY', 'brief', 'another', 'InvalidToken', 400],
  ])('%s with "%s" and token %s: %s', async (...row) => {
    const [id, secret, token, name, status] = row
    await using server = await startLocked()
    expect(await refusalOf(list(as(server, id, secret, token)))).toMatchObject({ name, status })
  })

  test('without any key there is no access where keys are known', async () => {
    await using server = await startLocked()
    const response = await fetch(`${server.endpoint}/b?list-type=2`)
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('<Code>AccessDenied</Code>')
  })

  test('owner, payer, prefix and name of the bucket are looked at', async () => {
    await using server = await startS3({
      buckets: {
        b: { objects: ['open/1', 'secret/1'], owner: '999988887777', forbidden: ['secret/'] },
        paid: { objects: ['a'], requesterPays: true },
      },
    })
    const client = clientOf(server.endpoint)
    const denied = { name: 'AccessDenied', status: 403 }
    expect(await refusalOf(list(client, { ExpectedBucketOwner: '111111111111' }))).toMatchObject(
      denied,
    )
    expect(keysOf(await list(client, { ExpectedBucketOwner: '999988887777' }))).toHaveLength(2)
    expect(await refusalOf(list(client, { Prefix: 'secret/' }))).toMatchObject(denied)
    expect(await refusalOf(list(client, { Prefix: 'secret/x' }))).toMatchObject(denied)
    expect(keysOf(await list(client, { Prefix: 'open/' }))).toEqual(['open/1'])
    const paid = (input: object) =>
      client.send(new ListObjectsV2Command({ Bucket: 'paid', ...input }))
    expect(await refusalOf(paid({}))).toMatchObject(denied)
    expect(await paid({ RequestPayer: 'requester' })).toMatchObject({ RequestCharged: 'requester' })
    const missing = client.send(new ListObjectsV2Command({ Bucket: 'missing' }))
    expect(await refusalOf(missing)).toMatchObject({ name: 'NoSuchBucket', status: 404 })
  })
})

describe('regions', () => {
  const buckets = { b: { objects: ['a'], region: 'eu-west-1' } }

  test.each([
    ['redirect', 'PermanentRedirect', 301],
    ['malformed', 'AuthorizationHeaderMalformed', 400],
    ['constraint', 'IllegalLocationConstraintException', 400],
  ] as const)('a wrong region is answered with %s', async (wrongRegion, name, status) => {
    await using server = await startS3({ buckets, quirks: { wrongRegion } })
    const client = clientOf(server.endpoint)
    const region = 'eu-west-1'
    expect(await refusalOf(list(client))).toMatchObject({ name, status, region })
    const head = client.send(new HeadBucketCommand({ Bucket: 'b' }))
    expect(await refusalOf(head)).toMatchObject({ status, region })
    const right = clientOf(server.endpoint, { region })
    expect(keysOf(await list(right))).toEqual(['a'])
    expect(await right.send(new HeadBucketCommand({ Bucket: 'b' }))).toMatchObject({
      BucketRegion: region,
    })
  })

  test('the header may be missing; the body of a malformed one still says the region', async () => {
    await using server = await startS3({
      buckets,
      quirks: { wrongRegion: 'malformed', noBucketRegionHeader: true },
    })
    const client = clientOf(server.endpoint)
    const error = await list(client).catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'AuthorizationHeaderMalformed', Region: 'eu-west-1' })
    expect((await refusalOf(list(client))).region).toBeUndefined()
  })

  test('the client finds the region by itself, by redirect or location', async () => {
    await using server = await startS3({ buckets: { ...buckets, old: { objects: [] } } })
    const follows = clientOf(server.endpoint, { followRegionRedirects: true })
    expect(keysOf(await list(follows))).toEqual(['a'])
    expect(server.requests.map(({ region }) => region)).toEqual(['us-east-1', 'eu-west-1'])
    const where = async (Bucket: string) =>
      (await clientOf(server.endpoint).send(new GetBucketLocationCommand({ Bucket })))
        .LocationConstraint
    expect(await where('b')).toBe('eu-west-1')
    expect(await where('old')).toBeFalsy()
  })
})

describe('faults', () => {
  test.each([
    ['slowDown', { name: 'SlowDown', status: 503 }],
    ['internalError', { name: 'InternalError', status: 500 }],
    ['expiredToken', { name: 'ExpiredToken', status: 400 }],
    ['requestTimeTooSkewed', { name: 'RequestTimeTooSkewed', status: 403 }],
    ['accessDenied', { name: 'AccessDenied', status: 403 }],
    ['errorIn200', { name: 'InternalError' }],
    ['reset', { message: expect.stringMatching(/ECONNRESET|socket hang up/) }],
    ['cutBody', { message: expect.stringMatching(/aborted/) }],
    ['cutXml', { message: expect.stringMatching(/XML parse error/) }],
  ] as const)('%s is seen once, and then it is over', async (kind, seen) => {
    await using it = await startWith(numbered(100))
    it.server.fault({ kind })
    expect(await refusalOf(list(it.client))).toMatchObject(seen)
    expect(keysOf(await list(it.client))).toEqual(numbered(100))
    expect(it.server.requests.map(({ fault }) => fault)).toEqual([kind, null])
  })

  test('a web page with status 200 is no listing', async () => {
    await using it = await startWith(numbered(10))
    it.server.fault({ kind: 'html200' })
    // The client takes any XML for an answer: this one has nothing in it, not even an end.
    const page = await list(it.client)
    expect([page.KeyCount, page.IsTruncated, page.Contents]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  test('what is cut keeps its promise of length, or breaks it', async () => {
    await using it = await startWith(numbered(100))
    const get = () => fetch(`${it.server.endpoint}/b?list-type=2`)
    const whole = await (await get()).text()
    it.server.fault({ kind: 'cutXml' })
    const xml = await get()
    const text = await xml.text()
    expect(whole.startsWith(text)).toBe(true)
    expect(text.length).toBeLessThan(whole.length)
    expect(xml.headers.get('content-length')).toBe(String(text.length))
    it.server.fault({ kind: 'cutBody' })
    const body = await get()
    expect(body.headers.get('content-length')).toBe(String(whole.length))
    await expect(body.text()).rejects.toThrow('terminated')
  })

  test('a token that is repeated leads nowhere', async () => {
    await using it = await startWith(numbered(10))
    it.server.fault({ kind: 'repeatToken' })
    const first = await list(it.client, { MaxKeys: 3 })
    expect(it.server.requests[0]?.fault).toBeNull()
    const ContinuationToken = first.NextContinuationToken
    const second = await list(it.client, { MaxKeys: 3, ContinuationToken })
    expect(keysOf(second)).toEqual(['key-000003', 'key-000004', 'key-000005'])
    expect(second).toMatchObject({ IsTruncated: true, NextContinuationToken: ContinuationToken })
  })

  test('a page may be truncated without a token', async () => {
    await using it = await startWith(numbered(10))
    it.server.fault({ kind: 'truncatedWithoutToken' })
    const page = await list(it.client, { MaxKeys: 3 })
    expect(page).toMatchObject({ IsTruncated: true, KeyCount: 3 })
    expect(page.NextContinuationToken).toBeUndefined()
  })

  test('an empty page leads on', async () => {
    await using it = await startWith(numbered(10))
    it.server.fault({ kind: 'emptyTruncated', at: 2, times: 2 })
    const { pages, keys } = await listAll(it.client, { MaxKeys: 5 })
    expect(pages.map(({ KeyCount }) => KeyCount)).toEqual([5, 0, 0, 5])
    expect(keys).toEqual(numbered(10))
    expect(new Set(pages.map((page) => page.NextContinuationToken)).size).toBe(4)
  })

  test('version markers are repeated or missing too', async () => {
    await using it = await startWith(numbered(10))
    it.server.fault({ kind: 'truncatedWithoutToken', at: 2 })
    it.server.fault({ kind: 'repeatToken' })
    const KeyMarker = 'key-000003'
    const send = (input: object) =>
      it.client.send(new ListObjectVersionsCommand({ Bucket: 'b', ...input }))
    const repeated = await send({ KeyMarker, VersionIdMarker: 'null' })
    expect(repeated).toMatchObject({ NextKeyMarker: KeyMarker, NextVersionIdMarker: 'null' })
    const endless = await send({})
    expect(endless.IsTruncated).toBe(true)
    expect(endless.NextKeyMarker).toBeUndefined()
  })

  test('what hangs is left by the caller, and counted until then', async () => {
    await using it = await startWith(numbered(10))
    it.server.fault({ kind: 'hang', times: 2 })
    const leaving = new AbortController()
    const command = new ListObjectsV2Command({ Bucket: 'b' })
    const left = refusalOf(it.client.send(command, { abortSignal: leaving.signal }))
    const held = refusalOf(list(it.client))
    await expect.poll(() => it.server.openNow).toBe(2)
    leaving.abort()
    expect(await left).toMatchObject({ name: 'AbortError' })
    await expect.poll(() => it.server.openNow).toBe(1)
    expect(keysOf(await list(it.client))).toHaveLength(10)
    expect(it.server.openMost).toBe(2)
    expect(it.server.requests.map(({ status }) => status)).toEqual([null, null, 200])
    await it.server.close()
    expect(await held).toMatchObject({ message: expect.stringMatching(/ECONNRESET|hang up/) })
  })

  test('a slow answer comes after the others', async () => {
    await using it = await startWith(numbered(10))
    it.server.fault({ kind: 'slow', latencyMs: 300, when: ({ query }) => query['prefix'] === 'k' })
    const order: string[] = []
    await Promise.all([
      list(it.client, { Prefix: 'k' }).then(() => order.push('slow')),
      list(it.client).then(() => order.push('usual')),
    ])
    expect(order).toEqual(['usual', 'slow'])
  })

  test('which requests, from which on, and how often', async () => {
    await using it = await startWith(numbered(10))
    const faults: Fault[] = [
      { kind: 'slowDown', at: 3, times: 2, when: ({ query }) => query['prefix'] === 'k' },
      { kind: 'internalError', at: 2 },
    ]
    for (const fault of faults) it.server.fault(fault)
    const outcomes: (number | null)[] = []
    for (const Prefix of ['', 'k', 'k', 'k', '', 'k', 'k']) {
      await list(it.client, { Prefix }).catch(() => undefined)
      outcomes.push(it.server.requests.at(-1)?.status ?? null)
    }
    expect(outcomes).toEqual([200, 500, 200, 503, 200, 503, 200])
  })
})

describe('quirks', () => {
  test('StartAfter may be ignored', async () => {
    await using it = await startWith(numbered(3), { quirks: { ignoresStartAfter: true } })
    expect(keysOf(await list(it.client, { StartAfter: 'key-000001' }))).toEqual(numbered(3))
  })

  test('the encoding may be ignored', async () => {
    await using it = await startWith(['a b+c'], { quirks: { ignoresEncodingType: true } })
    const page = await list(it.client, { EncodingType: 'url' })
    expect([page.EncodingType, keysOf(page)]).toEqual([undefined, ['a b+c']])
  })

  test('the order may be that of a language, over all pages', async () => {
    const keys = ['B', 'a', 'Ä', 'z', '_', 'A', 'b']
    const quirks = { localeOrder: true }
    await using it = await startWith(keys, { quirks })
    const sorted = keys.toSorted((a, b) => a.localeCompare(b, 'en'))
    expect(sorted).not.toEqual(keys.toSorted())
    expect((await listAll(it.client, { MaxKeys: 2 })).keys).toEqual(sorted)
    expect(await listByStartAfter(it.client, { MaxKeys: 3 })).toEqual(sorted)
  })

  test('a page may be smaller than asked for', async () => {
    await using it = await startWith(numbered(10), { quirks: { maxKeys: 4 } })
    const { pages, keys } = await listAll(it.client, { MaxKeys: 6 })
    expect(pages.map(({ KeyCount, MaxKeys }) => [KeyCount, MaxKeys])).toEqual([
      [4, 6],
      [4, 6],
      [2, 6],
    ])
    expect(keys).toEqual(numbered(10))
  })

  test('too many requests a second are told to slow down', async () => {
    const rateLimit = {
      requestsPerSecond: 3,
      when: ({ query }: { query: object }) => !('prefix' in query),
    }
    await using it = await startWith(numbered(1), { quirks: { rateLimit } })
    const asked = Array.from({ length: 8 }, () => list(it.client))
    await Promise.allSettled(asked)
    await list(it.client, { Prefix: 'k' })
    const statuses = it.server.requests.map(({ status }) => status)
    expect(statuses.slice(0, 3)).toEqual([200, 200, 200])
    expect(statuses.slice(3, -1)).toContain(503)
    expect(statuses.at(-1)).toBe(200)
  })

  test('a request counts for a second, and one that was refused does not', async () => {
    await using it = await startWith([])
    await list(it.client)
    const [request] = it.server.requests
    const rate = new RequestRate({ requestsPerSecond: 2 })
    const codes = [0, 900, 950, 999, 1_000, 1_899, 1_900].map(
      (now) => rate.refusalOf(request as LoggedRequest, now)?.code,
    )
    const refused = 'SlowDown'
    expect(codes).toEqual([undefined, undefined, refused, refused, undefined, refused, undefined])
  })

  test('requests that wait together are counted', async () => {
    await using it = await startWith(numbered(1), { latencyMs: 50 })
    await Promise.all([list(it.client), list(it.client), list(it.client)])
    expect([it.server.openMost, it.server.requests.length]).toEqual([3, 3])
    await expect.poll(() => it.server.openNow).toBe(0)
  })
})

test('a hundred thousand keys, each once', async () => {
  const keys = numbered(100_000, 'some/where/far/down/')
  await using server = await startS3({ buckets: { b: { objects: keys.toReversed() } } })
  const found: string[] = []
  let token = ''
  do {
    const query = token === '' ? '' : `&continuation-token=${encodeURIComponent(token)}`
    const text = await (await fetch(`${server.endpoint}/b?list-type=2${query}`)).text()
    for (const [, key = ''] of text.matchAll(/<Key>(.*?)<\/Key>/g)) found.push(key)
    token = /<NextContinuationToken>(.*?)</.exec(text)?.[1] ?? ''
  } while (token !== '')
  expect(found).toEqual(keys)
  expect(server.requests).toHaveLength(100)
})

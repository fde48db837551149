import { describe, expect, test } from 'vitest'
import { s3Spec } from '../../../src/sources/s3/spec.ts'

const problems = (spec: unknown): readonly string[] =>
  s3Spec.safeParse(spec).error?.issues.map(({ message }) => message) ?? []

describe('an s3 spec', () => {
  test('as short as it can be', () => {
    expect(s3Spec.parse({ bucket: 'logs' })).toEqual({ bucket: 'logs', concurrency: 8 })
    expect(s3Spec.parse({ allBuckets: true })).toEqual({ allBuckets: true, concurrency: 8 })
  })

  test.each([
    { bucket: 'logs', prefix: '', filter: {}, versions: false, requesterPays: false },
    { bucket: 'logs', filter: { archived: 'exclude', minSize: 0 } },
  ])('that says what holds anyway is no other: %j', (spec) => {
    expect(JSON.stringify(s3Spec.parse(spec))).toBe(
      JSON.stringify(s3Spec.parse({ bucket: 'logs' })),
    )
  })

  test('with everything, and what it is parsed to parses to itself', () => {
    const parsed = s3Spec.parse({
      bucket: 'logs',
      prefix: '2026/',
      region: 'eu-west-1',
      endpoint: 'https://minio.example.com:9000/',
      pathStyle: false,
      requesterPays: true,
      expectedBucketOwner: '123456789012',
      versions: true,
      concurrency: 1,
      filter: {
        include: ['b', 'a', 'a'],
        exclude: ['**/*.tmp'],
        minSize: 1,
        maxSize: 2,
        modifiedSince: '2025-01-01',
        modifiedBefore: '2026-01-01T00:00:00+01:00',
        storageClasses: ['standard'],
        archived: 'include',
      },
    })
    expect(parsed).toMatchObject({
      endpoint: 'https://minio.example.com:9000',
      filter: {
        include: ['a', 'b'],
        modifiedSince: '2025-01-01T00:00:00.000Z',
        modifiedBefore: '2025-12-31T23:00:00.000Z',
        storageClasses: ['STANDARD'],
      },
    })
    expect(s3Spec.parse(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed)
  })

  test.each<[unknown, string]>([
    [{}, 'give exactly one of bucket and all_buckets'],
    [{ bucket: 'logs', allBuckets: true }, 'give exactly one of bucket and all_buckets'],
    [{ bucket: 'logs', buckets: ['*'] }, 'buckets and exclude_buckets choose among all_buckets'],
    [{ bucket: 's3://logs/2026' }, 'bucket "s3://logs/2026" is not the name of a bucket'],
    [{ bucket: 7 }, 'bucket is 7; expected the name of a bucket'],
    [{ bucket: 'logs', bukket: 1 }, 'unknown key bukket for an s3 target'],
    [{ bucket: 'logs', prefix: 'a'.repeat(1_025) }, 'longer than a key can be'],
    [{ bucket: 'logs', region: 'Frankfurt' }, 'region "Frankfurt" is not a region'],
    [{ bucket: 'logs', endpoint: 'minio:9000' }, 'endpoint is not an http(s) URL'],
    [{ bucket: 'logs', expectedBucketOwner: '12' }, 'it has 12 digits'],
    [{ bucket: 'logs', concurrency: 0 }, 'concurrency is 0; expected a whole number of requests'],
    [{ bucket: 'logs', concurrency: 65 }, 'from 1 to 64'],
    [{ bucket: 'logs', filter: { minSize: 3, maxSize: 2 } }, 'exchange them'],
    [{ bucket: 'logs', filter: { modifiedSince: '2026', x: 1 } }, 'unknown key x in filter'],
    [{ bucket: 'logs', filter: { modifiedSince: '2026-01-01T00:00' } }, 'a time with its zone'],
    [{ bucket: 'logs', filter: { modifiedSince: '2025-02-30' } }, 'a date such as'],
    [{ bucket: 'logs', filter: [] }, 'filter is an empty list; expected a mapping'],
    [{ bucket: 'a--use1-az4--x-s3', prefix: 'logs' }, 'has to end in "/"'],
    [{ bucket: 'a--use1-az4--x-s3', versions: true }, 'a directory bucket has no versions'],
  ])('%j: %s', (spec, message) => {
    expect(problems(spec).join('\n')).toContain(message)
  })

  test('shows no credentials of an endpoint', () => {
    const [problem] = problems({ bucket: 'logs', endpoint: 'https://user:S3CRET@minio' })
    expect(problem).toContain('endpoint for minio holds credentials')
    expect(problem).not.toContain('S3CRET')
  })
})

import { describe, expect, test } from 'vitest'
import { ItemRejectedError } from '../../../src/domain/errors.ts'
import { s3Source, type S3Item } from '../../../src/sources/s3/index.ts'
import { s3Spec } from '../../../src/sources/s3/spec.ts'
import { oddKeys } from '../../support/s3/index.ts'

const source = s3Source()
const spec = s3Spec.parse({ bucket: 'logs' })

const object: S3Item = {
  bucket: 'logs',
  key: '2026/a b+c%2F.gz',
  size: 1_234,
  etag: 'd41d8cd98f00b204e9800998ecf8427e',
  modified: '2026-01-02T03:04:05.000Z',
  storageClass: 'STANDARD',
}

describe('an object', () => {
  test('is known by bucket and key, with the key as it is', () => {
    expect(source.identify(object, spec)).toEqual({
      key: 's3://logs/2026/a b+c%2F.gz',
      uri: 's3://logs/2026/a b+c%2F.gz',
      name: '2026/a b+c%2F.gz',
      version: 'd41d8cd98f00b204e9800998ecf8427e',
      metadata: {
        bucket: 'logs',
        key: '2026/a b+c%2F.gz',
        size: 1_234,
        etag: 'd41d8cd98f00b204e9800998ecf8427e',
        lastModified: '2026-01-02T03:04:05.000Z',
        storageClass: 'STANDARD',
      },
    })
  })

  test('is another on another server, and in another version', () => {
    const there = s3Spec.parse({ bucket: 'logs', endpoint: 'http://127.0.0.1:9000' })
    const versions = [object, { ...object, versionId: 'v1' }, { ...object, versionId: 'v2' }]
    const keys = versions.flatMap((item) =>
      [spec, there].map((one) => source.identify(item, one).key),
    )
    expect(new Set(keys).size).toBe(6)
    expect(keys[1]).toBe('s3+127.0.0.1:9000://logs/2026/a b+c%2F.gz')
    expect(keys[2]).toBe('s3://logs@v1/2026/a b+c%2F.gz')
  })

  test('has a URI that gives its key back, whatever the key', () => {
    for (const key of oddKeys(2_000)) {
      const { uri } = source.identify({ ...object, key }, spec)
      expect(uri.slice('s3://logs/'.length)).toBe(key)
    }
  })

  test.each([
    null,
    7,
    'text',
    {},
    { bucket: 'b' },
    { bucket: '', key: 'k' },
    { bucket: 'b', key: '' },
  ])('is not %j', (item) => {
    expect(() => source.identify(item as never, spec)).toThrow(ItemRejectedError)
  })
})

describe('a filter', () => {
  const skipped = (filter: Record<string, unknown>, item: Partial<S3Item> = {}) =>
    source.identify({ ...object, ...item }, s3Spec.parse({ bucket: 'logs', filter })).skipped

  test.each<[Record<string, unknown>, Partial<S3Item>, string | undefined]>([
    [{ include: ['**/*.gz'] }, {}, undefined],
    [{ include: ['**/*.zip'] }, {}, 'include'],
    [{ exclude: ['2026/**'] }, {}, 'exclude'],
    [{ exclude: ['2026/**'] }, { key: '2025/.hidden' }, undefined],
    [{ minSize: 1_234 }, {}, undefined],
    [{ minSize: 1_235 }, {}, 'minSize'],
    [{ maxSize: 1_233 }, {}, 'maxSize'],
    [{ maxSize: 0 }, { size: null }, undefined],
    [{ modifiedSince: '2026-01-02' }, {}, undefined],
    [{ modifiedSince: '2026-01-03' }, {}, 'modifiedSince'],
    [{ modifiedBefore: '2026-01-02T03:04:05Z' }, {}, 'modifiedBefore'],
    [{ storageClasses: ['standard_ia'] }, {}, 'storageClasses'],
    [{}, { storageClass: 'GLACIER' }, 'archived'],
    [{}, { storageClass: 'DEEP_ARCHIVE' }, 'archived'],
    [{}, { storageClass: 'GLACIER_IR' }, undefined],
    [{ archived: 'include' }, { storageClass: 'GLACIER' }, undefined],
  ])('%j of %j', (filter, item, reason) => {
    expect(skipped(filter, item)).toBe(reason)
  })
})

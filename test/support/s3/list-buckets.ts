import type { Bucket } from './bucket.ts'
import type { PageFault } from './faults.ts'
import { ownerElement } from './list-objects.ts'
import type { LoggedRequest } from './options.ts'
import { compareBytes } from './order.ts'
import { countParameter } from './parameters.ts'
import { openToken, sealToken } from './token.ts'
import { element, optional, xmlDocument } from './xml.ts'

const CREATED = '2020-01-01T00:00:00.000Z'

interface BucketsPage {
  readonly buckets: readonly Bucket[]
  readonly token: string | undefined
}

const pageOfBuckets = (
  buckets: readonly Bucket[],
  { query }: LoggedRequest,
  {
    scope,
    limit,
    fault,
  }: { scope: readonly string[]; limit: number; fault: PageFault | undefined },
): BucketsPage => {
  const sent = query['continuation-token']
  const after = sent === undefined ? '' : openToken<string>(scope, sent)
  const rest = buckets
    .filter(({ name }) => compareBytes(name, after) > 0)
    .toSorted((a, b) => compareBytes(a.name, b.name))
  if (fault === 'emptyTruncated') return { buckets: [], token: sealToken(scope, after) }
  const page = rest.slice(0, limit)
  if (fault === 'repeatToken') return { buckets: page, token: sent }
  const last = page.at(-1)?.name ?? ''
  return { buckets: page, token: page.length < rest.length ? sealToken(scope, last) : undefined }
}

const bucketElement = ({ name, region }: Bucket, withRegion: boolean): string =>
  [
    '<Bucket>',
    element('Name', name),
    element('CreationDate', CREATED),
    optional('BucketRegion', withRegion ? region : undefined),
    '</Bucket>',
  ].join('')

/** @returns the XML of ListBuckets: the general purpose ones @throws S3Error */
export const listBuckets = (
  all: readonly Bucket[],
  request: LoggedRequest,
  fault: PageFault | undefined,
): string => {
  const { query } = request
  const { prefix, 'bucket-region': region } = query
  const limit = Math.max(1, countParameter(query, 'max-buckets', 10_000))
  const scope = ['buckets', prefix ?? '', region ?? '']
  const matching = all.filter(
    (bucket) =>
      !bucket.isDirectory &&
      bucket.name.startsWith(prefix ?? '') &&
      (region === undefined || bucket.region === region),
  )
  const page = pageOfBuckets(matching, request, { scope, limit, fault })
  // Amazon tells the region only to those who use any of the parameters.
  const withRegion = Object.keys(query).some((name) => name !== 'x-id')
  return xmlDocument('ListAllMyBucketsResult', [
    ownerElement(all[0]?.owner ?? '111122223333'),
    '<Buckets>',
    ...page.buckets.map((bucket) => bucketElement(bucket, withRegion)),
    '</Buckets>',
    optional('Prefix', prefix),
    optional('ContinuationToken', page.token),
  ])
}

/** @returns the XML of ListDirectoryBuckets: those of the region that was signed for @throws S3Error */
export const listDirectoryBuckets = (
  all: readonly Bucket[],
  request: LoggedRequest,
  fault: PageFault | undefined,
): string => {
  const limit = Math.max(1, countParameter(request.query, 'max-directory-buckets', 1_000))
  const scope = ['directory buckets', request.region ?? '']
  const matching = all.filter(
    (bucket) => bucket.isDirectory && (request.region === null || bucket.region === request.region),
  )
  const page = pageOfBuckets(matching, request, { scope, limit, fault })
  return xmlDocument('ListAllMyDirectoryBucketsResult', [
    '<Buckets>',
    ...page.buckets.map((bucket) => bucketElement(bucket, true)),
    '</Buckets>',
    optional('ContinuationToken', page.token),
  ])
}

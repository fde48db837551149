import { createHash } from 'node:crypto'
import type { Bucket } from './bucket.ts'
import { pageOf, type EntriesPage } from './entries.ts'
import type { PageFault } from './faults.ts'
import type { LoggedRequest, Quirks } from './options.ts'
import { type ListingParameters, listingParameters } from './parameters.ts'
import { openToken, sealToken } from './token.ts'
import { element, escapeXml, optional, xmlDocument } from './xml.ts'

/** The canonical user id of an account. */
const ownerId = (account: string): string => createHash('sha256').update(account).digest('hex')

export const ownerElement = (account: string): string =>
  `<Owner>${element('ID', ownerId(account))}</Owner>`

export const commonPrefixElements = (
  prefixes: readonly string[],
  { encode }: ListingParameters,
): string[] =>
  prefixes.map((prefix) => `<CommonPrefixes>${element('Prefix', encode(prefix))}</CommonPrefixes>`)

const contents = (
  bucket: Bucket,
  keys: readonly string[],
  parameters: ListingParameters,
  owner: string,
) =>
  keys.map((key) => {
    const { size, etag, lastModified, storageClass } = bucket.object(key)
    const name = escapeXml(parameters.encode(key))
    // In one piece, as it is written a million times.
    return `<Contents><Key>${name}</Key><LastModified>${lastModified}</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${size}</Size>${owner}<StorageClass>${storageClass}</StorageClass></Contents>`
  })

interface NextPage {
  readonly isTruncated: boolean
  readonly token: string | undefined
}

const nextPage = (
  page: EntriesPage,
  {
    scope,
    sent,
    fault,
  }: { scope: string[]; sent: string | undefined; fault: PageFault | undefined },
): NextPage => {
  if (fault === 'repeatToken') return { isTruncated: true, token: sent }
  if (fault === 'truncatedWithoutToken') return { isTruncated: true, token: undefined }
  const { isTruncated, last } = page
  return { isTruncated, token: isTruncated ? sealToken(scope, last) : undefined }
}

/** What is there instead of a page, with the place before it as its end. */
const emptyPage = (after: string): EntriesPage => ({
  keys: [],
  commonPrefixes: [],
  last: after,
  isTruncated: true,
})

/** @returns the XML of ListObjectsV2 @throws S3Error */
export const listObjects = (
  request: LoggedRequest,
  bucket: Bucket,
  quirks: Quirks,
  fault: PageFault | undefined,
): string => {
  const { query } = request
  const parameters = listingParameters(request, bucket, quirks)
  const { prefix, delimiter, encode, maxKeys, encodingType } = parameters
  const { 'continuation-token': sent, 'start-after': startAfter } = query
  const scope = ['objects', bucket.name, prefix, delimiter]
  const begin = quirks.ignoresStartAfter === true ? '' : (startAfter ?? '')
  const after = sent === undefined ? begin : openToken<string>(scope, sent)
  const skipsPrefix = sent === undefined && quirks.skipsPrefixOfStartAfter === true
  const page =
    fault === 'emptyTruncated'
      ? emptyPage(after)
      : pageOf(bucket, { ...parameters, after, skipsPrefix })
  const next = nextPage(page, { scope, sent, fault })
  const owner = query['fetch-owner'] === 'true' ? ownerElement(bucket.owner) : ''
  return xmlDocument('ListBucketResult', [
    element('Name', bucket.name),
    element('Prefix', encode(prefix)),
    optional('StartAfter', startAfter === undefined ? undefined : encode(startAfter)),
    optional('ContinuationToken', sent),
    optional('NextContinuationToken', next.token),
    element('KeyCount', page.keys.length + page.commonPrefixes.length),
    element('MaxKeys', maxKeys),
    optional('Delimiter', delimiter === '' ? undefined : encode(delimiter)),
    optional('EncodingType', encodingType),
    element('IsTruncated', next.isTruncated),
    ...contents(bucket, page.keys, parameters, owner),
    ...commonPrefixElements(page.commonPrefixes, parameters),
  ])
}

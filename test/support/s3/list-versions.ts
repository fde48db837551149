import type { Bucket } from './bucket.ts'
import type { PageFault } from './faults.ts'
import { commonPrefixElements, ownerElement } from './list-objects.ts'
import type { LoggedRequest, Quirks } from './options.ts'
import { type ListingParameters, listingParameters } from './parameters.ts'
import { invalidArgument, S3Error } from './s3-error.ts'
import { type ListedVersion, versionsPage } from './versions.ts'
import { element, optional, xmlDocument } from './xml.ts'

const versionElement = (
  version: ListedVersion,
  { encode }: ListingParameters,
  owner: string,
): string => {
  const content = version.deleteMarker
    ? []
    : [
        element('ETag', `"${version.etag}"`),
        element('Size', version.size),
        element('StorageClass', version.storageClass),
      ]
  const name = version.deleteMarker ? 'DeleteMarker' : 'Version'
  return [
    `<${name}>`,
    element('Key', encode(version.key)),
    element('VersionId', version.versionId),
    element('IsLatest', version.isLatest),
    element('LastModified', version.lastModified),
    ...content,
    owner,
    `</${name}>`,
  ].join('')
}

const markersOf = ({ query }: LoggedRequest) => {
  const { 'key-marker': keyMarker = '', 'version-id-marker': versionIdMarker } = query
  if (versionIdMarker !== undefined && keyMarker === '')
    throw invalidArgument(
      'A version-id marker cannot be specified without a key marker.',
      'version-id-marker',
      versionIdMarker,
    )
  if (versionIdMarker === '')
    throw invalidArgument('A version-id marker cannot be empty.', 'version-id-marker', '')
  return { keyMarker, versionIdMarker }
}

/** @returns the XML of ListObjectVersions @throws S3Error */
export const listVersions = (
  request: LoggedRequest,
  bucket: Bucket,
  quirks: Quirks,
  fault: PageFault | undefined,
): string => {
  if (bucket.isDirectory)
    throw new S3Error(501, 'NotImplemented', 'Directory buckets have no versions.')
  const parameters = listingParameters(request, bucket, quirks)
  const { prefix, delimiter, encode, maxKeys, encodingType } = parameters
  const { keyMarker, versionIdMarker } = markersOf(request)
  const page = versionsPage(bucket, {
    ...parameters,
    keyMarker,
    versionIdMarker,
    isInclusive: quirks.inclusiveKeyMarker === true,
  })
  const sent = { key: keyMarker, versionId: versionIdMarker }
  const honest = fault === 'truncatedWithoutToken' ? null : page.next
  const next = fault === 'repeatToken' ? sent : honest
  const owner = ownerElement(bucket.owner)
  const marker = (key: string) => (quirks.rawMarkers === true ? key : encode(key))
  return xmlDocument('ListVersionsResult', [
    element('Name', bucket.name),
    element('Prefix', encode(prefix)),
    element('KeyMarker', encode(keyMarker)),
    element('VersionIdMarker', versionIdMarker ?? ''),
    optional('NextKeyMarker', next === null ? undefined : marker(next.key)),
    optional('NextVersionIdMarker', next?.versionId),
    element('MaxKeys', maxKeys),
    optional('Delimiter', delimiter === '' ? undefined : encode(delimiter)),
    optional('EncodingType', encodingType),
    element('IsTruncated', next !== null || fault === 'truncatedWithoutToken'),
    ...page.versions.map((version) => versionElement(version, parameters, owner)),
    ...commonPrefixElements(page.commonPrefixes, parameters),
  ])
}

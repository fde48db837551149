import type {
  ListObjectsV2CommandInput,
  ListObjectsV2CommandOutput,
  ListObjectVersionsCommandOutput,
  ObjectVersion,
  _Object,
} from '@aws-sdk/client-s3'
import { SourceError } from '../../domain/errors.ts'
import type { Sdk } from './connection.ts'
import type { S3Item } from './item.ts'
import { compareKeys } from './order.ts'
import type { Requests } from './requests.ts'
import type { S3Spec } from './spec.ts'

/** The most keys that S3 puts on a page: docs.aws.amazon.com, API_ListObjectsV2. */
const MAX_KEYS = 1_000

/** Where a page begins: by what the page before it said, or behind a key. */
export interface From {
  readonly after: string
  /** Good within one run only: nobody says how long. */
  readonly next?: string | undefined
}

/** One answer to a listing. */
export interface Listed {
  readonly items: readonly S3Item[]
  readonly truncated: boolean
  /** How to go on; missing on the last page, and where the server forgot it. */
  readonly next?: string | undefined
  /** The last key of which nothing is left for the next page; undefined where there is none here. */
  readonly completeUpTo: string | undefined
}

/** Lists one bucket. */
export interface Lister {
  /** Whether one key may be there several times, one behind the other. */
  readonly repeats: boolean
  list(from: From): Promise<Listed>
}

export interface ListerDeps {
  readonly sdk: Sdk
  readonly requests: Requests
  readonly spec: S3Spec
  readonly bucket: string
}

/** What every request for the bucket says. */
export const shared = ({ spec, bucket }: ListerDeps, prefix = spec.prefix) => ({
  Bucket: bucket,
  // Control characters have no form in XML.
  EncodingType: 'url' as const,
  ...(prefix !== undefined && { Prefix: prefix }),
  ...(spec.requesterPays && { RequestPayer: 'requester' as const }),
  ...(spec.expectedBucketOwner !== undefined && { ExpectedBucketOwner: spec.expectedBucketOwner }),
})

export const whereOf = ({ spec, bucket }: Pick<ListerDeps, 'spec' | 'bucket'>): string =>
  spec.prefix === undefined ? `bucket ${bucket}` : `bucket ${bucket}, prefix ${spec.prefix}`

/** Undoes `encoding-type=url`, where the server says that it did it; a space comes as `+` or as `%20`. */
export function decoder(encoding: string | undefined, where: string): (text: string) => string {
  if (encoding !== 'url') return (text) => text
  return (text) => {
    try {
      return decodeURIComponent(text.replaceAll('+', ' '))
    } catch {
      return malformed(where, 'with a key that is not encoded, though it says so')
    }
  }
}

/** A page that makes no sense is asked for again; to believe it would end the listing early. */
function malformed(where: string, fault: string): never {
  throw new SourceError('SOURCE_MALFORMED', `${where}: S3 answered ${fault}`, { retryable: true })
}

/** Whose rows they are, and how they are read. */
interface Reading {
  readonly bucket: string
  readonly prefix: string
  readonly where: string
  readonly decode: (text: string) => string
}

const readingOf = (
  { EncodingType }: { readonly EncodingType?: string | undefined },
  deps: ListerDeps,
): Reading => {
  const where = whereOf(deps)
  const { bucket, spec } = deps
  return { bucket, prefix: spec.prefix ?? '', where, decode: decoder(EncodingType, where) }
}

function itemOf(row: _Object | ObjectVersion, { bucket, prefix, where, decode }: Reading): S3Item {
  if (typeof row.Key !== 'string') malformed(where, 'with an object without a key')
  const key = decode(row.Key)
  if (!key.startsWith(prefix)) malformed(where, 'with a key outside of the prefix')
  const { LastModified: modified } = row
  return {
    bucket,
    key,
    size: row.Size ?? null,
    etag: row.ETag?.replace(/^"(.*)"$/, '$1') ?? null,
    modified:
      modified instanceof Date && !Number.isNaN(modified.getTime()) ? modified.toISOString() : null,
    storageClass: row.StorageClass ?? 'STANDARD',
  }
}

/** The current objects of a bucket. */
export function objectLister(deps: ListerDeps): Lister {
  const { sdk, requests, bucket } = deps
  const where = whereOf(deps)
  return {
    repeats: false,
    async list({ after, next }) {
      const command = new sdk.ListObjectsV2Command(objectsInput(deps, after, next))
      return requests.ask({
        bucket,
        where,
        send: async (client, abortSignal) =>
          objectsListed(await client.send(command, { abortSignal }), deps),
      })
    },
  }
}

function objectsInput(
  deps: ListerDeps,
  after: string,
  next: string | undefined,
): ListObjectsV2CommandInput {
  const place =
    next === undefined ? after !== '' && { StartAfter: after } : { ContinuationToken: next }
  return { ...shared(deps), MaxKeys: MAX_KEYS, ...place }
}

function objectsListed(answer: ListObjectsV2CommandOutput, deps: ListerDeps): Listed {
  const where = whereOf(deps)
  const { IsTruncated, KeyCount, Contents = [], NextContinuationToken } = answer
  if (typeof IsTruncated !== 'boolean') malformed(where, 'with what is no listing')
  if (KeyCount !== undefined && KeyCount !== Contents.length) {
    malformed(where, `with ${Contents.length} keys and a count of ${KeyCount}`)
  }
  const reading = readingOf(answer, deps)
  const items = Contents.map((row) => itemOf(row, reading))
  return {
    items,
    truncated: IsTruncated,
    next: IsTruncated ? NextContinuationToken || undefined : undefined,
    completeUpTo: items.at(-1)?.key,
  }
}

/** Every version of the objects of a bucket, those that say that one was deleted included. */
export function versionLister(deps: ListerDeps): Lister {
  const { sdk, requests, bucket } = deps
  const where = whereOf(deps)
  return {
    repeats: true,
    async list({ after, next }) {
      const markers = next === undefined ? after !== '' && { KeyMarker: after } : markersOf(next)
      const input = { ...shared(deps), MaxKeys: MAX_KEYS, ...markers }
      const command = new sdk.ListObjectVersionsCommand(input)
      return requests.ask({
        bucket,
        where,
        send: async (client, abortSignal) =>
          versionsListed(await client.send(command, { abortSignal }), deps),
      })
    },
  }
}

/** Ceph encodes keys and not the marker, which is the last of them (seen of 16.2). */
function markerOf(
  told: string | undefined,
  last: string | undefined,
  decode: (text: string) => string,
): string | undefined {
  return told === undefined || told === last ? told : decode(told)
}

type Markers = { readonly KeyMarker: string; readonly VersionIdMarker?: string }

const markersOf = (next: string): Markers => JSON.parse(next) as Markers

function versionsListed(answer: ListObjectVersionsCommandOutput, deps: ListerDeps): Listed {
  const where = whereOf(deps)
  const { IsTruncated, Versions = [], DeleteMarkers = [] } = answer
  if (typeof IsTruncated !== 'boolean') malformed(where, 'with what is no listing of versions')
  const reading = readingOf(answer, deps)
  const rows = [
    ...Versions.map((row) => ({ row, deleted: false })),
    ...DeleteMarkers.map((row) => ({ row: row as ObjectVersion, deleted: true })),
  ]
  const items = rows.map(({ row, deleted }): S3Item => {
    if (row.VersionId === undefined) malformed(where, 'with a version without a name')
    return {
      ...itemOf(row, reading),
      versionId: row.VersionId,
      latest: row.IsLatest === true,
      ...(deleted && { deleted }),
    }
  })
  // The client hands over versions and deletions apart.
  const sorted = items.toSorted((one, other) => compareKeys(one.key, other.key))
  const last = sorted.at(-1)?.key
  const marker = markerOf(answer.NextKeyMarker, last, reading.decode)
  // A server that does not say where to go on may have stopped within a key.
  const isCut = IsTruncated && (!marker || marker === last)
  return {
    items: sorted,
    truncated: IsTruncated,
    next:
      IsTruncated && marker
        ? JSON.stringify({
            KeyMarker: marker,
            VersionIdMarker: answer.NextVersionIdMarker || undefined,
          })
        : undefined,
    completeUpTo: isCut ? sorted.findLast(({ key }) => key !== last)?.key : last,
  }
}

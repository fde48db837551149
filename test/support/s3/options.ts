/** What a test says to the stand-in, and what it gets back. */
import type { Fault, FaultKind } from './faults.ts'

export interface StandInVersion {
  readonly versionId: string
  readonly size?: number
  readonly etag?: string
  readonly lastModified?: Date
  readonly deleteMarker?: boolean
}

export interface StandInObject {
  readonly key: string
  /** Bytes. Default: made up from the key. */
  readonly size?: number
  /** Without the quotes. Default: made up from the key. */
  readonly etag?: string
  /** Default: made up from the key. */
  readonly lastModified?: Date
  /** Default: `STANDARD`; in a directory bucket `EXPRESS_ONEZONE`. */
  readonly storageClass?: string
  /** Newest first. Default: one version, `null`, as in a bucket without versioning. */
  readonly versions?: readonly StandInVersion[]
}

export interface StandInBucket {
  /** Default: `us-east-1`. */
  readonly region?: string
  /** The account that owns the bucket: 12 digits. Default: `111122223333`. */
  readonly owner?: string
  /** Objects, or keys of objects that are made up; what is made up depends on the key alone. */
  readonly objects: Iterable<string | StandInObject>
  /**
   * A directory bucket lists in no order that means anything, though always in
   * the same one; it refuses StartAfter, prefixes that do not end in "/" and
   * other delimiters than "/". Default: `general`.
   */
  readonly kind?: 'general' | 'directory'
  /** Whether requests without `x-amz-request-payer: requester` are refused. Default: false. */
  readonly requesterPays?: boolean
  /** Access is denied to a listing whose prefix begins with one of these; `''` denies them all. */
  readonly forbidden?: readonly string[]
}

/** How servers that speak S3, and Amazon's own regions, differ. Default: none of these. */
export interface Quirks {
  readonly ignoresStartAfter?: boolean
  readonly ignoresEncodingType?: boolean
  /** Encodes keys and leaves NextKeyMarker as it is, as Ceph 16.2 does. */
  readonly rawMarkers?: boolean
  /** Without a version-id marker, begins with the versions of the marked key itself, as Ceph 16.2 does. */
  readonly inclusiveKeyMarker?: boolean
  /** Lists in the order of a person's language instead of UTF-8 bytes. */
  readonly localeOrder?: boolean
  /** Writes `%20` for a space in an encoded key, where Amazon writes `+`. */
  readonly encodesSpaceAsPercent20?: boolean
  /** Writes `%2F` for a slash in an encoded key, where Amazon leaves it. */
  readonly encodesSlash?: boolean
  /**
   * With a delimiter, a StartAfter that lies in a common prefix goes on behind
   * that prefix, as on some servers; on others, and here, the prefix is listed
   * once more if any of its keys is still to come.
   */
  readonly skipsPrefixOfStartAfter?: boolean
  /** Never says `x-amz-bucket-region`. */
  readonly noBucketRegionHeader?: boolean
  /** SlowDown for each request beyond so many within any second; `when` says which requests count. Default: all. */
  readonly rateLimit?: {
    readonly requestsPerSecond: number
    readonly when?: (request: LoggedRequest) => boolean
  }
  /** The most keys on a page, whatever was asked for. */
  readonly maxKeys?: number
  /**
   * The answer to a signature for another region than the bucket's: 301
   * PermanentRedirect, 400 AuthorizationHeaderMalformed, or 400
   * IllegalLocationConstraintException. Default: `redirect`.
   */
  readonly wrongRegion?: 'redirect' | 'malformed' | 'constraint'
}

export type Operation =
  | 'ListObjectsV2'
  | 'ListObjectVersions'
  | 'ListBuckets'
  | 'ListDirectoryBuckets'
  | 'HeadBucket'
  | 'GetBucketLocation'
  | 'CreateSession'
  /** Anything else; it is answered with 501 NotImplemented. */
  | 'Other'

export interface LoggedRequest {
  readonly operation: Operation
  readonly bucket: string | null
  /** Decoded parameters. */
  readonly query: Readonly<Record<string, string>>
  /** Lower-case names; without the signature and tokens. */
  readonly headers: Readonly<Record<string, string>>
  readonly accessKeyId: string | null
  /** The region that the signature is for. */
  readonly region: string | null
  /** When it arrived: milliseconds since 1970. */
  readonly at: number
  /** The status it was answered with; null until then, and for ever if it never was. */
  readonly status: number | null
  /** What was done to it. */
  readonly fault: FaultKind | null
}

export interface StandInOptions {
  readonly buckets: Readonly<Record<string, StandInBucket>>
  /** Secret keys by access key id. Default: every key is accepted, and no key too, and no signature is checked. */
  readonly accessKeys?: Readonly<Record<string, string>>
  /** Session tokens by access key id: the key is a temporary one, refused without its token. */
  readonly sessionTokens?: Readonly<Record<string, string>>
  /** How long each answer takes. Default: 0. */
  readonly latencyMs?: number
  readonly quirks?: Quirks
}

export interface S3StandIn extends AsyncDisposable {
  /** `http://127.0.0.1:port`, for path-style requests; `bucket.localhost` as the host works too. */
  readonly endpoint: string
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly LoggedRequest[]
  /** Requests that wait for an answer now. */
  readonly openNow: number
  /** The most that ever waited at once. */
  readonly openMost: number
  /** Adds or replaces an object, also while its bucket is listed. */
  put(bucket: string, object: string | StandInObject): void
  /** Takes an object away with all its versions. */
  remove(bucket: string, key: string): void
  /** What happens to the next requests that match. */
  fault(fault: Fault): void
  close(): Promise<void>
}

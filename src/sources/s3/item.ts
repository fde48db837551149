/** An object of a bucket as it is listed, or one version of it. A type, so that it counts as JSON. */
export type S3Item = {
  readonly bucket: string
  /** Exactly as S3 has it. */
  readonly key: string
  /** Bytes; null where the server does not say. */
  readonly size: number | null
  /** Without its quotes. */
  readonly etag: string | null
  /** ISO 8601 in UTC. */
  readonly modified: string | null
  /** `STANDARD` where the server does not say. */
  readonly storageClass: string
  /** Of a listing of versions; the text `null` is the version of an object from before there were any. */
  readonly versionId?: string
  readonly latest?: boolean
  /** Whether the version says that the object was deleted. */
  readonly deleted?: boolean
}

/** A page of versions: key after key, of each the newest first. */
import { type Bucket, type ListedObject, partition, type VersionFacts } from './bucket.ts'
import { commonPrefixOf } from './entries.ts'

export interface VersionsQuery {
  readonly prefix: string
  readonly delimiter: string
  readonly limit: number
  /** `''` is the beginning. */
  readonly keyMarker: string
  /** Without one, the page begins after all versions of the marked key. */
  readonly versionIdMarker: string | undefined
  /** Whether the marked key is listed anew where no version of it is marked. */
  readonly isInclusive: boolean
}

export interface ListedVersion extends ListedObject, VersionFacts {
  readonly key: string
  readonly isLatest: boolean
}

export interface VersionsPage {
  readonly versions: readonly ListedVersion[]
  readonly commonPrefixes: readonly string[]
  /** Where the next page begins; null on the last page. */
  readonly next: { readonly key: string; readonly versionId: string | undefined } | null
}

/** The versions of a key that come after the marker; all of them where the marker is of another key, or gone. */
const versionsAfter = (bucket: Bucket, key: string, query: VersionsQuery): ListedVersion[] => {
  const versions = bucket
    .versions(key)
    .map((version, index) => Object.assign(version, { key, isLatest: index === 0 }))
  if (key !== query.keyMarker || query.versionIdMarker === undefined) return versions
  const marked = versions.findIndex(({ versionId }) => versionId === query.versionIdMarker)
  return versions.slice(marked + 1)
}

const firstIndex = (bucket: Bucket, query: VersionsQuery): number => {
  const { prefix, delimiter, keyMarker, versionIdMarker, isInclusive } = query
  const keys = bucket.keysWithVersions
  const { compare, isByBytes } = bucket.order
  const start = isByBytes ? partition(keys, 0, (key) => compare(key, prefix) < 0) : 0
  if (keyMarker === '') return start
  const next = partition(keys, start, (key) =>
    // With a version the marked key itself may have more to show.
    versionIdMarker === undefined && !isInclusive
      ? compare(key, keyMarker) <= 0
      : compare(key, keyMarker) < 0,
  )
  return commonPrefixOf(keyMarker, prefix, delimiter) === keyMarker
    ? partition(keys, next, (key) => key.startsWith(keyMarker))
    : next
}

/** A listing that is filled up, one key at a time. */
class VersionsWalk {
  readonly versions: ListedVersion[] = []
  readonly commonPrefixes: string[] = []
  next: VersionsPage['next'] = null
  /** The last that was put on the page. */
  #last: NonNullable<VersionsPage['next']> = { key: '', versionId: undefined }
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  /** @returns false once there is something that has no room */
  take(key: string, found: ListedVersion | string): boolean {
    if (this.versions.length + this.commonPrefixes.length >= this.#limit) {
      if (this.#limit > 0) this.next = this.#last
      return false
    }
    if (typeof found === 'string') this.commonPrefixes.push(found)
    else this.versions.push(found)
    this.#last = { key, versionId: typeof found === 'string' ? undefined : found.versionId }
    return true
  }
}

export const versionsPage = (bucket: Bucket, query: VersionsQuery): VersionsPage => {
  const { prefix, delimiter, limit } = query
  const keys = bucket.keysWithVersions
  const walk = new VersionsWalk(limit)
  for (let index = firstIndex(bucket, query); index < keys.length; index += 1) {
    const key = keys[index] as string
    if (!key.startsWith(prefix)) {
      if (bucket.order.isByBytes) break
      continue
    }
    const common = commonPrefixOf(key, prefix, delimiter)
    if (common === null) {
      if (!versionsAfter(bucket, key, query).every((version) => walk.take(key, version))) break
    } else {
      if (!walk.take(common, common)) break
      while (keys[index + 1]?.startsWith(common) === true) index += 1
    }
  }
  return walk
}

/** A bucket and its objects. */
import type { StandInBucket, StandInObject, StandInVersion } from './options.ts'
import { byBytes, byHash, byLocale, hash32, type KeyOrder } from './order.ts'

/** @returns the first index from `from` on for which `isBefore` is false; it must be true, then false */
export const partition = (
  keys: readonly string[],
  from: number,
  isBefore: (key: string) => boolean,
): number => {
  let low = from
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(keys[middle] as string)) low = middle + 1
    else high = middle
  }
  return low
}

/** An object as a listing tells it. */
export interface ListedObject {
  readonly size: number
  readonly etag: string
  readonly lastModified: string
  readonly storageClass: string
}

// Tables: a million objects are to be made up in a second or two.
const HEX = Array.from({ length: 0x10000 }, (_, word) => word.toString(16).padStart(4, '0'))
const hex = (word: number): string => `${HEX[word >>> 16]}${HEX[word & 0xffff]}`

const SOME_HOURS = 43_201_000
const TIMES = Array.from({ length: 4_096 }, (_, n) =>
  new Date(Date.UTC(2020, 0) + n * SOME_HOURS).toISOString(),
)

const NOTHING = {}

/** The keys of a bucket in the order it lists them, and what is known of each. */
export class Bucket {
  readonly name: string
  readonly region: string
  readonly owner: string
  readonly isDirectory: boolean
  readonly requesterPays: boolean
  readonly forbidden: readonly string[]
  readonly order: KeyOrder
  /** Goes up with each change; for what is worked out from the keys. */
  changes = 0
  /** Objects with anything that is not made up. */
  readonly #told = new Map<string, StandInObject>()
  /** The keys whose newest version is no delete marker. */
  #current: string[]
  /** All keys; the same array as long as there are no others. */
  #all: string[]

  constructor(name: string, options: StandInBucket, localeOrder: boolean) {
    this.name = name
    this.region = options.region ?? 'us-east-1'
    this.owner = options.owner ?? '111122223333'
    this.isDirectory = options.kind === 'directory'
    this.requesterPays = options.requesterPays ?? false
    this.forbidden = options.forbidden ?? []
    const general = localeOrder ? byLocale : byBytes
    this.order = this.isDirectory ? byHash : general
    const sorted = this.order.sorted(this.#take(options.objects))
    this.#all = sorted.filter((key, index) => key !== sorted[index - 1])
    const isSame = !this.#all.some((key) => this.#isDeleted(key))
    this.#current = isSame ? this.#all : this.#all.filter((key) => !this.#isDeleted(key))
  }

  /** Sorted, of the objects that are there now. */
  get keys(): readonly string[] {
    return this.#current
  }

  /** Sorted, with those of which nothing but versions is left. */
  get keysWithVersions(): readonly string[] {
    return this.#all
  }

  /** @returns the newest version of an object */
  object(key: string): ListedObject {
    const told = this.#told.get(key)
    return this.#listed(key, told === undefined ? NOTHING : { ...told, ...told.versions?.[0] })
  }

  /** @returns newest first */
  versions(key: string): readonly (ListedObject & VersionFacts)[] {
    const told = this.#told.get(key)
    const versions: readonly StandInVersion[] = told?.versions ?? [{ versionId: 'null' }]
    return versions.map((version) => ({
      ...this.#listed(key, { ...told, ...version }),
      versionId: version.versionId,
      deleteMarker: version.deleteMarker ?? false,
    }))
  }

  put(object: string | StandInObject): void {
    const { key } = typeof object === 'string' ? { key: object } : object
    this.remove(key)
    if (typeof object !== 'string') this.#told.set(key, object)
    const isDeleted = this.#isDeleted(key)
    if (isDeleted && this.#all === this.#current) this.#all = [...this.#current]
    this.#insert(this.#all, key)
    if (!isDeleted && this.#all !== this.#current) this.#insert(this.#current, key)
  }

  remove(key: string): void {
    this.changes += 1
    this.#told.delete(key)
    for (const keys of new Set([this.#all, this.#current])) {
      const at = this.#find(keys, key)
      if (keys[at] === key) keys.splice(at, 1)
    }
  }

  #take(objects: Iterable<string | StandInObject>): string[] {
    return Array.from(objects, (object) => {
      if (typeof object === 'string') return object
      this.#told.set(object.key, object)
      return object.key
    })
  }

  #isDeleted(key: string): boolean {
    return this.#told.get(key)?.versions?.[0]?.deleteMarker === true
  }

  #find(keys: readonly string[], key: string): number {
    return partition(keys, 0, (other) => this.order.compare(other, key) < 0)
  }

  #insert(keys: string[], key: string): void {
    keys.splice(this.#find(keys, key), 0, key)
  }

  #listed(key: string, told: Omit<StandInObject, 'key'>): ListedObject {
    const hash = hash32(key)
    return {
      size: told.size ?? hash % 1_000_000,
      etag: told.etag ?? madeUpEtag(key, hash),
      lastModified: told.lastModified?.toISOString() ?? (TIMES[hash % TIMES.length] as string),
      storageClass: told.storageClass ?? (this.isDirectory ? 'EXPRESS_ONEZONE' : 'STANDARD'),
    }
  }
}

export interface VersionFacts {
  readonly versionId: string
  readonly deleteMarker: boolean
}

/** 32 hexadecimal digits, like the MD5 that it is not. */
const madeUpEtag = (key: string, hash: number): string => {
  const half = hex(hash) + hex(hash32(key, 0x2545f491))
  return half + half
}

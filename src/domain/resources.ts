import type { JsonRecord } from './json.ts'
import type { Timeline } from './timeline.ts'

/** What a source found: the one record of a repository, an object or a URL. */
export interface Resource {
  /** Given by the store. */
  readonly id: number
  readonly sourceType: string
  /** What makes it the same resource next time. */
  readonly key: string
  readonly name: string
  readonly uri: string
  readonly isActive: boolean
  readonly metadata: JsonRecord
  readonly timeline: Timeline
}

/** A GitHub repository. */
export interface GitHubRepo {
  readonly id: number
  /** The numeric identity at GitHub with its host, or host/owner/name where only text was given. */
  readonly key: string
  readonly name: string
  readonly url: string
  readonly isActive: boolean
  readonly metadata: JsonRecord
  readonly timeline: Timeline
}

/** A URL. */
export interface UrlTarget {
  readonly id: number
  readonly url: string
  readonly metadata: JsonRecord
  readonly timeline: Timeline
}

/** An object in a bucket. */
export interface S3Object {
  readonly id: number
  readonly key: string
  readonly uri: string
  readonly isActive: boolean
  readonly metadata: JsonRecord
  readonly timeline: Timeline
}

/** The uniform record of a resource that can be scanned. */
export interface ScanTarget {
  readonly id: string
  readonly name: string
  /** The source type of the resource. */
  readonly targetType: string
  /** The resource's id in the store. */
  readonly targetId: number
  readonly metadata: JsonRecord
  /** When a scan of it last completed; null before the first. */
  readonly lastScanTime: Date | null
  readonly timeline: Timeline
}

import { z } from 'zod'
import type { ArchiveFormat } from './spec.ts'
import { ARCHIVE_FORMATS } from './spec.ts'

/** What a host said of a URL. */
export type ProbeFacts = {
  /** The status of the answer, after redirects. */
  readonly status: number
  /** Where it came from, after redirects. */
  readonly finalUrl: string
  /** Bytes, where the host tells. */
  readonly size?: number | undefined
  /** The `Content-Type`, as it came. */
  readonly type?: string | undefined
  /** The `ETag`, as it came. */
  readonly etag?: string | undefined
  /** The `Last-Modified`, as it came. */
  readonly lastModified?: string | undefined
  /** How the content is packed, by its first bytes; only where the spec leaves it open. */
  readonly archiveFormat?: ArchiveFormat | undefined
}

/** An entry of a list of which more is known than its URL. */
export type UrlEntry = {
  readonly url: string
  /** When a sitemap says that it changed last. */
  readonly lastmod?: string | undefined
  readonly probe?: ProbeFacts | undefined
  /** Why it is no resource. */
  readonly problem?: string | undefined
}

/** A URL as it was listed, without credentials, or such an entry. */
export type UrlItem = string | UrlEntry

/** The entry of an item that is its URL alone. */
export const entryOf = (item: UrlItem): UrlEntry =>
  typeof item === 'string' ? { url: item } : item

/** What a retried item has to be: it comes from the database, where any JSON may stand. */
export const urlEntry = z.object({
  url: z.string(),
  lastmod: z.string().optional(),
  problem: z.string().optional(),
  probe: z
    .object({
      status: z.int(),
      finalUrl: z.string(),
      size: z.int().nonnegative().optional(),
      type: z.string().optional(),
      etag: z.string().optional(),
      lastModified: z.string().optional(),
      archiveFormat: z.enum(ARCHIVE_FORMATS).optional(),
    })
    .optional(),
})

import { z } from 'zod'
import type { JsonRecord } from '../../domain/json.ts'
import { printed, suggest } from '../wording.ts'
import * as parts from './spec-parts.ts'
import { wanted } from './spec-parts.ts'

/** How the content behind a URL is packed; `auto` leaves it to a probe, or else to the scanner, to find out. */
export const ARCHIVE_FORMATS = [
  'none',
  'auto',
  'gzip',
  'zip',
  'tar',
  'tar.gz',
  'tar.bz2',
  'tar.xz',
  'zstd',
  'bzip2',
  'xz',
  'warc',
  'warc.gz',
] as const
export type ArchiveFormat = (typeof ARCHIVE_FORMATS)[number]

/** Stands for the value of a header, which is resolved when used and never stored. */
export type HeaderReference = { readonly $ref: string }

/** Where the URLs are listed: exactly one of these. */
const LISTS = ['urls', 'urlsFile', 'stdin', 'sitemaps', 'robots', 'listUrl'] as const

/** Requests that are under way at the same time when URLs are probed, unless the spec says otherwise. */
export const DEFAULT_CONCURRENCY = 8
const MAX_CONCURRENCY = 64

/** Bytes that are read of one list behind a URL, unless the spec says otherwise: 1 GiB. */
export const DEFAULT_MAX_BYTES = 2 ** 30

/** The url part of a target spec, parsed. It holds no secret. */
export type UrlSpec = {
  readonly urls?: readonly string[] | undefined
  /** An absolute path of a file with one URL a line. */
  readonly urlsFile?: string | undefined
  /** One URL a line on the standard input of the process. */
  readonly stdin?: true | undefined
  /** Addresses of sitemaps and of sitemap indices. */
  readonly sitemaps?: readonly string[] | undefined
  /** Sites whose `/robots.txt` names their sitemaps. */
  readonly robots?: readonly string[] | undefined
  /** The address of a text with one URL a line. */
  readonly listUrl?: string | undefined
  /** Whether each URL is asked for before it is handed on. Default: false. */
  readonly probe?: boolean | undefined
  readonly archiveFormat: ArchiveFormat
  readonly headers?: Readonly<Record<string, HeaderReference>> | undefined
  /** Hosts that may be reached though they are private: a name, a name with a port, or a CIDR. Default: none. */
  readonly allowHosts?: readonly string[] | undefined
  /** Requests a second to one host. */
  readonly rateLimit?: number | undefined
  /** Probes at the same time, 1 to 64. Default: 8. */
  readonly concurrency?: number | undefined
  /** Bytes, unpacked, that are read of one list or sitemap at the most. Default: 1 GiB. */
  readonly maxBytes?: number | undefined
  readonly retry?: RetrySpec | undefined
  readonly metadata?: JsonRecord | undefined
}

/** How a scanner should try again; waits are in milliseconds. */
export type RetrySpec = {
  readonly maxAttempts?: number | undefined
  readonly initialWait?: number | undefined
  readonly maxWait?: number | undefined
}

const rate = wanted('a number of requests a second above 0 and up to 10,000')
const concurrency = wanted(`a whole number of requests from 1 to ${MAX_CONCURRENCY}`)
const bytes = wanted('a whole number of bytes above 0')
const format = ({ input }: { readonly input?: unknown }): string =>
  `unknown archive format ${printed(input)}${suggest(typeof input === 'string' ? input : '', ARCHIVE_FORMATS)}`

/** Parses the url part of a target spec; header values have to be references by then. */
export const urlSpec = z
  .strictObject({
    urls: parts.urls.optional(),
    urlsFile: z.string().min(1, 'the path is empty').optional(),
    stdin: z.literal(true, wanted('true, or no stdin at all')).optional(),
    sitemaps: parts.addresses('addresses of sitemaps').optional(),
    robots: parts.addresses('addresses of sites').optional(),
    listUrl: parts.address.optional(),
    probe: z.boolean(wanted('true or false')).optional(),
    archiveFormat: z.enum(ARCHIVE_FORMATS, { error: format }).default('none'),
    headers: parts.headers.optional(),
    allowHosts: parts.allowHosts.optional(),
    rateLimit: z.number(rate).positive(rate).max(10_000, rate).optional(),
    concurrency: z
      .int(concurrency)
      .min(1, concurrency)
      .max(MAX_CONCURRENCY, concurrency)
      .optional(),
    maxBytes: z.int(bytes).min(1, bytes).optional(),
    retry: parts.retry.optional(),
    metadata: parts.metadata.optional(),
  })
  .refine((spec) => LISTS.filter((list) => spec[list] !== undefined).length === 1, {
    error: `give exactly one of ${LISTS.slice(0, -1).join(', ')} and ${LISTS.at(-1)}`,
  })

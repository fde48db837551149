import { z } from 'zod'
import type { JsonRecord } from '../../domain/json.ts'
import { carriesCredentials, maskCredentials } from '../redact.ts'
import { printed, suggest } from '../wording.ts'
import { duration } from './duration.ts'

/** How the content behind a URL is packed; `auto` leaves it to the scanner to find out. */
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

/** The url part of a target spec, parsed. It holds no secret. */
export type UrlSpec = {
  readonly urls?: readonly string[] | undefined
  /** An absolute path of a file with one URL a line. */
  readonly urlsFile?: string | undefined
  readonly archiveFormat: ArchiveFormat
  readonly headers?: Readonly<Record<string, HeaderReference>> | undefined
  /** Requests a second. */
  readonly rateLimit?: number | undefined
  readonly retry?: RetrySpec | undefined
  readonly metadata?: JsonRecord | undefined
}

/** How a scanner should try again; waits are in milliseconds. */
export type RetrySpec = {
  readonly maxAttempts?: number | undefined
  readonly initialWait?: number | undefined
  readonly maxWait?: number | undefined
}

/** Puts a mistake in words: what was expected, then what came. */
const wanted = (expectation: string) => ({
  error: ({ input }: { readonly input?: unknown }): string =>
    `expected ${expectation}; got ${printed(input)}`,
})

/** Characters of a token in RFC 9110, which header names are. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/

const headers = z
  .record(
    z.string(),
    z.strictObject(
      { $ref: z.string().min(1) },
      { error: 'expected a reference to a value kept elsewhere, not the value itself' },
    ),
  )
  .superRefine((record, context) => {
    for (const name of Object.keys(record)) {
      if (HEADER_NAME.test(name)) continue
      const message = 'is not a header name; use letters, digits and hyphens'
      context.addIssue({ code: 'custom', path: [name], message })
    }
  })

const attempts = wanted('a whole number of attempts from 1 to 100')
const retry = z
  .strictObject({
    maxAttempts: z.int(attempts).min(1, attempts).max(100, attempts).optional(),
    initialWait: duration.optional(),
    maxWait: duration.optional(),
  })
  .refine(
    ({ initialWait, maxWait }) =>
      initialWait === undefined || maxWait === undefined || initialWait <= maxWait,
    { path: ['initialWait'], error: 'is longer than maxWait; make it shorter, or maxWait longer' },
  )

/** A path may hold what looks like a password; only in a text that is no address can it be one. */
const isAddress = (text: string): boolean => /^https?:\/\/\S+$/i.test(text) && URL.canParse(text)

const urls = z
  .array(z.string(), { error: 'expected a list of URLs' })
  .min(1, 'the list is empty; give at least one URL')
  .superRefine((list, context) => {
    for (const [index, url] of list.entries()) {
      if (!carriesCredentials(url) && (isAddress(url) || maskCredentials(url) === url)) continue
      const message = 'carries credentials; take them out and put them in headers by reference'
      context.addIssue({ code: 'custom', path: [index], message })
    }
  })

const rate = wanted('a number of requests a second above 0 and up to 10,000')
const format = ({ input }: { readonly input?: unknown }): string =>
  `unknown archive format ${printed(input)}${suggest(typeof input === 'string' ? input : '', ARCHIVE_FORMATS)}`

const PLAIN = 'expected names with plain JSON values'
const metadata = z
  .record(z.string(), z.unknown(), PLAIN)
  .refine((record) => z.json().safeParse(record).success, PLAIN)
  .transform((record) => record as JsonRecord)

/** Parses the url part of a target spec; header values have to be references by then. */
export const urlSpec = z
  .strictObject({
    urls: urls.optional(),
    urlsFile: z.string().min(1, 'the path is empty').optional(),
    archiveFormat: z.enum(ARCHIVE_FORMATS, { error: format }).default('none'),
    headers: headers.optional(),
    rateLimit: z.number(rate).positive(rate).max(10_000, rate).optional(),
    retry: retry.optional(),
    metadata: metadata.optional(),
  })
  .refine(({ urls, urlsFile }) => (urls === undefined) !== (urlsFile === undefined), {
    error: 'give exactly one of urls and urlsFile',
  })

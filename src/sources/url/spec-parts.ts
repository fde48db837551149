/** Parts of the url spec that take more than a line to check. */
import { z } from 'zod'
import { InvalidInputError } from '../../domain/errors.ts'
import type { JsonRecord } from '../../domain/json.ts'
import { carriesCredentials, maskCredentials } from '../redact.ts'
import { createWeb } from '../web/index.ts'
import { printed } from '../wording.ts'
import { duration } from './duration.ts'

/** Puts a mistake in words: what was expected, then what came. */
export const wanted = (expectation: string) => ({
  error: ({ input }: { readonly input?: unknown }): string =>
    `expected ${expectation}; got ${printed(input)}`,
})

/** Characters of a token in RFC 9110, which header names are. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/

export const headers = z
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
export const retry = z
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

const hasCredentials = (url: string): boolean =>
  carriesCredentials(url) || (!isAddress(url) && maskCredentials(url) !== url)

const CREDENTIALS = 'carries credentials; take them out and put them in headers by reference'

export const urls = z
  .array(z.string(), { error: 'expected a list of URLs' })
  .min(1, 'the list is empty; give at least one URL')
  .superRefine((list, context) => {
    for (const [index, url] of list.entries()) {
      if (!hasCredentials(url)) continue
      context.addIssue({ code: 'custom', path: [index], message: CREDENTIALS })
    }
  })

/** A URL that is asked by the source itself; unlike an entry of a list, it has to be a good one. */
export const address = z
  .string({ error: 'expected a http or https URL' })
  .superRefine((url, context) => {
    const message = hasCredentials(url)
      ? CREDENTIALS
      : isAddress(url)
        ? undefined
        : `expected a http or https URL, such as https://host/path; got ${printed(url)}`
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })

export const addresses = (what: string) =>
  z
    .array(address, { error: `expected a list of ${what}` })
    .min(1, 'the list is empty; give at least one URL')

/** Checked by whom it is for, so that no session is stored that can only fail. */
export const allowHosts = z
  .array(z.string(), { error: 'expected a list of hosts' })
  .superRefine((allow, context) => {
    try {
      createWeb({ allow })
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error
      const message = error.problems.map((text) => text.replace(/^allow: /, '')).join('; ')
      context.addIssue({ code: 'custom', message })
    }
  })

const PLAIN = 'expected names with plain JSON values'
export const metadata = z
  .record(z.string(), z.unknown(), PLAIN)
  .refine((record) => z.json().safeParse(record).success, PLAIN)
  .transform((record) => record as JsonRecord)

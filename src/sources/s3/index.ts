import { z } from 'zod'
import { SourceError } from '../../domain/errors.ts'
import { defineSource, type Source } from '../source.ts'

/** The s3 part of a target spec. */
export type S3Spec = {
  readonly bucket: string
  readonly prefix?: string | undefined
  readonly region?: string | undefined
  readonly endpoint?: string | undefined
}

const NOT_YET =
  'S3 buckets cannot be enumerated yet; take the target out, or list its objects as URLs in a url target'

const text = (what: string) => z.string({ error: `expected ${what}` }).min(1, `expected ${what}`)

// Refused while the spec is parsed, so that no session is stored that can only fail.
const s3Spec = z
  .strictObject({
    bucket: text('the name of a bucket'),
    prefix: z.string({ error: 'expected a text' }).optional(),
    region: text('a region, such as eu-west-1').optional(),
    endpoint: z.url({ protocol: /^https?$/, error: 'expected a http or https URL' }).optional(),
  })
  .superRefine((_spec, context) => context.addIssue({ code: 'custom', message: NOT_YET }))

/** The place of S3 among the sources: it checks a spec's keys, then says that S3 is not supported yet. */
export function s3Source(): Source<S3Spec, string> {
  return defineSource({
    type: 's3',
    spec: s3Spec,
    identify: refuse,
    // Reached only by a session that another version stored.
    // oxlint-disable-next-line require-yield
    async *enumerate(): AsyncGenerator<never, void, undefined> {
      refuse()
    },
  })
}

function refuse(): never {
  throw new SourceError('NOT_SUPPORTED', NOT_YET)
}

import { z } from 'zod'
import { addressProblem, expecting, listed, shown, snakeCase } from '../spec-words.ts'
import { s3Filter } from './filter-spec.ts'

export type { S3Filter } from './filter-spec.ts'

/** Requests at once unless told otherwise: S3 answers 5,500 a second for a prefix, so that this is for the host's sake. */
export const DEFAULT_CONCURRENCY = 8

/** More would wait for each other in the client, and their places for each other in the checkpoint. */
const MAX_CONCURRENCY = 64

/** docs.aws.amazon.com, bucketnamingrules; old buckets of us-east-1 have capitals, underscores and up to 255 characters. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/

/** A directory bucket's name ends in its zone: docs.aws.amazon.com, directory-bucket-naming-rules. */
const DIRECTORY_BUCKET = /--[a-z0-9-]+--x-s3$/

/** The longest key, in bytes of UTF-8: docs.aws.amazon.com, object-keys. */
const MAX_KEY_BYTES = 1_024

const bucketName = z
  .string(expecting('bucket', 'the name of a bucket, such as "logs"'))
  .regex(BUCKET, {
    error: ({ input }) =>
      `bucket ${shown(input)} is not the name of a bucket; expected 3 to 255 letters, digits, ".", "-" and "_", without "s3://" and without a path, which goes into prefix`,
  })

const prefix = z
  .string(expecting('prefix', 'the beginning of keys, such as "2026/"'))
  .refine(
    (text) => Buffer.byteLength(text) <= MAX_KEY_BYTES,
    `prefix is longer than a key can be (${MAX_KEY_BYTES} bytes); make it shorter`,
  )
  .transform((text) => text || undefined)

const endpoint = z
  .string(expecting('endpoint', 'the URL of a server that speaks the protocol of S3'))
  .superRefine((text, context) => {
    const message = addressProblem('endpoint', text, 'give it as https://HOST or https://HOST:PORT')
    if (message !== undefined) context.addIssue({ code: 'custom', message, continue: false })
  })
  .transform((text) => new URL(text).href.replace(/\/+$/, ''))

const region = z
  .string(expecting('region', 'a region, such as "eu-west-1"'))
  .regex(/^[a-z0-9-]{1,64}$/, {
    error: ({ input }) =>
      `region ${shown(input)} is not a region; expected one such as "eu-west-1"`,
  })

const owner = z
  .string(expecting('expected_bucket_owner', 'an account, such as "123456789012"'))
  .regex(/^\d{12}$/, 'expected_bucket_owner is not the number of an account: it has 12 digits')

const concurrencyExpectation = expecting(
  'concurrency',
  `a whole number of requests from 1 to ${MAX_CONCURRENCY}`,
)
const concurrency = z
  .number(concurrencyExpectation)
  .refine((n) => Number.isInteger(n) && n >= 1 && n <= MAX_CONCURRENCY, concurrencyExpectation)

const flag = (key: string) =>
  z
    .boolean(expecting(snakeCase(key), 'true or false'))
    .transform((wanted): true | undefined => wanted || undefined)
    .optional()

const names = (key: 'buckets' | 'excludeBuckets') =>
  z
    .array(z.string().min(1), expecting(snakeCase(key), 'a list of patterns, such as ["logs-*"]'))
    .min(1, `${snakeCase(key)} is an empty list; name at least one pattern, or leave it out`)

const KEYS = [
  'bucket',
  'allBuckets',
  'buckets',
  'excludeBuckets',
  'prefix',
  'region',
  'endpoint',
  'pathStyle',
  'requesterPays',
  'expectedBucketOwner',
  'versions',
  'filter',
  'concurrency',
] as const

const unknownKeys = (keys: readonly string[]): string =>
  `unknown ${keys.length === 1 ? 'key' : 'keys'} ${listed(keys)} for an s3 target; known are ${listed(KEYS)}`

interface Scoped {
  readonly bucket?: string | undefined
  readonly allBuckets?: true | undefined
  readonly buckets?: readonly string[] | undefined
  readonly excludeBuckets?: readonly string[] | undefined
  readonly prefix?: string | undefined
  readonly versions?: true | undefined
  readonly pathStyle?: boolean | undefined
  readonly endpoint?: string | undefined
}

/** What does not go together. */
function problemsOf(spec: Scoped): readonly string[] {
  const problems: string[] = []
  if ((spec.bucket === undefined) === (spec.allBuckets === undefined)) {
    problems.push('give exactly one of bucket and all_buckets')
  }
  if (spec.allBuckets === undefined && (spec.buckets ?? spec.excludeBuckets) !== undefined) {
    problems.push('buckets and exclude_buckets choose among all_buckets; give them with it')
  }
  if (spec.bucket === undefined || !isDirectoryBucket(spec.bucket)) return problems
  if (spec.prefix !== undefined && !spec.prefix.endsWith('/')) {
    problems.push(
      `prefix ${shown(spec.prefix)} of a directory bucket has to end in "/"; it lists no others`,
    )
  }
  if (spec.versions) problems.push('a directory bucket has no versions; leave versions out')
  return problems
}

/** Whether a bucket lists its keys in no order, and by tokens alone. */
export const isDirectoryBucket = (bucket: string): boolean => DIRECTORY_BUCKET.test(bucket)

/**
 * The s3 part of a target spec: where to look, and what of it to leave out. It
 * holds no secret. What comes out is in one form for what means one thing,
 * since a target is known by it.
 */
export const s3Spec = z
  .strictObject(
    {
      /** One bucket, by its name. */
      bucket: bucketName.optional(),
      /** Every bucket that the credential can list, one after the other. */
      allBuckets: flag('allBuckets'),
      /** Patterns for the names of buckets; one that none of them matches is left out. */
      buckets: names('buckets').optional(),
      /** Patterns for the names of buckets; one that one of them matches is left out. */
      excludeBuckets: names('excludeBuckets').optional(),
      /** What the keys begin with; nothing outside of it is ever asked for. */
      prefix: prefix.optional(),
      /** Where the bucket is; found out where it is not told, or wrong. */
      region: region.optional(),
      /** A server that speaks S3's protocol: MinIO, R2, Ceph. Default: Amazon's. */
      endpoint: endpoint.optional(),
      /** Whether the bucket's name goes into the path and not into the host. Default: with an endpoint. */
      pathStyle: z.boolean(expecting('path_style', 'true or false')).optional(),
      /** Whether the requests may be charged to this account: else such a bucket is forbidden. */
      requesterPays: flag('requesterPays'),
      /** The account that has to own the bucket; one that was deleted and taken by another is refused. */
      expectedBucketOwner: owner.optional(),
      /** Whether to list every version of each object, not the current one alone. */
      versions: flag('versions'),
      /** Which objects to leave out; those count as skipped. */
      filter: s3Filter,
      /** Requests at once, 1 to 64. Default: 8. With 1 a bucket is listed from its beginning to its end. */
      concurrency: concurrency.default(DEFAULT_CONCURRENCY),
    },
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys' ? unknownKeys(issue.keys as string[]) : undefined,
    },
  )
  .superRefine((spec, context) => {
    for (const message of problemsOf(spec)) context.addIssue({ code: 'custom', message })
  })

export type S3Spec = z.output<typeof s3Spec>

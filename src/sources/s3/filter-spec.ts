/** The `filter` of an s3 target: which of the objects found are to be scanned. */
import { z } from 'zod'
import { expecting, instantOf, listed, shown, unordered } from '../spec-words.ts'

/** Every filter, in the order in which they are asked. */
export const FILTER_KEYS = [
  'include',
  'exclude',
  'minSize',
  'maxSize',
  'modifiedSince',
  'modifiedBefore',
  'storageClasses',
  'archived',
] as const
export type FilterKey = (typeof FILTER_KEYS)[number]

const named = (key: FilterKey): string => `filter.${listed([key])}`

/** Longer ones are a mistake, and could take long to match. */
const MAX_PATTERN_LENGTH = 1_024

/** Each more is a power of the key's length: four took a second for 400 characters (measured). */
const MOST_STARS = 2

const isSlow = (pattern: string): boolean =>
  pattern
    .split('/')
    .some((part) => part !== '**' && part.replaceAll(/[^*]/g, '').length > MOST_STARS)

const patterns = (key: 'include' | 'exclude') =>
  z
    .array(
      z
        .string(expecting(`an entry of ${named(key)}`, 'a pattern for keys, such as "**/*.env"'))
        .min(1, `an entry of ${named(key)} is empty; remove it or write a pattern for keys`)
        .max(
          MAX_PATTERN_LENGTH,
          `an entry of ${named(key)} is longer than a key can be; write several shorter ones`,
        )
        .refine((pattern) => !isSlow(pattern), {
          error: ({ input }) =>
            `an entry of ${named(key)} is ${shown(input)}; expected at most ${MOST_STARS} "*" between two "/", for more take too long to match`,
        }),
      expecting(named(key), 'a list, such as ["**/*.env"]'),
    )
    .min(1, `${named(key)} is an empty list; name at least one, or leave the filter out`)
    .transform(unordered)

const size = (key: 'minSize' | 'maxSize') => {
  const expectation = expecting(named(key), 'a whole number of bytes from 0')
  return z.number(expectation).refine((n) => Number.isSafeInteger(n) && n >= 0, expectation)
}

const moment = (key: 'modifiedSince' | 'modifiedBefore') => {
  const expectation = expecting(
    named(key),
    'a date such as "2025-01-31", or a time with its zone such as "2025-01-31T12:00:00Z"',
  )
  return z
    .string(expectation)
    .refine((text) => !Number.isNaN(instantOf(text)), expectation)
    .transform((text) => new Date(instantOf(text)).toISOString())
}

const storageClasses = z
  .array(
    z.string().regex(/^[A-Z0-9_]{1,64}$/i, {
      error: ({ input }) =>
        `an entry of ${named('storageClasses')} is ${shown(input)}; expected a class, such as "STANDARD"`,
    }),
    expecting(named('storageClasses'), 'a list, such as ["STANDARD", "STANDARD_IA"]'),
  )
  .min(1, `${named('storageClasses')} is an empty list; name at least one, or leave it out`)
  .transform((given) => unordered(given.map((one) => one.toUpperCase())))

const shape = z.strictObject(
  {
    /** Patterns for keys; an object that none of them matches is left out. */
    include: patterns('include').optional(),
    /** Patterns for keys; an object that one of them matches is left out. */
    exclude: patterns('exclude').optional(),
    /** Bytes; the smallest that is kept. */
    minSize: size('minSize')
      .transform((n) => n || undefined)
      .optional(),
    /** Bytes; the largest that is kept. */
    maxSize: size('maxSize').optional(),
    /** Leaves out what was last modified before. */
    modifiedSince: moment('modifiedSince').optional(),
    /** Leaves out what was last modified at that time or later. */
    modifiedBefore: moment('modifiedBefore').optional(),
    /** Of the storage classes those that are kept. */
    storageClasses: storageClasses.optional(),
    /**
     * `include` keeps objects that have to be restored before they can be read
     * (GLACIER and DEEP_ARCHIVE). Default: they are left out.
     */
    archived: z
      .enum(['include', 'exclude'], expecting(named('archived'), '"include" or "exclude"'))
      .transform((choice) => (choice === 'include' ? choice : undefined))
      .optional(),
  },
  {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown ${issue.keys.length === 1 ? 'key' : 'keys'} ${listed(issue.keys as string[])} in filter; known are ${listed(FILTER_KEYS)}`
        : `filter is ${shown(issue.input)}; expected a mapping, such as { exclude: ["**/*.log"] }`,
  },
)
type Shape = z.output<typeof shape>

/** Which objects to leave out, in its one form: what is not given leaves nothing out. */
export type S3Filter = { readonly [Key in keyof Shape]: Shape[Key] }

/** What no object can fulfil; a walk that finds nothing would look like an empty place. */
function contradictions(filter: Shape): readonly string[] {
  const problems: string[] = []
  const { minSize, maxSize, modifiedSince, modifiedBefore } = filter
  if (minSize !== undefined && maxSize !== undefined && minSize > maxSize) {
    problems.push(
      `${named('minSize')} is ${minSize} and ${named('maxSize')} is ${maxSize}; expected a range, so exchange them`,
    )
  }
  if (
    modifiedSince !== undefined &&
    modifiedBefore !== undefined &&
    modifiedSince >= modifiedBefore
  ) {
    problems.push(
      `${named('modifiedSince')} is not before ${named('modifiedBefore')}; expected a range, so exchange them`,
    )
  }
  return problems
}

/** The `filter` of an s3 target; one that leaves nothing out is `undefined`, so that it is no other target. */
export const s3Filter = shape
  .superRefine((filter, context) => {
    for (const message of contradictions(filter)) context.addIssue({ code: 'custom', message })
  })
  .transform((filter): S3Filter | undefined => {
    const set = Object.entries(filter).filter(([, value]) => value !== undefined)
    return set.length === 0 ? undefined : (Object.fromEntries(set) as S3Filter)
  })
  .optional()

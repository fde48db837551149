/** The `filter` of a github target: which of the repositories found are to be scanned. */
import { z } from 'zod'
import { expecting, instantOf, listed, shown, unordered } from '../spec-words.ts'

/** Who may see a repository. */
export const VISIBILITIES = ['internal', 'private', 'public'] as const

/** What to do with repositories of a kind, `fork` say. */
export const KIND_CHOICES = ['include', 'exclude', 'only'] as const
/** `include` is what holds without a filter, so that it is never stored. */
export type KindChoice = 'exclude' | 'only'

/** Every filter, in the order in which they are asked. */
export const FILTER_KEYS = [
  'include',
  'exclude',
  'forks',
  'archived',
  'disabled',
  'empty',
  'visibility',
  'topics',
  'excludeTopics',
  'languages',
  'minSizeKb',
  'maxSizeKb',
  'pushedSince',
] as const
export type FilterKey = (typeof FILTER_KEYS)[number]

/** How a message names a filter. */
const named = (key: FilterKey): string => `filter.${listed([key])}`

const words = (key: FilterKey, expected: string, example: string) =>
  z
    .array(
      z
        .string(expecting(`an entry of ${named(key)}`, `${expected}, such as "${example}"`))
        .trim()
        .min(1, `an entry of ${named(key)} is empty; remove it or write ${expected}`),
      expecting(named(key), `a list, such as ["${example}"]`),
    )
    .min(1, `${named(key)} is an empty list; name at least one, or leave the filter out`)

const globs = (key: 'include' | 'exclude') =>
  words(key, 'a pattern for "owner/name"', 'acme/*').superRefine((patterns, context) => {
    for (const pattern of patterns) {
      const problem = patternProblem(pattern)
      if (problem === undefined) continue
      const message = `an entry of ${named(key)} is ${shown(pattern)}; ${problem}`
      context.addIssue({ code: 'custom', message })
    }
  })

/** Longer ones are a mistake, and could take long to match. */
const MAX_PATTERN_LENGTH = 300

/** Why a pattern can match nothing, or nothing that was meant. */
const patternProblem = (pattern: string): string | undefined => {
  // Told already.
  if (pattern === '') return undefined
  if (pattern.length > MAX_PATTERN_LENGTH) {
    return `a pattern has up to ${MAX_PATTERN_LENGTH} characters; write several shorter ones`
  }
  if (/^[a-z+]+:\/\//i.test(pattern)) {
    return 'expected a pattern for "owner/name"; leave the scheme and the host away'
  }
  if (/^!(?!\()/.test(pattern)) {
    return 'a pattern does not begin with "!"; write it without, in the other of include and exclude'
  }
  if (!pattern.includes('/') && !pattern.includes('**')) {
    return `a pattern is matched with "owner/name" and has a "/"; write "*/${pattern}" for a name or "${pattern}/*" for an owner`
  }
  return undefined
}

const kind = (key: FilterKey) =>
  z
    .union(
      [z.boolean(), z.enum(KIND_CHOICES)],
      expecting(
        named(key),
        '"include", "exclude" or "only" (true is "include", false is "exclude")',
      ),
    )
    .transform((choice): KindChoice | undefined => {
      if (choice === true || choice === 'include') return undefined
      return choice === false ? 'exclude' : choice
    })
    .optional()

const size = (key: 'minSizeKb' | 'maxSizeKb') => {
  const expectation = expecting(named(key), 'a whole number of kilobytes, 0 or more')
  return z.number(expectation).refine((n) => Number.isSafeInteger(n) && n >= 0, expectation)
}

const dateExpectation = expecting(
  named('pushedSince'),
  'a date such as "2025-01-31", or a time with its zone such as "2025-01-31T12:00:00Z"',
)
const pushedSince = z
  .string(dateExpectation)
  .refine((text) => !Number.isNaN(instantOf(text)), dateExpectation)
  .transform((text) => new Date(instantOf(text)).toISOString())

const visibility = z
  .array(
    z.enum(
      VISIBILITIES,
      expecting(`an entry of ${named('visibility')}`, '"public", "private" or "internal"'),
    ),
    expecting(named('visibility'), 'a list, such as ["private", "internal"]'),
  )
  .min(1, `${named('visibility')} is an empty list; name at least one, or leave the filter out`)
  .transform((given) => {
    const some = unordered(given)
    return some.length === VISIBILITIES.length ? undefined : some
  })

const lowerCase = (values: readonly string[]): string[] =>
  unordered(values.map((value) => value.toLowerCase()))

const shape = z.strictObject(
  {
    /** Patterns for `owner/name`; a repository that none of them matches is left out. */
    include: globs('include').transform(unordered).optional(),
    /** Patterns for `owner/name`; a repository that one of them matches is left out. */
    exclude: globs('exclude').transform(unordered).optional(),
    forks: kind('forks'),
    archived: kind('archived'),
    /** Closed by GitHub. */
    disabled: kind('disabled'),
    /** Never pushed to. */
    empty: kind('empty'),
    visibility: visibility.optional(),
    /** One of them is enough. */
    topics: words('topics', 'a topic', 'security').transform(lowerCase).optional(),
    /** One of them is enough to leave a repository out. */
    excludeTopics: words('excludeTopics', 'a topic', 'sandbox').transform(lowerCase).optional(),
    /** Main languages by GitHub's names; one of them is enough. */
    languages: words('languages', 'a language', 'TypeScript').transform(lowerCase).optional(),
    /** Kilobytes; the smallest that is kept. */
    minSizeKb: size('minSizeKb')
      .transform((n) => n || undefined)
      .optional(),
    /** Kilobytes; the largest that is kept. */
    maxSizeKb: size('maxSizeKb').optional(),
    /** Leaves out what was last pushed to before: a date (from its first moment in UTC) or a time. */
    pushedSince: pushedSince.optional(),
  },
  {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return unknownKeys(issue.keys as string[])
      return `filter is ${shown(issue.input)}; expected a mapping, such as { forks: exclude }`
    },
  },
)
type Shape = z.output<typeof shape>

const unknownKeys = (keys: readonly string[]): string =>
  `unknown ${keys.length === 1 ? 'key' : 'keys'} ${listed(keys)} in filter; known are ${listed(FILTER_KEYS)}`

const PAIRS = [
  ['include', 'exclude'],
  ['topics', 'excludeTopics'],
] as const

/** What no repository can fulfil; a walk that finds nothing would look like an empty place. */
const contradictions = ({ minSizeKb, maxSizeKb, ...filter }: Shape): string[] => {
  const problems = PAIRS.flatMap(([wanted, unwanted]) => {
    const both = filter[wanted]?.find((value) => filter[unwanted]?.includes(value))
    if (both === undefined) return []
    return `${named(wanted)} and ${named(unwanted)} both hold ${shown(both)}; take it out of one of them`
  })
  if (minSizeKb !== undefined && maxSizeKb !== undefined && minSizeKb > maxSizeKb) {
    problems.push(
      `${named('minSizeKb')} is ${minSizeKb} and ${named('maxSizeKb')} is ${maxSizeKb}; expected a range, so exchange them`,
    )
  }
  return problems
}

/** Only what leaves something out is kept, so that a filter that does not is no other target. */
const effective = (filter: Shape): GithubFilter | undefined => {
  const set = Object.entries(filter).filter(([, value]) => value !== undefined)
  return set.length === 0 ? undefined : (Object.fromEntries(set) as GithubFilter)
}

/** The `filter` of a github target; without one, or with one that leaves nothing out, `undefined`. */
export const githubFilter = shape
  .superRefine((filter, context) => {
    for (const message of contradictions(filter)) context.addIssue({ code: 'custom', message })
  })
  .transform(effective)
  .optional()

/** Which repositories to leave out, in its one form: what is not given leaves nothing out. */
export type GithubFilter = { readonly [Key in keyof Shape]: Shape[Key] }

/** The filters that say something of a gist. */
const GIST_FILTERS: readonly string[] = ['include', 'exclude', 'visibility', 'pushedSince']

/** Why a filter makes no sense for gists, or nothing. */
export function gistFilterProblem(filter: GithubFilter): string | undefined {
  const odd = FILTER_KEYS.filter((key) => filter[key] !== undefined && !GIST_FILTERS.includes(key))
  if (odd.length === 0) return undefined
  return `${odd.map(named).join(' and ')} cannot be told of gists; known for gists are ${listed(GIST_FILTERS)}`
}

/**
 * Which repositories a target leaves out, and by which of its filters.
 *
 * What is not known leaves nothing out: an entry of a list that was not looked
 * up has no more than its name, and REST tells less than GraphQL. To scan one
 * too many is cheap; one that is lost in silence is what nobody notices.
 */
import picomatch from 'picomatch'
import type { JsonRecord, JsonValue } from '../../domain/json.ts'
import { FILTER_KEYS, type FilterKey, type GithubFilter, type KindChoice } from './filter-spec.ts'

/** Whether an item is left out. */
type Test = (item: JsonRecord) => boolean

/** GitHub's names do not heed case and may begin with a dot; on Windows too, a backslash is no slash. */
const GLOB_OPTIONS = { nocase: true, dot: true, nonegate: true, windows: false }

const byName =
  (leavesOutMatches: boolean) =>
  (patterns: readonly string[]): Test => {
    const matches = picomatch([...patterns], GLOB_OPTIONS)
    return ({ fullName }) => typeof fullName === 'string' && matches(fullName) === leavesOutMatches
  }

const byKind =
  (fact: string) =>
  (choice: KindChoice): Test =>
  (item) =>
    item[fact] === (choice === 'exclude')

const lowerCase = (value: JsonValue | undefined): string =>
  typeof value === 'string' ? value.toLowerCase() : ''

/** No word is what GitHub has not made out, or not yet. */
const byWord =
  (fact: string) =>
  (allowed: readonly string[]): Test =>
  (item) => {
    const word = lowerCase(item[fact])
    return word !== '' && !allowed.includes(word)
  }

const byTopics =
  (leavesOutMatches: boolean) =>
  (named: readonly string[]): Test =>
  ({ topics }) =>
    Array.isArray(topics) &&
    topics.some((topic: JsonValue) => named.includes(lowerCase(topic))) === leavesOutMatches

const bySize =
  (isOutside: (size: number, limit: number) => boolean) =>
  (limit: number): Test =>
  ({ sizeKb }) =>
    typeof sizeKb === 'number' && isOutside(sizeKb, limit)

const byPush =
  (since: string): Test =>
  ({ pushedAt, createdAt, empty }) => {
    // By REST, what was never pushed was pushed when it was created.
    const at = pushedAt ?? (empty === true ? createdAt : undefined)
    // No time at all is NaN, which is before nothing.
    return typeof at === 'string' && Date.parse(at) < Date.parse(since)
  }

type TestOf<Key extends FilterKey> = (value: NonNullable<GithubFilter[Key]>) => Test

const TESTS: { readonly [Key in FilterKey]: TestOf<Key> } = {
  include: byName(false),
  exclude: byName(true),
  forks: byKind('fork'),
  archived: byKind('archived'),
  disabled: byKind('disabled'),
  empty: byKind('empty'),
  visibility: byWord('visibility'),
  topics: byTopics(false),
  excludeTopics: byTopics(true),
  languages: byWord('language'),
  minSizeKb: bySize((size, limit) => size < limit),
  maxSizeKb: bySize((size, limit) => size > limit),
  pushedSince: byPush,
}

type Compiled = readonly { readonly name: FilterKey; readonly leavesOut: Test }[]

const compileOne = <Key extends FilterKey>(filter: GithubFilter, name: Key): Compiled => {
  const value = filter[name]
  if (value === undefined) return []
  return [{ name, leavesOut: TESTS[name](value as NonNullable<GithubFilter[Key]>) }]
}

/** Patterns take long to compile, and a filter is asked of every item. */
const compiled = new WeakMap<GithubFilter, Compiled>()

const compile = (filter: GithubFilter): Compiled => {
  const known = compiled.get(filter)
  if (known) return known
  const made = FILTER_KEYS.flatMap((key) => compileOne(filter, key))
  compiled.set(filter, made)
  return made
}

/**
 * The name of the first filter, in the order of `FILTER_KEYS`, that leaves an
 * item out; `undefined` where none does.
 *
 * @param item the facts of a repository or a gist; any may be missing or null,
 *   and is then not asked
 */
export function skippedBy(
  item: JsonRecord,
  filter: GithubFilter | undefined,
): FilterKey | undefined {
  if (filter === undefined) return undefined
  return compile(filter).find(({ leavesOut }) => leavesOut(item))?.name
}

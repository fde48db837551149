import { z } from 'zod'
import { ItemRejectedError } from '../../domain/errors.ts'
import type { JsonRecord } from '../../domain/json.ts'
import type { Identity } from '../source.ts'
import { printed } from '../wording.ts'
import { skippedBy } from './filter.ts'
import type { GithubFilter } from './filter-spec.ts'
import { isRecord } from './raw.ts'

/**
 * A repository as an item of a page: its `RepositoryFacts`, and `aliases` where
 * a list names it otherwise. Items are stored, and a later version may find
 * those of an earlier, so that no field is sure to be there.
 */
export type RepositoryItem = JsonRecord

/** A http(s) URL that holds no credentials. */
export const webAddress = z
  .url({ protocol: /^https?$/ })
  .refine((text) => URL.parse(text)?.username === '' && URL.parse(text)?.password === '')

const NAME = /^[\w.-]+\/(?!\.{1,2}$)[\w.-]+$/

const repository = z.object({
  id: z.int().positive(),
  fullName: z.string().regex(NAME),
  url: webAddress,
  cloneUrl: webAddress.nullish(),
  aliases: z.array(webAddress).nullish(),
})

type Repository = z.infer<typeof repository>

/** An address whose path needs no parsing: whether it is good depends on what stands before the path alone. */
const PLAIN_ADDRESS = /^(https?:\/\/[^/]+\/)[\w.~/-]*$/

/** The beginning that the last good address had: those of one GitHub share it. */
let goodOrigin: string | undefined

const isPlainAddress = (value: unknown): boolean => {
  const origin = typeof value === 'string' ? PLAIN_ADDRESS.exec(value)?.[1] : undefined
  if (origin === undefined) return false
  if (origin !== goodOrigin && webAddress.safeParse(origin).success) goodOrigin = origin
  return origin === goodOrigin
}

/**
 * Whether an item is seen at a glance to be what the schema asks for: nearly
 * every one is, and each of its addresses costs the schema three parsed URLs.
 * Any other is left to the schema, which knows why.
 */
const isPlainRepository = (item: RepositoryItem): boolean =>
  Number.isSafeInteger(item.id) &&
  (item.id as number) > 0 &&
  typeof item.fullName === 'string' &&
  NAME.test(item.fullName) &&
  isPlainAddress(item.url) &&
  (item.cloneUrl == null || isPlainAddress(item.cloneUrl)) &&
  item.aliases == null

const BAD_ADDRESS = 'expected an http(s) URL without credentials'

/** The reason, in words, for each field that can be wrong. */
const REASONS: Readonly<Record<string, (item: RepositoryItem) => string>> = {
  id: (item) => `expected a numeric id; found ${printed(item.id)}`,
  fullName: (item) => `expected a name like owner/name; found ${printed(item.fullName)}`,
  // A URL that is refused may be refused for the password in it.
  url: () => BAD_ADDRESS,
  cloneUrl: () => `${BAD_ADDRESS} for cloning`,
  aliases: () => `${BAD_ADDRESS} for each earlier name`,
}

/** What the scanner is told beside the address; `id` and `fullName` are in the identity already. */
const metadataOf = (item: RepositoryItem): JsonRecord => {
  const { id: _id, fullName: _name, aliases: _aliases, url, ...facts } = item
  return { ...facts, cloneUrl: facts.cloneUrl ?? `${String(url)}.git` }
}

/** What was never pushed to has no time of it, and one version until it is. */
const NEVER_PUSHED = 'empty'

const versionOf = ({ pushedAt, empty }: RepositoryItem): string | undefined => {
  if (typeof pushedAt === 'string') return pushedAt
  return empty === true ? NEVER_PUSHED : undefined
}

/** @throws {ItemRejectedError} that names each field that is wrong */
const checked = (item: RepositoryItem): Repository => {
  if (isPlainRepository(item)) return item as Repository
  const { success, data, error } = repository.safeParse(item)
  if (success) return data
  const fields = [...new Set(error.issues.map((issue) => String(issue.path[0])))]
  const reasons = fields.map((field) => REASONS[field]?.(item) ?? field)
  const name = typeof item.fullName === 'string' ? ` "${item.fullName}"` : ''
  throw new ItemRejectedError(
    `not a repository as GitHub describes one${name}: ${reasons.join('; ')}`,
  )
}

/**
 * The resource that a listed repository stands for. Its key is the numeric id,
 * which outlives renames and transfers; names and URLs do not.
 *
 * @param webHost the host that people see, such as `github.com`
 * @throws {ItemRejectedError} for an item without a usable id, name or URL
 */
export function identifyRepository(
  item: RepositoryItem,
  webHost: string,
  filter?: GithubFilter,
): Identity {
  // A retried item comes from the database, where any JSON may stand.
  if (!isRecord(item)) {
    throw new ItemRejectedError(`not a repository as GitHub describes one: got ${printed(item)}`)
  }
  const { id, fullName, url, aliases } = checked(item)
  const version = versionOf(item)
  const skipped = skippedBy(item, filter)
  return {
    key: `${webHost}#${id}`,
    uri: url,
    name: fullName,
    metadata: metadataOf(item),
    ...(version === undefined ? {} : { version }),
    ...(aliases?.length ? { aliases } : {}),
    ...(skipped === undefined ? {} : { skipped }),
  }
}

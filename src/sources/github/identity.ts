import { z } from 'zod'
import { ItemRejectedError } from '../../domain/errors.ts'
import type { JsonRecord } from '../../domain/json.ts'
import type { Identity } from '../source.ts'
import { printed } from '../wording.ts'

/**
 * What is kept of a repository, the same from either API. The fields are as
 * GitHub gave them, unchecked: an item that is no repository is rejected by
 * itself and does not take its page with it.
 */
export type RepositoryItem = JsonRecord

const isRecord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A row of a page as GitHub gave it. Deliberately no more: see `RepositoryItem`. */
export const rawRepository = z.custom<JsonRecord>(isRecord)

const repository = z.object({
  id: z.int().positive(),
  fullName: z.string().regex(/^[\w.-]+\/(?!\.{1,2}$)[\w.-]+$/),
  url: z.url({ protocol: /^https?$/ }).refine((text) => URL.parse(text)?.username === ''),
})

/** The reason, in words, for each field that can be wrong. */
const REASONS: Readonly<Record<string, (item: RepositoryItem) => string>> = {
  id: (item) => `expected a numeric id; found ${printed(item.id)}`,
  fullName: (item) => `expected a name like owner/name; found ${printed(item.fullName)}`,
  // A URL that is refused may be refused for the password in it.
  url: () => 'expected an http(s) URL without credentials',
}

/** What the scanner is told beside the address; `id` and `fullName` are in the identity already. */
const metadataOf = ({ id: _id, fullName: _name, url, ...facts }: RepositoryItem): JsonRecord => ({
  ...facts,
  cloneUrl: facts.cloneUrl ?? `${String(url)}.git`,
})

/**
 * The resource that a listed repository stands for. Its key is the numeric id,
 * which outlives renames and transfers; names and URLs do not.
 *
 * @throws {ItemRejectedError} for an item without a usable id, name or URL
 */
export function identifyRepository(item: RepositoryItem, webHost: string): Identity {
  // A retried item comes from the database, where any JSON may stand.
  if (!isRecord(item)) {
    throw new ItemRejectedError(`not a repository as GitHub describes one: got ${printed(item)}`)
  }
  const checked = repository.safeParse(item)
  if (!checked.success) {
    const fields = [...new Set(checked.error.issues.map((issue) => String(issue.path[0])))]
    const reasons = fields.map((field) => REASONS[field]?.(item) ?? field)
    const name = typeof item.fullName === 'string' ? ` "${item.fullName}"` : ''
    throw new ItemRejectedError(
      `not a repository as GitHub describes one${name}: ${reasons.join('; ')}`,
    )
  }
  const { id, fullName, url } = checked.data
  return { key: `${webHost}#${id}`, uri: url, name: fullName, metadata: metadataOf(item) }
}

/** Gists: small repositories of their own, told of by REST alone. */
import { z } from 'zod'
import { ItemRejectedError } from '../../domain/errors.ts'
import type { JsonRecord, JsonValue } from '../../domain/json.ts'
import type { Identity } from '../source.ts'
import { printed } from '../wording.ts'
import { skippedBy } from './filter.ts'
import type { GithubFilter } from './filter-spec.ts'
import { webAddress } from './identity.ts'
import { isRecord } from './raw.ts'

/** What is kept of a gist, unchecked as a repository's facts are. */
export type GistItem = {
  /** Tells it from a repository. */
  readonly kind: 'gist'
  /** A hexadecimal number; that of an old gist looks like a decimal one. */
  readonly id: JsonValue
  readonly nodeId: JsonValue
  /** The page for people. */
  readonly url: JsonValue
  /** For cloning by https: each gist is a git repository. */
  readonly cloneUrl: JsonValue
  /** `public`, or `secret`: not listed, but open to everybody who knows its address. */
  readonly visibility: JsonValue
  /** How many files it has; the list tells of 300 at most. */
  readonly files: JsonValue
  /** ISO 8601. */
  readonly createdAt: JsonValue
  /** When it was last changed, ISO 8601. */
  readonly updatedAt: JsonValue
  /** The account that it belongs to; null for those from the time when none was needed. */
  readonly ownerLogin: JsonValue
}

/** A gist as REST describes it, in a list or alone. */
export function gistFromRest(row: JsonRecord): GistItem {
  return {
    kind: 'gist',
    id: row.id ?? null,
    nodeId: row.node_id ?? null,
    url: row.html_url ?? null,
    cloneUrl: row.git_pull_url ?? null,
    visibility: typeof row.public === 'boolean' ? (row.public ? 'public' : 'secret') : null,
    files: isRecord(row.files) ? Object.keys(row.files).length : null,
    createdAt: row.created_at ?? null,
    updatedAt: row.updated_at ?? null,
    ownerLogin: isRecord(row.owner) ? (row.owner.login ?? null) : null,
  }
}

/** Whether an item is a gist. */
export function isGist(item: JsonValue): item is GistItem {
  return isRecord(item) && item.kind === 'gist'
}

const gist = z.object({
  id: z.string().regex(/^[0-9a-f]{1,64}$/i),
  url: webAddress,
  cloneUrl: webAddress.nullish(),
  ownerLogin: z.string().nullish(),
  updatedAt: z.string().nullish(),
})

/** The reason, in words, for each field that can be wrong. */
const reasonOf = (field: string, item: JsonRecord): string => {
  if (field === 'id') return `expected a hexadecimal id; found ${printed(item.id)}`
  // A URL that is refused may be refused for the password in it.
  if (field === 'url' || field === 'cloneUrl') return 'expected an http(s) URL without credentials'
  return `expected ${field} as text; found ${printed(item[field])}`
}

/** A gist in the words that filters know: a secret one is as good as private, and a change is a push. */
const filterable = (item: JsonRecord, name: string): JsonRecord => ({
  fullName: name,
  visibility: item.visibility === 'secret' ? 'private' : (item.visibility ?? null),
  pushedAt: item.updatedAt ?? null,
})

/**
 * The resource that a gist stands for; its name is `owner/id`.
 *
 * @throws {ItemRejectedError} for an item without a usable id or URL
 */
export function identifyGist(item: JsonRecord, webHost: string, filter?: GithubFilter): Identity {
  const checked = gist.safeParse(item)
  if (!checked.success) {
    const fields = [...new Set(checked.error.issues.map((issue) => String(issue.path[0])))]
    const reasons = [...new Set(fields.map((field) => reasonOf(field, item)))].join('; ')
    throw new ItemRejectedError(`not a gist as GitHub describes one: ${reasons}`)
  }
  const { id, url, ownerLogin, updatedAt } = checked.data
  const name = ownerLogin ? `${ownerLogin}/${id}` : id
  const { id: _id, url: _url, ...metadata } = item
  const skipped = skippedBy(filterable(item, name), filter)
  return {
    key: `gist.${webHost}#${id}`,
    uri: url,
    name,
    metadata,
    ...(updatedAt ? { version: updatedAt } : {}),
    ...(skipped === undefined ? {} : { skipped }),
  }
}

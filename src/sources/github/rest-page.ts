/** One page of a listing by REST, or the proof that it is the one that is remembered. */
import { z } from 'zod'
import type { Shortfall } from '../../../machines/index.ts'
import type { JsonRecord, JsonValue } from '../../domain/json.ts'
import { VERSION } from '../../version.ts'
import type { EnumerateContext } from '../source.ts'
import { type Answer, field, headerOf, malformed } from './classify.ts'
import type { GithubClient } from './connect.ts'
import { fromRest, type RepositoryFacts } from './facts.ts'
import { type GistItem, gistFromRest } from './gist.ts'
import { ssoShortfall } from './verdict.ts'
import { isRecord, rawRow } from './raw.ts'

const rowsBody = z.array(rawRow)

/** A row, and what its pass has to know of it. */
export interface RestRow {
  readonly id: string
  /** When it was created, in milliseconds; null where it does not tell. */
  readonly created: number | null
  readonly item: RepositoryFacts | GistItem
}

export interface RestPage {
  readonly rows: readonly RestRow[]
  readonly next: string | null
  readonly shortfalls: readonly Shortfall[]
  /** The answer, whose body is missing where the page was only confirmed. */
  readonly answer: Answer
}

/**
 * A page that may be confirmed. The version is part of the key, since another
 * may keep other facts of a row.
 */
const remembered = z.object({
  etag: z.string(),
  next: z.string(),
  rows: z.array(
    z.object({
      id: z.string(),
      created: z.number().nullable(),
      item: z.custom<RepositoryFacts | GistItem>(isRecord),
    }),
  ),
})

/** How an answer of the wrong shape came, for a message. */
const describe = (body: unknown): string => {
  if (body === '') return 'it is empty'
  return typeof body === 'string' ? 'it is not JSON' : 'its JSON has another shape'
}

/** The error for an answer that has not the shape of what was asked for. */
export const unreadable = (client: GithubClient, answer: Answer): Error =>
  malformed(
    client.subject,
    `the answer cannot be read: ${describe(answer.body)} (${headerOf(answer, 'content-type') ?? 'no content type'})`,
  )

const NEXT = /<([^<>]+)>\s*;\s*rel="?next"?/

/** The next page's URL as GitHub gave it; null at the end. */
export const nextUrl = (answer: Answer): string | null =>
  NEXT.exec(headerOf(answer, 'link') ?? '')?.[1] ?? null
const LAST_OF_ONE = /<[^<>]*[?&]page=(\d+)[^<>]*>\s*;\s*rel="?last"?/

/** A page's rows as GitHub gave them: the body itself, or one of its fields. */
const rawRows = (body: unknown): unknown => field(body, 'repositories') ?? body

const toRow = (kind: 'repository' | 'gist', row: JsonRecord): RestRow => {
  const created = typeof row.created_at === 'string' ? Date.parse(row.created_at) : Number.NaN
  return {
    id: String(row.id).slice(0, 100),
    created: Number.isNaN(created) ? null : created,
    item: kind === 'gist' ? gistFromRest(row) : fromRest(row),
  }
}

export interface PageRequest {
  readonly url: string
  readonly rowKind: 'repository' | 'gist'
  /**
   * Whether the page must have a `Link` header. Every page but an only one has
   * one, if only back to the first: without it the page lost its header on the
   * way, and taking it for the last would lose rows.
   */
  mustHaveLink(rows: number): Promise<boolean>
}

/**
 * Reads a page.
 *
 * The last page of a listing is never taken from memory: its ETag is that of
 * its rows, and says nothing of a page that has come after it.
 */
export async function fetchRestPage(
  client: GithubClient,
  answers: EnumerateContext['answers'],
  { url, rowKind, mustHaveLink }: PageRequest,
): Promise<RestPage> {
  const key = (): string => `github ${VERSION} ${client.credentialId} ${url}`
  const known = remembered.safeParse(await answers.get(key())).data
  const answer = await client.get(url, known && { ifNoneMatch: known.etag })
  if (answer.status === 304 && known) {
    const shortfalls = ssoShortfall(answer, client.subject.what)
    return { rows: known.rows, next: known.next, shortfalls, answer }
  }
  const raw = rowsBody.safeParse(rawRows(answer.body))
  if (!raw.success) throw unreadable(client, answer)
  const link = headerOf(answer, 'link')
  if (link === undefined && (await mustHaveLink(raw.data.length))) {
    throw malformed(client.subject, 'a page came without its Link header')
  }
  const rows = raw.data.map((row) => toRow(rowKind, row))
  const next = nextUrl(answer)
  const shortfalls = ssoShortfall(answer, client.subject.what)
  const etag = headerOf(answer, 'etag')
  if (etag !== undefined && next !== null && shortfalls.length === 0) {
    await answers.set(key(), { etag, next, rows } as unknown as JsonValue)
  }
  return { rows, next, shortfalls, answer }
}

/** What a service counts, and its own time at that moment. */
export interface Count {
  /** null where it does not tell. */
  readonly total: number | null
  readonly at: number | null
  /** What told it. */
  readonly answer: Answer
}

export const dateOf = (answer: Answer): number | null => {
  const at = Date.parse(headerOf(answer, 'date') ?? '')
  return Number.isNaN(at) ? null : at
}

/** How many rows a listing has, from the number of the last page where each has one row. */
export async function countByLink(client: GithubClient, urlOfOne: string): Promise<Count> {
  const answer = await client.get(urlOfOne)
  const raw = rowsBody.safeParse(rawRows(answer.body))
  if (!raw.success) throw unreadable(client, answer)
  const link = headerOf(answer, 'link') ?? ''
  const last = LAST_OF_ONE.exec(link)?.[1]
  const at = dateOf(answer)
  if (last !== undefined && raw.data.length === 1) return { total: Number(last), at, answer }
  return { total: nextUrl(answer) !== null ? null : raw.data.length, at, answer }
}

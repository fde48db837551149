/**
 * Lists of repositories: each entry looked up where there is a token, so that
 * what was renamed is the repository it is now and what is gone is told; and
 * taken for what it says where there is none.
 */
import type { JsonValue } from '../../domain/json.ts'
import { linesCursor, readLines } from '../lines.ts'
import { enumerateList } from '../list.ts'
import { maskCredentials } from '../redact.ts'
import type { EnumerateContext, Page } from '../source.ts'
import { PageTooLargeError } from './classify.ts'
import { type Access, connect, type GithubClient } from './connect.ts'
import type { RepositoryFacts } from './facts.ts'
import { isUnresolved, listShortfalls, type UnresolvedEntry } from './list-problem.ts'
import { type Found, lookUp } from './lookup.ts'
import { PageSizes } from './page-size.ts'
import { identifyReference, maskQuery } from './repository-reference.ts'
import { type GithubSpec, webHost } from './spec.ts'

/** A repository that an entry led to; `aliases` where it is called otherwise now. */
export type ListedRepository = RepositoryFacts & { readonly aliases?: readonly string[] }

/** An entry of a list: found, not found, or as it was written. */
export type ListItem = ListedRepository | UnresolvedEntry | string

/** What of a spec a list is about. */
type ListSpec = Pick<GithubSpec, 'repoList' | 'repoListFile' | 'baseUrl' | 'perPage'>

/** Entries of a file are read anew for each batch; a hundred of them are about 4 KB. */
const CHUNK_BYTES = 16 * 1024

/** How many entries to look up at once, by list; kept as long as the source is. */
const batchSizes = new WeakMap<Access, PageSizes>()

const sizesOf = (access: Access): PageSizes => {
  const sizes = batchSizes.get(access) ?? new PageSizes()
  batchSizes.set(access, sizes)
  return sizes
}

/** The list, for messages and as the key to its batch size. */
const describe = ({ baseUrl, repoListFile }: ListSpec): string =>
  repoListFile === undefined
    ? `the list of repositories at ${baseUrl}`
    : `the repositories of ${repoListFile} at ${baseUrl}`

/** An entry as it may be stored. */
const masked = (entry: string): string => maskQuery(maskCredentials(entry))

const first = async <T>(items: AsyncIterable<T>): Promise<T | undefined> => {
  for await (const item of items) return item
  return undefined
}

/** The next entries as text, without credentials; nothing at the end. */
const textPage = (
  { repoList: values, repoListFile: file }: ListSpec,
  cursor: JsonValue | undefined,
  context: EnumerateContext,
): Promise<Page<string> | undefined> =>
  first(enumerateList({ values, file, redact: masked }, cursor, context))

/** The same, no more than fit a query. */
const shortPage = async (
  spec: ListSpec,
  cursor: JsonValue | undefined,
  { size, context }: { readonly size: number; readonly context: EnumerateContext },
): Promise<Page<string> | undefined> => {
  if (spec.repoListFile !== undefined && spec.repoList === undefined) {
    const options = { signal: context.signal, pageSize: size, chunkBytes: CHUNK_BYTES }
    const page = await first(readLines(spec.repoListFile, linesCursor(cursor), options))
    return page && { items: page.lines.map(masked), cursor: page.cursor }
  }
  const page = await textPage(spec, cursor, context)
  if (page === undefined || page.items.length <= size) return page
  const { index } = page.cursor as { readonly index: number }
  return {
    ...page,
    items: page.items.slice(0, size),
    cursor: { index: index - page.items.length + size },
  }
}

/** What an entry names; nothing where it cannot be read, which `identify` will say. */
const referenceOf = (
  entry: string,
  host: string,
): { readonly name: string; readonly uri: string } | undefined => {
  try {
    return identifyReference(entry, host)
  } catch {
    return undefined
  }
}

const sameName = (one: string, other: unknown): boolean =>
  typeof other === 'string' && one.toLowerCase() === other.toLowerCase()

const itemOf = (
  entry: string,
  listed: { readonly name: string; readonly uri: string },
  found: Found,
): ListItem => {
  if ('problem' in found) return { entry, ...found }
  const { facts } = found
  return sameName(listed.name, facts.fullName) ? facts : { ...facts, aliases: [listed.uri] }
}

/** Entries as what they lead to, in the same order; several that name one repository ask for it once. */
const resolve = async (
  entries: readonly string[],
  client: GithubClient,
  host: string,
): Promise<readonly ListItem[]> => {
  const listed = entries.map((entry) => referenceOf(entry, host))
  const names = new Map(listed.flatMap((one) => (one ? [[one.name.toLowerCase(), one.name]] : [])))
  const found = await lookUp(client, [...names.values()])
  const byName = new Map([...names.keys()].map((key, at) => [key, found[at]]))
  return entries.map((entry, at) => {
    const reference = listed[at]
    const result = reference && byName.get(reference.name.toLowerCase())
    return reference && result ? itemOf(entry, reference, result) : entry
  })
}

/** One try with a batch of the size that went well last time. */
const resolvedPage = async (
  spec: ListSpec,
  cursor: JsonValue | undefined,
  using: {
    readonly client: GithubClient
    readonly context: EnumerateContext
    readonly access: Access
  },
): Promise<Page<ListItem> | undefined> => {
  const { client, context, access } = using
  const { what } = client.subject
  const sizes = sizesOf(access)
  const size = sizes.of(what, spec.perPage)
  const page = await shortPage(spec, cursor, { size, context })
  if (page === undefined) return undefined
  try {
    const items = await resolve(page.items, client, webHost(spec.baseUrl))
    sizes.went(what, spec.perPage)
    return { ...page, items, shortfalls: listShortfalls(items, what) }
  } catch (error) {
    if (error instanceof PageTooLargeError) sizes.failed(what, size)
    throw error
  }
}

/**
 * Yields what the entries of a list lead to. With a token they are looked up,
 * `perPage` at once: the items are repositories, as an owner's listing has
 * them, and entries that could not be looked up. Without one they are texts
 * for `identifyReference`, and nothing is asked of GitHub. The cursor is the
 * list's own, so that a token may be gained or lost on the way.
 *
 * @throws {SourceError} when the file is missing, unreadable or changed since
 *   the cursor was made, or GitHub fails
 */
export async function* enumerateRepositoryList(
  spec: ListSpec,
  cursor: JsonValue | undefined,
  context: EnumerateContext,
  access: Access,
): AsyncGenerator<Page<ListItem>, void, undefined> {
  const target = { baseUrl: spec.baseUrl, what: describe(spec) }
  for (let at = cursor; ;) {
    const client = await connect(target, context, access)
    const page: Page<ListItem> | undefined = client.authenticated
      ? await resolvedPage(spec, at, { client, context, access })
      : await textPage(spec, at, context)
    if (page === undefined) return
    yield page
    at = page.cursor
  }
}

/** Looks up all of the entries, in batches that shrink where GitHub fails at them. */
const resolveAll = async (
  entries: readonly string[],
  spec: ListSpec,
  connected: () => Promise<GithubClient>,
): Promise<readonly ListItem[]> => {
  const items: ListItem[] = []
  for (let size = spec.perPage; items.length < entries.length;) {
    const batch = entries.slice(items.length, items.length + size)
    try {
      items.push(...(await resolve(batch, await connected(), webHost(spec.baseUrl))))
    } catch (error) {
      if (!(error instanceof PageTooLargeError) || size === 1) throw error
      size = Math.max(1, Math.floor(size / 2))
    }
  }
  return items
}

/**
 * Brings failed items of a list up to date: entries that could not be looked
 * up are looked up again, and everything else stays as it is; without a token
 * all of it. As many as were given, in the same order.
 *
 * @throws {SourceError} when GitHub fails
 */
export async function reloadListItems(
  items: readonly JsonValue[],
  spec: ListSpec,
  context: EnumerateContext,
  access: Access,
): Promise<readonly JsonValue[]> {
  const entries = items.filter(isUnresolved).map(({ entry }) => entry)
  const target = { baseUrl: spec.baseUrl, what: describe(spec) }
  const connected = (): Promise<GithubClient> => connect(target, context, access)
  if (entries.length === 0 || !(await connected()).authenticated) return items
  const reloaded = (await resolveAll(entries, spec, connected))[Symbol.iterator]()
  return items.map((item) => (isUnresolved(item) ? (reloaded.next().value ?? item) : item))
}

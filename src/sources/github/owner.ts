/** All repositories of an organisation or a user, page by page, by the API that the credential allows. */
import type { TaskCredentials } from '../../domain/credentials.ts'
import { SourceError } from '../../domain/errors.ts'
import type { JsonValue } from '../../domain/json.ts'
import type { EnumerateContext } from '../source.ts'
import { PageTooLargeError } from './classify.ts'
import { createClient, type GithubClient } from './client.ts'
import { type OwnerPage, type Position, readPosition } from './cursor.ts'
import { createGate, type Gate } from './gate.ts'
import { graphqlPage } from './graphql.ts'
import { restPage } from './rest.ts'
import type { GithubSpec, Owner } from './spec.ts'

/**
 * What the walks of one source share. None of it changes what is listed: it
 * only keeps them from asking too soon or for too much.
 */
export interface Shared {
  /** By base URL and credential. */
  readonly gates: Map<string, Gate>
  /** By owner: pages smaller than the spec asks for, where GitHub failed to make those. */
  readonly pageSizes: Map<string, number>
}

/** Smaller pages than this cost more requests than they save failures. */
const MIN_PAGE_SIZE = 10
/** What a page that went well adds; slow, since each failure costs points of the next hour's limit. */
const PAGE_SIZE_STEP = 2

const describe = ({ kind, login }: Owner, baseUrl: string): string =>
  `${kind === 'org' ? 'organisation' : 'user'} "${login}" at ${baseUrl}`

/** The token, or nothing where the target has no credential. */
const tokenOf = (
  { type, values }: TaskCredentials,
  authRef: string | null,
  what: string,
): string | undefined => {
  if (type === 'UNAUTHENTICATED') return undefined
  const name = authRef === null ? 'the credential' : `the credential "${authRef}"`
  if (type !== 'GITHUB') {
    const text = `${what}: ${name} is of type ${type}; expected GITHUB`
    throw new SourceError('CREDENTIAL_UNAVAILABLE', text)
  }
  // Whatever cannot stand in a header would be quoted by the error about it.
  if (typeof values.token === 'string' && /^[\x21-\x7e]+$/.test(values.token)) return values.token
  const text = `${what}: ${name} holds no usable token; expected one without spaces or line breaks`
  throw new SourceError('CREDENTIAL_UNAVAILABLE', text)
}

const gateOf = ({ gates }: Shared, key: string): Gate => {
  const gate = gates.get(key) ?? createGate()
  gates.set(key, gate)
  return gate
}

const connect = async (
  spec: GithubSpec,
  owner: Owner,
  context: EnumerateContext,
  shared: Shared,
): Promise<GithubClient> => {
  context.signal.throwIfAborted()
  const { baseUrl } = spec
  const what = describe(owner, baseUrl)
  const { authRef } = context
  const token = tokenOf(await context.credentials(), authRef, what)
  // Without a token GitHub counts by address: all such walks share one limit.
  const key = JSON.stringify([baseUrl, token === undefined ? null : (authRef ?? '')])
  const subject = { what, authRef, authenticated: token !== undefined }
  return createClient({ baseUrl, token, subject, gate: gateOf(shared, key), context })
}

const pageByGraphql = async (
  client: GithubClient,
  owner: Owner,
  at: Position | undefined,
  { spec, shared }: { readonly spec: GithubSpec; readonly shared: Shared },
): Promise<OwnerPage> => {
  const { pageSizes } = shared
  const key = client.subject.what
  const size = Math.min(spec.perPage, pageSizes.get(key) ?? spec.perPage)
  try {
    const page = await graphqlPage(client, owner, at?.kind === 'graphql' ? at : undefined, size)
    if (size < spec.perPage) pageSizes.set(key, size + PAGE_SIZE_STEP)
    else pageSizes.delete(key)
    return page
  } catch (error) {
    if (error instanceof PageTooLargeError) {
      pageSizes.set(key, Math.min(size, Math.max(MIN_PAGE_SIZE, Math.floor(size / 2))))
    }
    throw error
  }
}

/**
 * Yields an owner's repositories, by GraphQL with a token and by REST without.
 * The credential is asked for before each page, since tokens expire; one that
 * was gained or lost since the cursor was made begins the listing anew, for a
 * position in one API means nothing to the other. What was handed on already
 * is known by its key.
 */
export async function* enumerateOwner(
  target: { readonly spec: GithubSpec; readonly owner: Owner },
  cursor: JsonValue | undefined,
  context: EnumerateContext,
  shared: Shared,
): AsyncGenerator<OwnerPage> {
  const { spec, owner } = target
  let at = readPosition(cursor)
  while (at?.kind !== 'done') {
    const client = await connect(spec, owner, context, shared)
    const page: OwnerPage = client.subject.authenticated
      ? await pageByGraphql(client, owner, at, { spec, shared })
      : await restPage(client, owner, at?.kind === 'rest' ? at : undefined, spec.perPage)
    yield page
    at = page.cursor
  }
}

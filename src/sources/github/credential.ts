/** A credential as the walks use it: its tokens, each with the governor of its limits. */
import { createHash } from 'node:crypto'
import type { TaskCredentials } from '../../domain/credentials.ts'
import { PauseError } from '../../domain/errors.ts'
import type { EnumerateContext } from '../source.ts'
import type { Reserve, Resource } from './allowance.ts'
import { credentialName } from './classify.ts'
import type { Governor } from './governor.ts'
import { type Governors, processGovernors } from './governors.ts'
import type { Share } from './sharing.ts'

/**
 * What the walks of one source share. None of it changes what is listed: it
 * only keeps them from asking too soon or for too much.
 */
export interface Access {
  readonly governors: Governors
  /** Tells this source's names of credentials from those of another source in the process. */
  readonly scope: number
}

let sources = 0

/** @param governors the process's, so that limits are shared with its other sources; others in tests */
export function createAccess(governors: Governors = processGovernors): Access {
  sources += 1
  return { governors, scope: sources }
}

/** One token, or none. */
export interface Member {
  readonly token: string | undefined
  /** Tells one token from another without being one. */
  readonly fingerprint: string
  /** The name of the credential that the token is of; the same when the token is renewed. */
  readonly credentialId: string
  readonly governor: Governor
  /** Tells other hosts of its use, where there are any. */
  readonly share: Share | undefined
  /** Tells people what is known of its limits, after an answer to a request for a resource; where anybody looks. */
  readonly note: ((asked: Resource) => void) | undefined
  /** Tells its limits from all others', in all hosts, and is no secret. */
  readonly limitedAs: string
}

export interface Credential {
  /** At least one; several are a pool. */
  readonly members: readonly [Member, ...Member[]]
  readonly authenticated: boolean
  /** Whether it is an App's installation, which may have been given some repositories only. */
  readonly ofInstallation: boolean
  readonly reserve: Reserve
  /** When the token was made, for one that is made on demand. */
  readonly mintedAt: number | undefined
}

/**
 * Left to others where the credential does not say: a twentieth, 250 of a
 * person's 5,000 points. Whoever else uses the token, a CI or its owner, is
 * not shut out for the rest of the hour; of a limit below 20 it is nothing.
 */
export const DEFAULT_RESERVE: Reserve = '5%'

export interface ReadOptions {
  readonly baseUrl: string
  /** `organisation "acme" at https://api.github.com` */
  readonly what: string
  readonly context: Pick<EnumerateContext, 'authRef' | 'clock' | 'budget' | 'noteBudget'>
  readonly access: Access
}

/** What the tokens of Apps' installations begin with: docs.github.com, about-authentication-to-github. */
const INSTALLATION_PREFIX = 'ghs_'

/** What the identity of an App's installation begins with: the same in all hosts, while its tokens are not. */
const APP_PREFIX = 'app:'

const fingerprintOf = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 32)

/** How all hosts name a limit: by the installation that it is of, or by the token. */
const limitedAsOf = (
  fingerprint: string,
  identity: string | undefined,
  { baseUrl }: ReadOptions,
): string => {
  const origin = identity?.startsWith(APP_PREFIX) === true ? identity : `token ${fingerprint}`
  return fingerprintOf(`${origin} at ${baseUrl}`)
}

const shareOf = (
  credential: string,
  { context: { budget, authRef: label } }: ReadOptions,
): Share | undefined =>
  budget === undefined ? undefined : (report) => budget.share({ label, ...report, credential })

const noteOf = (
  { credential, governor }: { readonly credential: string; readonly governor: Governor },
  { context }: ReadOptions,
): Member['note'] => {
  const { authRef: label, clock } = context
  if (context.noteBudget === undefined) return undefined
  return (asked) => {
    const limits = governor.reports(asked, clock.now())
    // A server that tells of no limit has none to show.
    const known = limits.filter(({ told, blockedMs }) => told !== null || blockedMs > 0)
    if (known.length > 0) context.noteBudget?.({ credential, label, limits: known })
  }
}

const anonymous = (options: ReadOptions): Credential => {
  const { baseUrl, access, context } = options
  // Without a token GitHub counts by address: all such walks share one limit, and those of other
  // hosts, whose address may be another, do not.
  const governor = access.governors.find([`anonymous at ${baseUrl}`], context.clock)
  const limitedAs = fingerprintOf(`anonymous at ${baseUrl}`)
  const member = {
    token: undefined,
    fingerprint: '',
    credentialId: 'anonymous',
    governor,
    share: undefined,
    note: noteOf({ credential: limitedAs, governor }, options),
    limitedAs,
  }
  return {
    members: [member],
    authenticated: false,
    ofInstallation: false,
    reserve: 0,
    mintedAt: undefined,
  }
}

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []

const reserveOf = (value: unknown): Reserve => {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value.endsWith('%') ? (value as Reserve) : DEFAULT_RESERVE
}

/** What a token's governor is known by: the token, and the credential that it came from. */
const memberOf = (
  token: string,
  { identity, place }: { readonly identity: string | undefined; readonly place: string },
  options: ReadOptions,
): Member => {
  const { baseUrl, access, context } = options
  const { authRef, clock } = context
  const fingerprint = fingerprintOf(token)
  const credentialId = `${authRef ?? ''}${place}`
  const origin = identity ?? `${access.scope}:${credentialId}`
  const names = [`token ${fingerprint} at ${baseUrl}`, `credential ${origin} at ${baseUrl}`]
  const governor = access.governors.find(names, clock)
  const limitedAs = limitedAsOf(fingerprint, identity, options)
  const share = shareOf(limitedAs, options)
  const note = noteOf({ credential: limitedAs, governor }, options)
  return { token, fingerprint, credentialId, governor, share, note, limitedAs }
}

/**
 * Reads resolved credentials.
 *
 * @throws {PauseError} CREDENTIAL_UNAVAILABLE for what no request can carry; another may be given later
 */
export function readCredential(
  { type, values }: TaskCredentials,
  options: ReadOptions,
): Credential {
  const { what, context } = options
  if (type === 'UNAUTHENTICATED') return anonymous(options)
  const unusable = (problem: string): PauseError =>
    new PauseError('CREDENTIAL_UNAVAILABLE', `${what}: ${credentialName(context)} ${problem}`)
  if (type !== 'GITHUB') throw unusable(`is of type ${type}; expected GITHUB`)
  const pool = texts(values['tokens'])
  const tokens = pool.length > 0 ? pool : texts([values['token']])
  // Whatever cannot stand in a header would be quoted by the error about it.
  if (tokens.length === 0 || !tokens.every((token) => /^[\x21-\x7e]+$/.test(token))) {
    throw unusable('holds no usable token; expected one without spaces or line breaks')
  }
  const identities = texts(pool.length > 0 ? values['identities'] : [values['identity']])
  const [first = '', ...rest] = tokens
  const member = (token: string, at: number): Member =>
    memberOf(token, { identity: identities[at], place: pool.length > 0 ? `#${at}` : '' }, options)
  const mintedAt = values['mintedAt']
  return {
    members: [member(first, 0), ...rest.map((token, at) => member(token, at + 1))],
    authenticated: true,
    ofInstallation: tokens.every((token) => token.startsWith(INSTALLATION_PREFIX)),
    reserve: reserveOf(values['reserve']),
    mintedAt: typeof mintedAt === 'number' ? mintedAt : undefined,
  }
}

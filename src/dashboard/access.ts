import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { Context, MiddlewareHandler } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { InvalidInputError } from '../domain/errors.ts'
import { HttpProblem } from './problem.ts'

/** Characters of a token at least; shorter ones can be guessed. */
const MIN_TOKEN = 16

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Names under which only this machine reaches itself. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (name === 'localhost' || name === '::1') return true
  return isIP(name) === 4 && name.startsWith('127.')
}

/**
 * The token that callers must show; null where none is needed. An address that
 * other machines reach always has one, made here unless it is given.
 *
 * @throws InvalidInputError for one that can be guessed; it is not repeated
 */
export function tokenFor(host: string, given: string | undefined): string | null {
  if (given === undefined) return isLoopback(host) ? null : randomBytes(32).toString('base64url')
  if (given.length >= MIN_TOKEN && /^[\x21-\x7e]+$/.test(given)) return given
  throw new InvalidInputError('INVALID_OPTIONS', [
    `the dashboard's token has ${given.length} characters: expected ${MIN_TOKEN} or more, all of them printable ASCII without spaces; "openssl rand -hex 32" makes one`,
  ])
}

export interface Access {
  /** The address it is bound to. */
  readonly host: string
  /** Null where nobody has to show one. */
  readonly token: string | null
  /** Tells the cookies of several dashboards of one machine apart, which browsers do not. */
  readonly port: () => number
}

const nameOf = (hostHeader: string): string => hostHeader.replace(/:\d+$/, '').toLowerCase()

/**
 * A page of another site can make a browser send requests here, under a name
 * of its own that leads to this machine. Its requests carry that name.
 */
function refuseForeignName(context: Context, { host }: Access): void {
  if (!isLoopback(host)) return // Other machines know it by names that nobody knows here; a token is asked for.
  const header = context.req.header('host') ?? ''
  const name = nameOf(header)
  if (isLoopback(name) || name === host.toLowerCase()) return
  throw new HttpProblem(
    403,
    'FOREIGN_HOST',
    `the dashboard was asked for by the name ${JSON.stringify(header.slice(0, 100))}: open it as http://localhost, or with the address that it printed`,
  )
}

/** Requests that a page of another site made a browser send. */
function refuseForeignPage(context: Context): void {
  const site = context.req.header('sec-fetch-site')
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none'
  const origin = context.req.header('origin')
  const isOurs = origin === undefined || hostOf(origin) === context.req.header('host')
  if (!isForeign && isOurs) return
  throw new HttpProblem(403, 'FOREIGN_ORIGIN', 'only the dashboard itself may ask for this')
}

function hostOf(origin: string): string | null {
  try {
    return new URL(origin).host
  } catch {
    return null
  }
}

/** A form of another site can be sent without asking first; JSON cannot. */
function refuseForms(context: Context): void {
  const type = context.req.header('content-type') ?? ''
  if (/^application\/json\s*(;|$)/i.test(type)) return
  throw new HttpProblem(
    415,
    'JSON_EXPECTED',
    'expected a request with content-type: application/json',
  )
}

/** Lets in whoever may see the dashboard, and turns away what another site had a browser send. */
export function guard(access: Access): MiddlewareHandler {
  const { token } = access
  const expected = token === null ? null : digestOf(token)
  const isToken = (shown: string) => expected !== null && timingSafeEqual(digestOf(shown), expected)
  // The cookie proves the knowledge of the token without being it.
  const proof = token === null ? '' : digestOf(`cookie of ${token}`).toString('base64url')
  const isProof = (shown: string) => timingSafeEqual(digestOf(shown), digestOf(proof))
  const cookieName = () => `muster-dashboard-${access.port()}`
  const isKnown = (context: Context): boolean => {
    const bearer = /^Bearer (.+)$/i.exec(context.req.header('authorization') ?? '')?.[1]
    if (bearer !== undefined) return isToken(bearer)
    const cookie = getCookie(context, cookieName())
    return cookie !== undefined && isProof(cookie)
  }
  return async (context, next) => {
    refuseForeignName(context, access)
    const { method, path } = context.req
    const isPage = method === 'GET' && path === '/'
    if (!isPage) refuseForeignPage(context)
    if (method !== 'GET' && method !== 'HEAD') refuseForms(context)
    if (expected === null) return next()
    const shown = isPage ? context.req.query('token') : undefined
    if (shown !== undefined && isToken(shown)) {
      setCookie(context, cookieName(), proof, { httpOnly: true, sameSite: 'Strict', path: '/' })
      // Out of the address, where it would be seen and kept.
      return context.redirect('/', 303)
    }
    if (isKnown(context)) return next()
    context.header('WWW-Authenticate', 'Bearer realm="muster"')
    throw new HttpProblem(
      401,
      'TOKEN_REQUIRED',
      'open the address that the dashboard printed when it started, with its token; programs send it as "Authorization: Bearer TOKEN"',
    )
  }
}

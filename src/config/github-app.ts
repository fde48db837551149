/**
 * Tokens of GitHub App installations: made when they are needed, shared by all
 * who need one at the time, and made anew before they expire.
 *
 * `@octokit/auth-app` signs the App's statement of who it is. Its cache of
 * tokens is not used: it goes by the system's clock alone and knows a token by
 * the installation's number alone, which two servers may have given out both.
 *
 * https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
 */
import { createHash, createPrivateKey } from 'node:crypto'
import type { TimeProvider } from '../domain/clock.ts'
import { MusterError, PauseError, RetryLaterError, SourceError } from '../domain/errors.ts'
import { VERSION } from '../version.ts'

/** An App's installation, with its key as text. */
export interface AppInstallation {
  readonly appId: string
  readonly installationId: string
  readonly privateKey: string
  /** The credential's name, for messages. */
  readonly name: string
}

export interface InstallationToken {
  readonly token: string
  /** By our clock; milliseconds since the Unix epoch, as is `mintedAt`. */
  readonly expiresAt: number
  readonly mintedAt: number
}

export interface TokenRequest {
  /** Of the API, without a slash at its end. */
  readonly baseUrl: string
  readonly clock: TimeProvider
  /** Whether the token that is known is refused. */
  readonly renew: boolean
}

/** docs.github.com, api-versions. */
const API_VERSION = '2022-11-28'
/** A token this close to its end is not begun with: a page may take a while. */
const AHEAD_MS = 5 * 60_000
/** How long GitHub is not asked again after it refused: it turns away whoever is refused often. */
const REFUSAL_MS = 60_000
/** GitHub ends requests after 10 s; what takes this long has been lost on the way. */
const TIMEOUT_MS = 20_000
/** "Wait for at least one minute", where GitHub does not tell: rate-limits-for-the-rest-api. */
const UNTOLD_WAIT_MS = 60_000
/** Installations remembered; far more than a process enumerates within an hour. */
const MAX_REMEMBERED = 500

interface Entry {
  token?: InstallationToken
  minting?: Promise<InstallationToken>
  refusal?: { readonly error: PauseError | RetryLaterError; readonly until: number }
}

/** The tokens of one scope of credentials, by installation, key and server. */
export class AppTokens {
  readonly #entries = new Map<string, Entry>()

  /**
   * The installation's token, made anew where there is none, it ends soon, or `renew` is told.
   *
   * @throws {PauseError} when GitHub refuses the App, the key cannot be read, or the installation is gone
   * @throws {RetryLaterError} when GitHub wants to be left alone
   * @throws {SourceError} that is worth another try, when GitHub cannot be reached
   */
  async get(app: AppInstallation, request: TokenRequest): Promise<InstallationToken> {
    const entry = this.#entryOf(app, request)
    const now = request.clock.now()
    const { token } = entry
    if (entry.minting === undefined) {
      const { refusal } = entry
      if (!request.renew && token !== undefined && now < refreshAt(token)) return token
      if (refusal !== undefined && now < refusal.until) {
        // What is left of the old token's time is there while GitHub is left alone, too.
        if (!request.renew && token !== undefined && now < token.expiresAt) return token
        throw refusal.error
      }
      entry.minting = this.#mint(entry, app, request)
    }
    try {
      return await entry.minting
    } catch (error) {
      // What is left of the old token's time is time to try again.
      if (request.renew || token === undefined || now >= token.expiresAt) throw error
      return token
    }
  }

  async #mint(
    entry: Entry,
    app: AppInstallation,
    request: TokenRequest,
  ): Promise<InstallationToken> {
    try {
      const token = await mint(app, request)
      entry.token = token
      delete entry.refusal
      return token
    } catch (error) {
      if (error instanceof PauseError) {
        entry.refusal = { error, until: request.clock.now() + REFUSAL_MS }
      }
      // All walks of the App have to wait, not only the one that was told.
      if (error instanceof RetryLaterError) entry.refusal = { error, until: error.retryAt }
      throw error
    } finally {
      delete entry.minting
    }
  }

  #entryOf({ appId, installationId, privateKey }: AppInstallation, { baseUrl }: TokenRequest) {
    const parts = [appId, installationId, baseUrl, privateKey]
    const key = createHash('sha256').update(JSON.stringify(parts)).digest('hex')
    const entry: Entry = this.#entries.get(key) ?? {}
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > MAX_REMEMBERED && oldest !== undefined) this.#entries.delete(oldest)
    return entry
  }
}

/** Five minutes before the end, or half of its time for a token that is made for less than ten. */
const refreshAt = ({ mintedAt, expiresAt }: InstallationToken): number =>
  expiresAt - Math.min(AHEAD_MS, (expiresAt - mintedAt) / 2)

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** The key as the signer wants it, whatever form of PEM it came in. */
function pkcs8(app: AppInstallation): string {
  try {
    const key = createPrivateKey(app.privateKey.replaceAll('\\n', '\n').trim())
    if (key.asymmetricKeyType === 'rsa') return String(key.export({ type: 'pkcs8', format: 'pem' }))
  } catch {
    // What the system says of it may quote it.
  }
  const text = `the privateKey of credential "${app.name}" is not an RSA key in PEM; give the file that GitHub made for the App, whole and with its first and last line`
  throw new PauseError('CREDENTIAL_UNAVAILABLE', text)
}

const whatOf = ({ name, appId, installationId }: AppInstallation, baseUrl: string): string =>
  `credential "${name}" (App ${appId}, installation ${installationId}) at ${baseUrl}`

/** Asks GitHub for a token. */
async function mint(app: AppInstallation, request: TokenRequest): Promise<InstallationToken> {
  const { baseUrl, clock } = request
  // Loaded when it is first needed: most hosts have no App.
  const [{ Octokit }, { createAppAuth }] = await Promise.all([
    import('@octokit/rest'),
    import('@octokit/auth-app'),
  ])
  const octokit = new Octokit({
    authStrategy: createAppAuth,
    auth: {
      // A number where it is one: that is how GitHub writes the issuer.
      appId: /^\d+$/.test(app.appId) ? Number(app.appId) : app.appId,
      privateKey: pkcs8(app),
      timeDifference: Math.round((clock.now() - Date.now()) / 1000),
    },
    baseUrl,
    userAgent: `muster/${VERSION}`,
    log: silent,
    request: { log: silent, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) },
  })
  const answer = await octokit
    .request('POST /app/installations/{installation_id}/access_tokens', {
      installation_id: Number(app.installationId),
      headers: { 'x-github-api-version': API_VERSION },
    })
    .catch((thrown: unknown) => {
      throw failure(thrown, app, request)
    })
  return readToken(answer, app, request)
}

interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number | undefined>>
  readonly data: unknown
}

/** The token of an answer, its end by our clock: GitHub's may be another. */
function readToken(
  { status, headers, data }: Received,
  app: AppInstallation,
  { baseUrl, clock }: TokenRequest,
): InstallationToken {
  const { token, expires_at: end } = (data ?? {}) as { token?: unknown; expires_at?: unknown }
  const now = clock.now()
  const ends = Date.parse(String(end))
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || !Number.isFinite(ends)) {
    throw unavailable(`${whatOf(app, baseUrl)}: the answer holds no token [${status}]`)
  }
  const theirNow = Date.parse(String(headers['date']))
  const lifeMs = ends - (Number.isFinite(theirNow) ? theirNow : now)
  return { token, mintedAt: now, expiresAt: now + lifeMs }
}

const unavailable = (message: string): SourceError =>
  new SourceError('SOURCE_UNAVAILABLE', `${message}; trying again may help`, { retryable: true })

const messageOf = (data: unknown): string => {
  const { message } = (data ?? {}) as { message?: unknown }
  if (typeof message !== 'string') return 'no reason given'
  // A server or proxy may repeat the request, and with it the App's statement.
  return message.replaceAll(/\bey[\w-]+\.[\w.-]+/g, '***').slice(0, 200)
}

/** When a limit ends, for an answer that is one. */
function limitEnd({ status, headers, data }: Received, now: number): number | undefined {
  const after = Number(headers['retry-after'] ?? Number.NaN)
  const spent = String(headers['x-ratelimit-remaining']) === '0'
  const isLimit =
    status === 429 ||
    (status === 403 &&
      (spent || Number.isFinite(after) || /rate limit|attempts exceeded/i.test(messageOf(data))))
  if (!isLimit) return undefined
  const reset = spent ? Number(headers['x-ratelimit-reset']) * 1000 + 1_000 : Number.NaN
  const told = Number.isFinite(after) ? now + after * 1000 : reset
  return told > now ? told : now + UNTOLD_WAIT_MS
}

/** What to do about a refusal, by its status. */
const REMEDIES: Readonly<Record<number, string>> = {
  401: 'check that app_id and private_key are of the same App, and that the key was not removed from it',
  403: 'the installation may be suspended; have its owner lift that, or install the App again',
  404: 'the App has no such installation there; check installation_id, app_id and base_url',
}

/** What a failed request means. Octokit's error holds the App's statement: none of it is passed on. */
function failure(
  thrown: unknown,
  app: AppInstallation,
  { baseUrl, clock }: TokenRequest,
): MusterError {
  const { response } = (thrown ?? {}) as { response?: Received }
  const what = whatOf(app, baseUrl)
  if (response === undefined) return unavailable(`${what}: no answer from GitHub`)
  const until = limitEnd(response, clock.now())
  if (until !== undefined) {
    const text = `${what}: rate limited by GitHub until ${new Date(until).toISOString()}`
    return new RetryLaterError(text, until)
  }
  const { status, data } = response
  const remedy = REMEDIES[status]
  if (remedy === undefined) return unavailable(`${what}: GitHub made no token [${status}]`)
  const text = `${what}: GitHub refused to make a token (${messageOf(data)}); ${remedy} [${status}]`
  return new PauseError('AUTHENTICATION_FAILED', text)
}

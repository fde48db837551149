/**
 * GitHub Apps: a statement signed with the app's key buys tokens that last an
 * hour. https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
 */
import { randomBytes, verify } from 'node:crypto'
import { type Answer, refusal } from './answers.ts'
import type { Caller, Installation } from './callers.ts'
import type { World } from './world.ts'

export interface SandboxApp {
  readonly appId: number
  /** Of the RSA key that the app signs with, as PEM. */
  readonly publicKey: string
  readonly installations: readonly {
    readonly id: number
    /** The login of the account that it is installed on. */
    readonly account: string
    /** Names of the repositories it was given. Default: all, those to come too. */
    readonly repositories?: readonly string[]
  }[]
  /** How long an installation token lasts. Default: 3,600. */
  readonly tokenSeconds?: number
}

interface Minted {
  readonly installation: Installation
  readonly expiresAt: number
}

const DEFAULT_TOKEN_SECONDS = 3_600
/** GitHub's own limit, and how far its clock and the app's may be apart. */
const LONGEST_SECONDS = 600
const DRIFT_SECONDS = 60

export const looksLikeJwt = (token: string): boolean =>
  /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) && token.startsWith('ey')

const decode = (part: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const unreadable = (): Answer => refusal(401, 'A JSON web token could not be decoded')

/** What is wrong with the statement's times, in GitHub's words. */
const timeProblem = ({ exp, iat }: Record<string, unknown>, now: number): string | undefined => {
  const at = Math.floor(now / 1000)
  if (typeof iat !== 'number' || iat > at + DRIFT_SECONDS) {
    return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
  }
  if (typeof exp !== 'number' || exp < at - DRIFT_SECONDS) {
    return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
  }
  if (exp > at + LONGEST_SECONDS + DRIFT_SECONDS) {
    return "'Expiration time' claim ('exp') is too far in the future"
  }
  return undefined
}

const installationsOf = (app: SandboxApp, world: World): readonly Installation[] =>
  app.installations.map(({ id, account, repositories }) => {
    if (!world.owner(account)) throw new Error(`the sandbox has no owner "${account}"`)
    const selected = repositories?.map((name) => {
      const found = world.repository(name.includes('/') ? name : `${account}/${name}`)
      if (!found) throw new Error(`the sandbox has no repository "${account}/${name}"`)
      return found.repository.id
    })
    return { id, appId: app.appId, account, selected: selected && new Set(selected) }
  })

/** The apps of one sandbox, and the tokens that they were given. */
export class AppRegistry {
  readonly #apps: readonly SandboxApp[]
  readonly #installations: readonly Installation[]
  readonly #minted = new Map<string, Minted>()

  constructor(apps: readonly SandboxApp[], world: World) {
    this.#apps = apps
    this.#installations = apps.flatMap((app) => installationsOf(app, world))
  }

  get isEmpty(): boolean {
    return this.#apps.length === 0
  }

  installations(appId: number): readonly Installation[] {
    return this.#installations.filter((installation) => installation.appId === appId)
  }

  /** @returns the installation of a token that has not run out. */
  installationOf(token: string, now: number): Installation | undefined {
    const minted = this.#minted.get(token)
    return minted && now < minted.expiresAt ? minted.installation : undefined
  }

  /** Checks signature, issuer and times. @returns GitHub's refusal for what does not hold. */
  verify(jwt: string, now: number): Caller | Answer {
    const [header = '', claims = '', signature = ''] = jwt.split('.')
    const payload = decode(claims)
    if (decode(header)['alg'] !== 'RS256') return unreadable()
    const app = this.#apps.find(({ appId }) => String(appId) === String(payload['iss']))
    if (!app) return refusal(404, 'Integration not found')
    const signed = Buffer.from(`${header}.${claims}`)
    if (!verify('RSA-SHA256', signed, app.publicKey, Buffer.from(signature, 'base64url'))) {
      return unreadable()
    }
    const problem = timeProblem(payload, now)
    if (problem !== undefined) return refusal(401, problem)
    return { kind: 'app', name: `app:${app.appId}`, appId: app.appId }
  }

  /** A new token of an installation by its number. @throws for one that there is not */
  mintFor(installationId: number, now: number): string {
    const installation = this.#installations.find(({ id }) => id === installationId)
    if (!installation) throw new Error(`the sandbox has no installation ${installationId}`)
    return this.mint(installation, now).token
  }

  /** A new token; those before it last on until their own time. */
  mint(installation: Installation, now: number): { token: string; expiresAt: number } {
    const app = this.#apps.find(({ appId }) => appId === installation.appId)
    const lifetime = (app?.tokenSeconds ?? DEFAULT_TOKEN_SECONDS) * 1000
    // Told in whole seconds, so it ends on one.
    const expiresAt = Math.ceil((now + lifetime) / 1000) * 1000
    const token = `ghs_${randomBytes(18).toString('hex')}`
    this.#minted.set(token, { installation, expiresAt })
    return { token, expiresAt }
  }
}

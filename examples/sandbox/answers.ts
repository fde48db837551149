/** What the sandbox answers, before it goes onto the wire, and GitHub's own words for refusals. */
import type { Caller } from './callers.ts'
import type { OwnerRecord } from './repositories.ts'
import type { World } from './world.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** How it travels: `cut` sends half of the body, `reset` nothing at all, `hang` leaves the caller waiting. */
  readonly delivery: 'whole' | 'cut' | 'reset' | 'hang'
}

/** One request, as the sandbox's parts see it. */
export interface SandboxRequest {
  readonly method: string
  /** Without the base path, so that `/api/v3/orgs/x` and `/orgs/x` are one route. */
  readonly path: string
  readonly query: URLSearchParams
  /** Scheme, host and base path: what the addresses in an answer begin with. */
  readonly apiUrl: string
  readonly webUrl: string
  readonly token: string | undefined
  readonly body: string
}

/** One request with all that its answer depends on. */
export interface Call {
  readonly request: SandboxRequest
  readonly caller: Caller
  readonly world: World
  readonly now: number
  /** REST leaves internal repositories out, unless asked for them. */
  readonly omitsInternal: boolean
  /** How many repositories totals count that are never listed. */
  readonly hidden: number
}

const DOCS = 'https://docs.github.com/rest'

export const answer = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(body),
  delivery: 'whole',
})

/** An error body; GitHub repeats the status in it, as text. */
export const refusal = (
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer => answer(status, { message, documentation_url: DOCS, status: String(status) }, headers)

export const notFound = (): Answer => refusal(404, 'Not Found')

export const badCredentials = (): Answer => refusal(401, 'Bad credentials')

export const SSO_MESSAGE =
  'Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization.'

/** The organisation wants the token authorised by single sign-on first. */
export const ssoRequired = ({ login }: Pick<OwnerRecord, 'login'>): Answer =>
  refusal(403, SSO_MESSAGE, {
    'x-github-sso': `required; url=https://github.com/orgs/${login}/sso?authorization_request=AZSCKtL4U8yX1H3sCQIVnVgmjmon5fWxks5YrqhJgah0b2tlbl9pZM4EuMz4`,
  })

export const html = (status: number, text: string): Answer => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: `<!DOCTYPE html>\n<html><head><title>${text}</title></head><body><h1>${text}</h1></body></html>\n`,
  delivery: 'whole',
})

/** Everything that can go wrong on the way to GitHub, each in the form in which it really arrives. */
import {
  type Answer,
  answer,
  badCredentials,
  html,
  notFound,
  refusal,
  ssoRequired,
} from './answers.ts'
import { withoutNodes } from './graphql-damage.ts'

export type Fault =
  /** The hourly allowance is spent; until the reset every request is turned away. */
  | { readonly kind: 'primary-limit'; readonly status?: 403 | 429; readonly resetSeconds?: number }
  /** Too much at once; without `retryAfterSeconds` the answer does not say for how long. */
  | {
      readonly kind: 'secondary-limit'
      readonly status?: 403 | 429
      readonly retryAfterSeconds?: number
      /** How long the caller is really turned away, where the answer does not say; 60 s as GitHub documents. */
      readonly limitedSeconds?: number
    }
  /** GraphQL says 200 and puts the limit in `errors`. */
  | {
      readonly kind: 'graphql-limit'
      readonly type?: 'RATE_LIMITED' | 'RATE_LIMIT'
      readonly resetSeconds?: number
    }
  | { readonly kind: 'server-error'; readonly status: 500 | 502 | 503 | 504 }
  | { readonly kind: 'unprocessable' }
  /** The connection ends before the headers, or in the middle of the body. */
  | { readonly kind: 'reset' | 'reset-in-body' }
  /** A whole answer by its length, but half the JSON. */
  | { readonly kind: 'truncated-json' }
  | { readonly kind: 'empty' | 'html' }
  | { readonly kind: 'bad-credentials' | 'forbidden' | 'not-found' | 'gone' | 'legal' }
  | { readonly kind: 'sso-required' | 'sso-partial-results' }
  /** GraphQL ran out of resources: null in place of nodes, and errors beside them. */
  | { readonly kind: 'partial-data' }
  /** GraphQL no longer knows the cursor. */
  | { readonly kind: 'invalid-cursor' }
  /** A page that lost its `Link` header, or whose next page is elsewhere. */
  | { readonly kind: 'no-link' }
  | { readonly kind: 'next-link'; readonly url: string }
  /** A page that says it ends where it began. */
  | { readonly kind: 'same-cursor' }
  /** Never answers. */
  | { readonly kind: 'hang' }

/** What a fault may use of the server. */
export interface FaultContext {
  readonly now: number
  /** The GraphQL cursor that the request asked to go on from. */
  readonly after: unknown
  /** The right answer, for the faults that spoil it on the way. */
  good(): Promise<Answer>
  /** Turns the caller away with this answer until then: from the resource it asked for, or from all. */
  block(what: 'all' | 'this', until: number, answer: Answer): void
}

type Of<Kind extends Fault['kind']> = Extract<Fault, { kind: Kind }>

const SECONDARY_MESSAGE =
  'You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to GitHub Support for help, please include the request ID.'
const PRIMARY_MESSAGE =
  'API rate limit exceeded for user ID 1. If you reach out to GitHub Support for help, please include the request ID.'

/** Headers tell the reset in whole seconds, so the limit ends on one. */
const resetAt = (now: number, seconds = 1): number => Math.ceil(now / 1000) + seconds

const spent = (reset: number): Record<string, string> => ({
  'x-ratelimit-remaining': '0',
  'x-ratelimit-used': '5000',
  'x-ratelimit-reset': String(reset),
})

const primaryLimit = (fault: Of<'primary-limit'>, context: FaultContext): Answer => {
  const reset = resetAt(context.now, fault.resetSeconds)
  const limited = refusal(fault.status ?? 403, PRIMARY_MESSAGE, spent(reset))
  context.block('this', reset * 1000, limited)
  return limited
}

const secondaryLimit = (fault: Of<'secondary-limit'>, context: FaultContext): Answer => {
  const { retryAfterSeconds: wait } = fault
  const headers: Record<string, string> = wait === undefined ? {} : { 'retry-after': String(wait) }
  const limited = refusal(fault.status ?? 403, SECONDARY_MESSAGE, headers)
  context.block('all', context.now + (wait ?? fault.limitedSeconds ?? 60) * 1000, limited)
  return limited
}

const graphqlLimit = (fault: Of<'graphql-limit'>, context: FaultContext): Answer => {
  const reset = resetAt(context.now, fault.resetSeconds)
  const error = { type: fault.type ?? 'RATE_LIMITED', message: PRIMARY_MESSAGE }
  const limited = answer(200, { errors: [error] }, spent(reset))
  context.block('this', reset * 1000, limited)
  return limited
}

const serverError = (status: Of<'server-error'>['status']): Answer => {
  // The balancer in front answers 502 and 504 with a page for people.
  if (status === 502) return html(502, 'Unicorn! · GitHub')
  if (status === 504) return html(504, 'Gateway Timeout')
  return refusal(status, status === 503 ? 'Service Unavailable' : 'Server Error')
}

const halved = (good: Answer): Answer => ({
  ...good,
  body: good.body.slice(0, Math.floor(good.body.length / 2)),
})

const invalidCursor = (): Answer => {
  const message = '`gone` does not appear to be a valid cursor.'
  const error = { type: 'INVALID_CURSOR_ARGUMENTS', path: ['owner', 'repositories'], message }
  return answer(200, { data: { owner: null }, errors: [error] })
}

/** The page as it is, but for its promise of another: that one is the page itself. */
const repeatCursor = (good: Answer, after: unknown): Answer => ({
  ...good,
  body: good.body.replace(/"endCursor":"[^"]*"/, `"endCursor":${JSON.stringify(after)}`),
})

const withHeaders = (good: Answer, headers: Record<string, string>): Answer => ({
  ...good,
  headers: { ...good.headers, ...headers },
})

const withoutLink = (good: Answer): Answer => {
  const { link: _link, ...headers } = good.headers
  return { ...good, headers }
}

type Play<Kind extends Fault['kind']> = (
  fault: Of<Kind>,
  context: FaultContext,
) => Answer | Promise<Answer>

const PLAYS: { readonly [Kind in Fault['kind']]: Play<Kind> } = {
  'primary-limit': primaryLimit,
  'secondary-limit': secondaryLimit,
  'graphql-limit': graphqlLimit,
  'server-error': ({ status }) => serverError(status),
  unprocessable: () =>
    refusal(422, 'In order to keep the API fast for everyone, pagination is limited here.'),
  reset: () => ({ ...refusal(500, ''), delivery: 'reset' }),
  hang: () => ({ ...refusal(500, ''), delivery: 'hang' }),
  'reset-in-body': async (_, { good }) => ({ ...(await good()), delivery: 'cut' }),
  'truncated-json': async (_, { good }) => halved(await good()),
  empty: async (_, { good }) => ({ ...(await good()), body: '' }),
  html: () => html(200, 'Checking your browser'),
  'bad-credentials': badCredentials,
  forbidden: () =>
    refusal(403, 'Resource not accessible by personal access token', {
      'x-accepted-github-permissions': 'metadata=read',
    }),
  'not-found': notFound,
  gone: () => refusal(410, 'This resource is gone.'),
  legal: () => refusal(451, 'Repository access blocked'),
  'sso-required': () => ssoRequired({ login: 'octo-org' }),
  'sso-partial-results': async (_, { good }) =>
    withHeaders(await good(), {
      'x-github-sso': 'partial-results; organizations=21955855,20582480',
    }),
  'partial-data': async (_, { good }) => withoutNodes(await good(), 'every other'),
  'invalid-cursor': invalidCursor,
  'no-link': async (_, { good }) => withoutLink(await good()),
  'next-link': async ({ url }, { good }) =>
    withHeaders(await good(), { link: `<${url}>; rel="next"` }),
  'same-cursor': async (_, { good, after }) => repeatCursor(await good(), after),
}

/** What goes out instead of, or made of, the right answer. */
export const faultAnswer = async (fault: Fault, context: FaultContext): Promise<Answer> =>
  (PLAYS[fault.kind] as Play<Fault['kind']>)(fault as never, context)

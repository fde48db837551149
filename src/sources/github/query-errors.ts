/** What the `errors` of a GraphQL answer mean; its status is 200 whatever happened. */
import type { SourceError } from '../../domain/errors.ts'
import {
  type Answer,
  field,
  forbidden,
  headerOf,
  LIMIT_MESSAGE,
  type LimitError,
  limitedError,
  type Meaning,
  messageOf,
  type Moment,
  notFound,
  PageTooLargeError,
  ssoPage,
  ssoRequired,
  type Subject,
  toError,
} from './classify.ts'

const LIMIT_TYPES = new Set(['RATE_LIMITED', 'RATE_LIMIT'])

/** One of the `errors` of a GraphQL answer, as far as it is used. */
interface QueryError {
  readonly type: string
  readonly message: string
  readonly saml: boolean
}

const queryErrors = (errors: readonly unknown[]): readonly QueryError[] =>
  errors.map((error) => {
    const type = field(error, 'type')
    return {
      type: typeof type === 'string' ? type : '',
      message: messageOf(error),
      saml: field(field(error, 'extensions'), 'saml_failure') === true,
    }
  })

const queryMeaning = (error: QueryError, answer: Answer, subject: Subject): Meaning => {
  const { type, message } = error
  if (error.saml) return ssoRequired(subject, ssoPage(headerOf(answer, 'x-github-sso') ?? ''))
  if (type === 'NOT_FOUND') return notFound(subject)
  if (type === 'FORBIDDEN' || type === 'INSUFFICIENT_SCOPES') return forbidden(subject, message)
  const text = `GitHub answered the query with an error (${message || 'no reason given'})`
  return { code: 'SOURCE_MALFORMED', text, retryable: true }
}

const isLimit = (errors: readonly QueryError[]): boolean =>
  errors.some((e) => LIMIT_TYPES.has(e.type) || LIMIT_MESSAGE.test(e.message))

/** Whether GitHub no longer knows the cursor that it was given. */
export function isInvalidCursor(errors: readonly unknown[]): boolean {
  return queryErrors(errors).some((error) => error.type === 'INVALID_CURSOR_ARGUMENTS')
}

/**
 * The error for a GraphQL answer that has `errors` and nothing of the page, or
 * the page in part (`partial`). The latter is not a page: what is missing from
 * it cannot be told.
 */
export function queryFailure(
  answer: Answer,
  errors: readonly unknown[],
  subject: Subject,
  partial: boolean,
): SourceError {
  const [first = { type: '', message: '', saml: false }] = queryErrors(errors)
  if (!partial) return toError(queryMeaning(first, answer, subject), subject, first.type || 200)
  const text = `GitHub returned a page in part (${first.message}); trying again with a smaller page`
  return new PageTooLargeError('SOURCE_MALFORMED', `${subject.what}: ${text}`, { retryable: true })
}

/** The error for a 200 whose `errors` say that its caller is limited, or nothing. */
export function queryLimit(
  answer: Answer,
  subject: Subject,
  moment: Moment,
): LimitError | undefined {
  const errors = field(answer.body, 'errors')
  const limited = Array.isArray(errors) && isLimit(queryErrors(errors))
  return limited ? limitedError(answer, subject, moment) : undefined
}

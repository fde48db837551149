/** What S3 and its clients say when something is wrong, and what is to be done about it. */
import { PauseError, SourceError } from '../../domain/errors.ts'

/** As much of an error of the AWS SDK as is looked at; all of it may be missing. */
export interface SdkFault {
  readonly name: string
  readonly message: string
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string>>
  /** What the body of the answer says of the region that was meant. */
  readonly region: string | undefined
}

interface SdkError {
  readonly name?: unknown
  readonly Code?: unknown
  readonly message?: unknown
  readonly Region?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number }
  readonly $response?: {
    readonly statusCode?: number
    readonly headers?: Readonly<Record<string, string>>
  }
}

export function faultOf(thrown: unknown): SdkFault {
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as SdkError
  const { name, Code, message, Region, $metadata, $response } = error
  const named = typeof Code === 'string' ? Code : typeof name === 'string' ? name : 'Unknown'
  return {
    name: named,
    message: typeof message === 'string' ? message : String(thrown),
    status: $metadata?.httpStatusCode ?? $response?.statusCode,
    headers: $response?.headers ?? {},
    region: typeof Region === 'string' && Region !== '' ? Region : undefined,
  }
}

/** Asks to be asked less: docs.aws.amazon.com, optimizing-performance; the second and third are other servers'. */
const SLOW_DOWN = new Set(['SlowDown', 'TooManyRequests', 'Throttling', 'ThrottlingException'])

export const isSlowDown = ({ name, status }: SdkFault): boolean =>
  SLOW_DOWN.has(name) || status === 429

/** Credentials that were good and are no longer, or a clock that went wrong: a new signature may help. */
const STALE = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'TokenRefreshRequired',
  'RequestExpired',
  'RequestTimeTooSkewed',
])

export const isStale = ({ name }: SdkFault): boolean => STALE.has(name)

const REFUSED = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'InvalidSecurity',
  'CredentialsProviderError',
])

/** The bucket is somewhere else, or the request was signed for somewhere else. */
const ELSEWHERE = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'Redirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  '301',
  '307',
])

export const isElsewhere = ({ name, status, headers }: SdkFault, region: string): boolean => {
  if (ELSEWHERE.has(name) || status === 301 || status === 307) return true
  // Regions of after March 2019 answer 400, and not all of them by a name of their own.
  const told = headers['x-amz-bucket-region']
  return status === 400 && told !== undefined && told !== region
}

const BAD_TOKEN = new Set(['InvalidArgument', 'InvalidToken', 'BadRequest', 'InvalidRequest'])

/** A token that the server no longer takes, or takes for other parameters. */
export const isBadToken = ({ name, status }: SdkFault): boolean =>
  status === 400 && BAD_TOKEN.has(name)

export const isForbidden = ({ name, status }: SdkFault): boolean =>
  name === 'AccessDenied' ||
  name === 'AllAccessDisabled' ||
  name === 'AccountProblem' ||
  status === 403

/** Whether other keys may help, where they can be had. */
export const isRefused = (fault: SdkFault): boolean => isStale(fault) || REFUSED.has(fault.name)

/** The client's own error quotes what was signed, a session token too; as much of it as may be shown. */
const causeOf = ({ name, status }: SdkFault): Error =>
  Object.assign(new Error(name), {
    name,
    ...(status !== undefined && { $metadata: { httpStatusCode: status } }),
  })

/** Said of a request, and of nothing else, whatever is tried. */
const HOPELESS = new Set([400, 404, 405, 409, 410, 501])

/**
 * What a fault means for the walk, once trying again at once has not helped.
 *
 * @param where what was asked for, in words without secrets
 */
export function errorFor(fault: SdkFault, where: string): Error {
  const { name, status } = fault
  const cause = causeOf(fault)
  const says = `${where}: S3 says ${name}${status === undefined ? '' : ` (${status})`}`
  if (isRefused(fault)) {
    const remedy =
      name === 'RequestTimeTooSkewed'
        ? "set this machine's clock right"
        : 'renew the credential or put it right'
    return new PauseError('AUTHENTICATION_FAILED', `${says}; ${remedy}`, { cause })
  }
  if (name === 'NoSuchBucket' || name === 'NotFound' || status === 404) {
    return new SourceError('NOT_FOUND', `${says}; check the name of the bucket and its region`, {
      cause,
    })
  }
  if (isForbidden(fault)) {
    const remedy =
      'allow the credential s3:ListBucket (for all_buckets s3:ListAllMyBuckets), or check requester_pays and expected_bucket_owner'
    return new SourceError('FORBIDDEN', `${says}; ${remedy}`, { cause })
  }
  if (HOPELESS.has(status ?? 0)) {
    return new SourceError('SOURCE_FAILED', `${says}: ${fault.message}`, { cause })
  }
  const code = isMalformed(fault) ? 'SOURCE_MALFORMED' : 'SOURCE_UNAVAILABLE'
  return new SourceError(code, `${says}: ${fault.message}`, { retryable: true, cause })
}

/** An answer that came and made no sense: XML that was cut short, a page of a proxy. */
const isMalformed = ({ name, status }: SdkFault): boolean =>
  name === 'SyntaxError' || (status !== undefined && status < 300)

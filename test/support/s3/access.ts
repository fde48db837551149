/** Who may do what: the checks that come before an answer, in the order in which S3 makes them. */
import { randomBytes } from 'node:crypto'
import type { Bucket } from './bucket.ts'
import type { Quirks, StandInOptions } from './options.ts'
import type { S3Request } from './request.ts'
import { accessDenied, S3Error } from './s3-error.ts'
import { isSignedWith } from './signature.ts'

/** What CreateSession hands out. */
export interface SessionCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

const SESSION_TOKEN_HEADER = 'x-amz-s3session-token'

/** Keys, permanent and temporary. */
export class Credentials {
  readonly #accessKeys: ReadonlyMap<string, string> | null
  readonly #tokens: ReadonlyMap<string, string>
  readonly #sessions = new Map<string, SessionCredentials & { readonly bucket: string }>()

  constructor({ accessKeys, sessionTokens }: StandInOptions) {
    this.#accessKeys = accessKeys === undefined ? null : new Map(Object.entries(accessKeys))
    this.#tokens = new Map(Object.entries(sessionTokens ?? {}))
  }

  /** For one directory bucket. */
  openSession(bucket: string): SessionCredentials {
    const session = {
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(20).toString('hex'),
      sessionToken: randomBytes(32).toString('base64'),
    }
    this.#sessions.set(session.accessKeyId, { ...session, bucket })
    return session
  }

  /** @throws S3Error for a key that is not known, a token that is not its own, a signature that is wrong */
  check(request: S3Request): void {
    const { authorization } = request
    if (this.#accessKeys === null && !(SESSION_TOKEN_HEADER in request.headers)) return
    if (authorization === null) throw accessDenied()
    const { accessKeyId } = authorization
    const session = this.#sessions.get(accessKeyId)
    const secretKey = session?.secretAccessKey ?? this.#accessKeys?.get(accessKeyId)
    const token = session?.sessionToken ?? this.#tokens.get(accessKeyId)
    const header = session === undefined ? 'x-amz-security-token' : SESSION_TOKEN_HEADER
    const sent = request.headers[header]
    if (secretKey === undefined || (token !== undefined && sent === undefined))
      throw new S3Error(
        403,
        'InvalidAccessKeyId',
        'The AWS Access Key Id you provided does not exist in our records.',
        { AWSAccessKeyId: accessKeyId },
      )
    if (sent !== token)
      throw new S3Error(
        400,
        'InvalidToken',
        'The provided token is malformed or otherwise invalid.',
      )
    if (session !== undefined && session.bucket !== request.logged.bucket) throw accessDenied()
    if (!isSignedWith(secretKey, request, authorization))
      throw new S3Error(
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
        { AWSAccessKeyId: accessKeyId },
      )
  }
}

const wrongRegion = (
  { name, region }: Bucket,
  signed: string,
  kind: NonNullable<Quirks['wrongRegion']>,
): S3Error => {
  if (kind === 'malformed')
    return new S3Error(
      400,
      'AuthorizationHeaderMalformed',
      `The authorization header is malformed; the region '${signed}' is wrong; expecting '${region}'`,
      { Region: region },
    )
  if (kind === 'constraint')
    return new S3Error(
      400,
      'IllegalLocationConstraintException',
      `The ${region} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    )
  return new S3Error(
    301,
    'PermanentRedirect',
    'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.',
    { Endpoint: `${name}.s3.${region}.amazonaws.com`, Bucket: name },
  )
}

/** @throws S3Error for a signature that is for another region than the bucket's */
export const checkRegion = (request: S3Request, bucket: Bucket, quirks: Quirks): void => {
  const signed = request.authorization?.region
  if (signed === undefined || signed === bucket.region) return
  // The one operation that can be asked in us-east-1 of any bucket.
  if (request.logged.operation === 'GetBucketLocation' && signed === 'us-east-1') return
  throw wrongRegion(bucket, signed, quirks.wrongRegion ?? 'redirect')
}

/** @throws S3Error AccessDenied */
export const checkAccess = ({ headers, logged }: S3Request, bucket: Bucket): void => {
  const expectedOwner = headers['x-amz-expected-bucket-owner']
  if (expectedOwner !== undefined && expectedOwner !== bucket.owner) throw accessDenied()
  // The location is told for nothing; whoever looks for the region cannot pay for it yet.
  const isFree = logged.operation === 'GetBucketLocation'
  if (bucket.requesterPays && !isFree && headers['x-amz-request-payer'] !== 'requester')
    throw accessDenied()
  if (!logged.operation.startsWith('ListObject')) return
  const prefix = logged.query['prefix'] ?? ''
  if (bucket.forbidden.some((forbidden) => prefix.startsWith(forbidden))) throw accessDenied()
}

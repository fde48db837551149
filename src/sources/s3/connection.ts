import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import type { TaskCredentials } from '../../domain/credentials.ts'
import { PauseError } from '../../domain/errors.ts'
import type { EnumerateContext } from '../source.ts'
import type { S3Spec } from './spec.ts'

/** The part of the AWS SDK that is used; loaded when a walk of S3 begins, for it takes a while. */
export type Sdk = typeof import('@aws-sdk/client-s3')

export const loadSdk = (): Promise<Sdk> => import('@aws-sdk/client-s3')

/** Where Amazon's own endpoint is when no region is told. */
export const DEFAULT_REGION = 'us-east-1'

/** A request that has said nothing for so long is tried again, in milliseconds. */
const REQUEST_TIMEOUT_MS = 60_000
const CONNECT_TIMEOUT_MS = 10_000

/** The regions of buckets that were found out, for as long as the source lives. */
export class Regions {
  readonly #found = new Map<string, string>()

  of(bucket: string, spec: S3Spec): string {
    return this.#found.get(this.#key(bucket, spec)) ?? spec.region ?? DEFAULT_REGION
  }

  learn(bucket: string, spec: S3Spec, region: string): void {
    this.#found.set(this.#key(bucket, spec), region)
  }

  #key(bucket: string, { endpoint = '' }: S3Spec): string {
    return `${endpoint} ${bucket}`
  }
}

type Keys = Awaited<ReturnType<Extract<S3ClientConfig['credentials'], (...args: never) => unknown>>>

/**
 * The clients of one walk, one for each region. They ask for the credentials
 * before every request: an identity that is past its time is not kept.
 */
export class Connection {
  readonly #sdk: Sdk
  readonly #spec: S3Spec
  readonly #context: Pick<EnumerateContext, 'credentials'>
  readonly #clients = new Map<string, S3Client>()
  #renew = false

  constructor(sdk: Sdk, spec: S3Spec, context: Pick<EnumerateContext, 'credentials'>) {
    this.#sdk = sdk
    this.#spec = spec
    this.#context = context
  }

  client(region: string): S3Client {
    const known = this.#clients.get(region)
    if (known !== undefined) return known
    const { endpoint, pathStyle = endpoint !== undefined, concurrency } = this.#spec
    const made = new this.#sdk.S3Client({
      region,
      ...(endpoint !== undefined && { endpoint }),
      forcePathStyle: pathStyle,
      credentials: () => this.#keys(),
      // What is tried again, how often and how fast is this source's matter: it has to see every refusal.
      maxAttempts: 1,
      requestHandler: {
        requestTimeout: REQUEST_TIMEOUT_MS,
        throwOnRequestTimeout: true,
        connectionTimeout: CONNECT_TIMEOUT_MS,
        httpAgent: { keepAlive: true, maxSockets: concurrency },
        httpsAgent: { keepAlive: true, maxSockets: concurrency },
      },
    })
    this.#clients.set(region, made)
    return made
  }

  /** What was handed out last was refused: the next request goes with another, where there is one. */
  renew(): void {
    this.#renew = true
  }

  close(): void {
    for (const client of this.#clients.values()) client.destroy()
    this.#clients.clear()
  }

  async #keys(): Promise<Keys> {
    const renew = this.#renew
    this.#renew = false
    const { type, values } = await this.#context.credentials({ renew })
    if (type !== 'S3') throw notForS3(type)
    return {
      accessKeyId: String(values['accessKeyId']),
      secretAccessKey: String(values['secretAccessKey']),
      ...(values['sessionToken'] !== undefined && {
        sessionToken: String(values['sessionToken']),
      }),
      expiration: new Date(0),
    }
  }
}

const notForS3 = (type: TaskCredentials['type']): PauseError =>
  new PauseError(
    'CREDENTIAL_UNAVAILABLE',
    `the credential of an s3 target is of type ${type}; name one of type s3 with auth_ref`,
  )

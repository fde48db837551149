import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { MusterError, SourceError } from '../../domain/errors.ts'
import type { Connection, Regions, Sdk } from './connection.ts'
import { errorFor, faultOf, isElsewhere, isSlowDown, isRefused, type SdkFault } from './faults.ts'
import type { Pace } from './pace.ts'
import type { S3Spec } from './spec.ts'

/** How often a request is sent before its error is the walk's. */
const ATTEMPTS = 6

/** The first pause before another attempt, and the longest, in milliseconds; half of each is left to chance. */
const PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000

/** What a request is about. */
export interface Asked<Answer> {
  readonly bucket: string
  /** For messages, without secrets. */
  readonly where: string
  /** Throws a SourceError for an answer that makes no sense. */
  send(client: S3Client, signal: AbortSignal): Promise<Answer>
}

export interface RequestsOptions {
  readonly sdk: Sdk
  readonly spec: S3Spec
  readonly connection: Connection
  readonly regions: Regions
  readonly pace: Pace
  readonly signal: AbortSignal
}

/**
 * Sends a walk's requests: in the region where the bucket is, with credentials
 * that are good, again where that may help, and no faster than S3 likes.
 */
export class Requests {
  readonly #options: RequestsOptions

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  /** @throws what `errorFor` makes of the last fault; what the credentials' provider throws, as it is */
  async ask<Answer>(asked: Asked<Answer>): Promise<Answer> {
    const { pace, signal, regions, spec, connection } = this.#options
    const patience = { renewals: 1, moves: 2 }
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted()
      const region = regions.of(asked.bucket, spec)
      try {
        const answer = await pace.run(() => asked.send(connection.client(region), signal))
        pace.succeeded()
        return answer
      } catch (thrown) {
        if (signal.aborted) throw thrown
        if (await this.#mended(thrown, asked.bucket, { region, patience })) continue
        const error = whatItMeans(thrown, asked.where)
        if (attempt >= ATTEMPTS || !isWorthAnother(error)) throw error
      }
      await sleep(pauseBefore(attempt), undefined, { signal })
    }
  }

  /** Whether what was in the way is put right, and the request can go at once; each is tried a few times only. */
  async #mended(
    thrown: unknown,
    bucket: string,
    { region, patience }: { region: string; patience: { renewals: number; moves: number } },
  ): Promise<boolean> {
    if (thrown instanceof MusterError) return false
    const { connection, pace } = this.#options
    const fault = faultOf(thrown)
    if (isSlowDown(fault)) pace.slowDown()
    if (isElsewhere(fault, region) && patience.moves > 0) {
      patience.moves -= 1
      await this.#move(bucket, region, fault)
      return true
    }
    if (isRefused(fault) && patience.renewals > 0) {
      patience.renewals -= 1
      connection.renew()
      return true
    }
    return false
  }

  /** Finds out where the bucket is: the answer tells, or its body, or another question. */
  async #move(bucket: string, from: string, fault: SdkFault): Promise<void> {
    const { regions, spec } = this.#options
    const told = fault.headers['x-amz-bucket-region'] ?? fault.region
    const region = told ?? (await this.#lookUp(bucket, from))
    if (region !== undefined && region !== '') regions.learn(bucket, spec, region)
  }

  async #lookUp(bucket: string, from: string): Promise<string | undefined> {
    const { sdk, connection, signal } = this.#options
    const client = connection.client(from)
    try {
      const command = new sdk.HeadBucketCommand({ Bucket: bucket })
      const { BucketRegion } = await client.send(command, { abortSignal: signal })
      if (BucketRegion !== undefined) return BucketRegion
    } catch (thrown) {
      const told = faultOf(thrown).headers['x-amz-bucket-region']
      if (told !== undefined) return told
    }
    try {
      const command = new sdk.GetBucketLocationCommand({ Bucket: bucket })
      const { LocationConstraint } = await client.send(command, { abortSignal: signal })
      // The oldest region has no name here, and Ireland an old one: docs.aws.amazon.com, GetBucketLocation.
      return LocationConstraint === 'EU' ? 'eu-west-1' : (LocationConstraint ?? 'us-east-1')
    } catch {
      return undefined
    }
  }
}

/** A page that made no sense is an error already; what the client throws has to be made one. */
const whatItMeans = (thrown: unknown, where: string): unknown =>
  thrown instanceof MusterError ? thrown : errorFor(faultOf(thrown), where)

const isWorthAnother = (error: unknown): boolean => error instanceof SourceError && error.retryable

/** Twice as long each time, with jitter: those who were refused together must not come back together. */
function pauseBefore(attempt: number): number {
  const longest = Math.min(PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS)
  return longest / 2 + Math.random() * (longest / 2)
}

/** A caller in small: walks an s3 source as its real caller does, trying again and starting anew. */
import { isDeepStrictEqual } from 'node:util'
import type { Shortfall } from '../../../machines/index.ts'
import { s3Credentials, type TaskCredentials } from '../../../src/domain/credentials.ts'
import { SourceError } from '../../../src/domain/errors.ts'
import type { JsonValue } from '../../../src/domain/json.ts'
import { s3Source, type S3Item } from '../../../src/sources/s3/index.ts'
import { s3Spec } from '../../../src/sources/s3/spec.ts'
import type { EnumerateContext, Identity, Page } from '../../../src/sources/source.ts'

export const ACCESS_KEY = 'AKIASTANDINSTANDIN00'
export const SECRET_KEY = 'TheSecretOfTheTests0123456789abcdefABCDE'

export interface WalkOptions {
  readonly endpoint: string
  readonly spec: Record<string, unknown>
  readonly source?: ReturnType<typeof s3Source>
  readonly cursor?: JsonValue
  readonly credentials?: EnumerateContext['credentials']
  /** How often in a row an error is tried again. */
  readonly attempts?: number
  /** Breaks off and begins anew from the cursor of each page, or of those for which it says so. */
  readonly restarts?: boolean | ((page: number) => boolean)
  /** Told of each page when it is kept, before the next is asked for. */
  readonly kept?: (page: Page<S3Item>) => void
}

export interface Walked {
  /** As often as they came. */
  readonly listed: readonly S3Item[]
  readonly identities: readonly Identity[]
  readonly pages: readonly Page<S3Item>[]
  readonly errors: readonly Error[]
  readonly shortfalls: readonly Shortfall[]
}

export const withKeys = async (): Promise<TaskCredentials> =>
  s3Credentials({ accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY })

const contextOf = ({ credentials = withKeys }: WalkOptions): EnumerateContext => ({
  signal: AbortSignal.timeout(60_000),
  clock: { now: () => Date.now() },
  authRef: 'aws',
  credentials,
  answers: { get: async () => undefined, set: async () => undefined },
})

/** As a cursor is when it comes back from where it was stored. */
const stored = (cursor: JsonValue): JsonValue => JSON.parse(JSON.stringify(cursor)) as JsonValue

const isToRestart = ({ restarts = false }: WalkOptions, page: number): boolean =>
  typeof restarts === 'function' ? restarts(page) : restarts

/** Walks to the end. */
export async function walk(options: WalkOptions): Promise<Walked> {
  let source = options.source ?? s3Source()
  const spec = s3Spec.parse({ endpoint: options.endpoint, ...options.spec })
  const pages: Page<S3Item>[] = []
  const errors: Error[] = []
  let { cursor } = options
  let left = options.attempts ?? 3
  walking: for (;;) {
    try {
      for await (const page of source.enumerate(spec, cursor, contextOf(options))) {
        // The real caller refuses such a page.
        if (isDeepStrictEqual(cursor, page.cursor)) throw new Error('the same cursor twice')
        pages.push(page)
        cursor = stored(page.cursor)
        left = options.attempts ?? 3
        options.kept?.(page)
        if (isToRestart(options, pages.length)) {
          source = options.source ?? s3Source()
          continue walking
        }
      }
      break
    } catch (error) {
      errors.push(error as Error)
      if (left <= 1 || (error instanceof SourceError && !error.retryable)) throw error
      left -= 1
    }
  }
  const listed = pages.flatMap(({ items }) => items)
  return {
    listed,
    identities: listed.map((item) => source.identify(item, spec)),
    pages,
    errors,
    shortfalls: pages.flatMap(({ shortfalls = [] }) => shortfalls),
  }
}

export const keysOf = (items: readonly S3Item[]): readonly string[] => items.map(({ key }) => key)

/** Keys in one order, whatever it is, to be compared. */
export const sorted = (keys: Iterable<string>): readonly string[] => [...keys].toSorted()

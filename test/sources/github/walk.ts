/** A caller in small: walks a github source as its real caller does, waiting and trying again. */
import { isDeepStrictEqual } from 'node:util'
import type { SandboxGitHub } from '../../../examples/sandbox/github.ts'
import type { Shortfall } from '../../../machines/index.ts'
import {
  githubCredentials,
  type TaskCredentials,
  unauthenticated,
} from '../../../src/domain/credentials.ts'
import { RetryLaterError, SourceError } from '../../../src/domain/errors.ts'
import type { JsonValue } from '../../../src/domain/json.ts'
import { type GithubItem, githubSource, githubSpec } from '../../../src/sources/github/index.ts'
import type { EnumerateContext, Identity, Page } from '../../../src/sources/source.ts'

export const TOKEN = 'ghp_TheSecretOfTheTests0123456789abcdef'

/** A clock that stands still until moved; sandbox and source share it. */
export const testClock = (start = Date.parse('2025-01-01T00:00:00Z')) => {
  let now = start
  return {
    now: () => now,
    advanceTo: (at: number) => {
      now = Math.max(now, at)
    },
  }
}
export type TestClock = ReturnType<typeof testClock>

export interface WalkOptions {
  readonly source?: ReturnType<typeof githubSource>
  readonly spec: Record<string, unknown>
  readonly clock?: TestClock
  readonly credentials?: () => TaskCredentials
  readonly authRef?: string | null
  readonly cursor?: JsonValue
  /** How often in a row an error is tried again. */
  readonly attempts?: number
  readonly timeoutMs?: number
  /** What is remembered of earlier answers. Default: nothing. */
  readonly answers?: Map<string, JsonValue>
  /** Breaks off and begins anew from the cursor of each page, as after a crash. */
  readonly restarts?: boolean
  /** Stops after so many. Default: at the end. */
  readonly maxPages?: number
}

export interface Walked {
  /** Each resource once, in the order in which they were met: the real caller knows them by their keys. */
  readonly identities: readonly Identity[]
  /** How many items there were, those that came again included. */
  readonly listed: number
  readonly pages: readonly Page<GithubItem>[]
  readonly errors: readonly Error[]
  readonly shortfalls: readonly Shortfall[]
}

export const withToken = (): TaskCredentials => githubCredentials(TOKEN)
export const withoutToken = (): TaskCredentials => unauthenticated()

export const contextOf = (
  options: Pick<WalkOptions, 'clock' | 'credentials' | 'authRef' | 'answers'>,
  signal: AbortSignal = new AbortController().signal,
): EnumerateContext => ({
  signal,
  clock: options.clock ?? testClock(),
  authRef: options.authRef ?? null,
  credentials: async () => (options.credentials ?? withToken)(),
  answers: {
    get: async (key) => options.answers?.get(key),
    set: async (key, value) => void options.answers?.set(key, value),
  },
})

/** What a caller does about an error: waits, tries again, or gives up. */
const recover = (error: unknown, clock: TestClock, failures: number): number => {
  if (error instanceof RetryLaterError) {
    clock.advanceTo(error.retryAt)
    return failures
  }
  if ((error instanceof SourceError && !error.retryable) || failures <= 1) throw error
  return failures - 1
}

/** By key, the first of each. */
const distinct = (identities: readonly Identity[]): readonly Identity[] => {
  const known = new Set<string>()
  return identities.filter(({ key }) => !known.has(key) && known.add(key))
}

/** As a cursor is when it comes back from where it was stored. */
const stored = (cursor: JsonValue): JsonValue => JSON.parse(JSON.stringify(cursor)) as JsonValue

/** Walks to the end. */
export async function walk(options: WalkOptions): Promise<Walked> {
  let source = options.source ?? githubSource()
  const spec = githubSpec.parse(options.spec)
  const clock = options.clock ?? testClock()
  const pages: Page<GithubItem>[] = []
  const errors: Error[] = []
  let cursor = options.cursor
  let left = options.attempts ?? 3
  walking: for (;;) {
    const signal = AbortSignal.timeout(options.timeoutMs ?? 20_000)
    try {
      for await (const page of source.enumerate(
        spec,
        cursor,
        contextOf({ ...options, clock }, signal),
      )) {
        pages.push(page)
        // The real caller refuses such a page.
        if (isDeepStrictEqual(cursor, page.cursor)) throw new Error('the same cursor twice')
        cursor = stored(page.cursor)
        left = options.attempts ?? 3
        if (pages.length === options.maxPages) break walking
        if (options.restarts) {
          // Another process knows nothing of what this one had in memory.
          source = options.source ?? githubSource()
          continue walking
        }
      }
      break
    } catch (error) {
      errors.push(error as Error)
      left = recover(error, clock, left)
    }
  }
  const met = pages.flatMap((page) => page.items.map((item) => source.identify(item, spec)))
  return {
    identities: distinct(met),
    listed: met.length,
    pages,
    errors,
    shortfalls: pages.flatMap((page) => page.shortfalls ?? []),
  }
}

/** The identities' names, and what the sandbox knows to be true of the owner, for comparison. */
export const names = (identities: readonly Identity[]): readonly string[] =>
  identities.map((identity) => identity.name)
export const truth = (sandbox: SandboxGitHub, login: string): readonly string[] =>
  sandbox.repositories(login).map((repository) => repository.full_name)

/** `count` made-up repository names. */
export const madeUpNames = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `repository-${at + 1}`)

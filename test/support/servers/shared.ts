/** What a test process does with the servers of the run. */
import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, inject } from 'vitest'
import type { SharedServer } from './global.ts'

const asked = new Map<SharedServer, Promise<string>>()

/** The URL of the run's server, which is started for the first who asks; throws with the remedy. */
export function sharedUrl(name: SharedServer): Promise<string> {
  const url = asked.get(name) ?? ask(name)
  asked.set(name, url)
  return url
}

async function ask(name: SharedServer): Promise<string> {
  const servers = inject('servers')
  if (servers === undefined)
    throw new Error(`Nobody to ask for ${name}: run the tests with the project's vitest.config.ts`)
  // Not fetch, which a test may have replaced.
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const request = get(new URL(name, servers), { agent: false }, (response) => {
    const url = text(response).then((said) => {
      if (response.statusCode !== 200) throw new Error(said)
      return said
    })
    resolve(url)
  })
  request.once('error', reject)
  return await promise
}

/** What becomes of tests for which a server is missing. */
export interface Decision {
  readonly isSkipped: boolean
  /** What is said on stderr. */
  readonly line?: string
}

/**
 * Tests are skipped, and say so, where their server cannot be had.
 *
 * @throws the reason with its remedy when MUSTER_REQUIRE_SERVERS is 1: a build must not pass for
 *   want of a server.
 */
export function decide(title: string, missing: string | undefined): Decision {
  if (missing === undefined) return { isSkipped: false }
  if (process.env['MUSTER_REQUIRE_SERVERS'] === '1')
    throw new Error(`${title}: MUSTER_REQUIRE_SERVERS is 1, but ${missing}`)
  return { isSkipped: true, line: `skipped: ${title}: ${missing}\n` }
}

/** `describe` for tests that need a server; `missing` says why there is none. */
export const describeWith =
  (missing: () => string | undefined) =>
  (title: string, tests: () => void): void => {
    const { isSkipped, line } = decide(title, missing())
    if (line !== undefined) process.stderr.write(line)
    describe.skipIf(isSkipped)(title, tests)
  }

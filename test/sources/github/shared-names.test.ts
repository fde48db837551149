/** What a credential is called in the store, which all hosts have to call by the same name. */
import { expect, test } from 'vitest'
import {
  githubCredentials,
  type TaskCredentials,
  unauthenticated,
} from '../../../src/domain/credentials.ts'
import { createAccess, readCredential } from '../../../src/sources/github/credential.ts'
import { createGovernors } from '../../../src/sources/github/governors.ts'
import { stoppedClock, tokenOf } from './access-support.ts'

const GITHUB = 'https://api.github.com'
const ONE = tokenOf('one')
const OTHER = tokenOf('other')

interface Given {
  readonly authRef?: string
  readonly baseUrl?: string
}

/** The names that a host of its own tells of the members of a credential. */
async function names(
  credentials: TaskCredentials,
  { authRef = 'ci', baseUrl = GITHUB }: Given = {},
) {
  const told: string[] = []
  const budget = {
    async share({ credential }: { readonly credential: string }) {
      told.push(credential)
      return { minute: [], limits: [], blockedMs: 0 }
    },
  }
  const access = createAccess(createGovernors())
  const context = { authRef, clock: stoppedClock(), budget }
  const { members } = readCredential(credentials, { baseUrl, what: 'acme', context, access })
  for (const { share } of members) {
    await share?.({ spent: { kind: 'rest', points: 0 }, limits: [], blockedMs: 0 })
  }
  return told
}

const of = (values: Record<string, string | string[]>): TaskCredentials =>
  ({ type: 'GITHUB', values }) as unknown as TaskCredentials

test('a token has one name in all hosts, whatever they call its credential', async () => {
  const [name] = await names(githubCredentials(ONE))
  expect(await names(githubCredentials(ONE), { authRef: 'another' })).toEqual([name])
  expect(await names(of({ token: ONE, identity: 'provider:3' }))).toEqual([name])
  expect(await names(of({ token: ONE, identity: 'text:0123456789abcdef' }))).toEqual([name])
  expect(await names(githubCredentials(OTHER))).not.toEqual([name])
  expect(
    await names(githubCredentials(ONE), { baseUrl: 'https://ghe.example/api/v3' }),
  ).not.toEqual([name])
})

test('an App’s installation keeps its name when its token is another', async () => {
  const identity = 'app:7:8'
  const [name] = await names(of({ token: ONE, identity }))
  expect(await names(of({ token: OTHER, identity }))).toEqual([name])
  expect(await names(of({ token: ONE, identity: 'app:7:9' }))).not.toEqual([name])
})

test('each token of a pool has its own', async () => {
  const [[one], [other]] = [
    await names(githubCredentials(ONE)),
    await names(githubCredentials(OTHER)),
  ]
  expect(await names(of({ tokens: [ONE, OTHER] }))).toEqual([one, other])
})

test('no name holds anything of a token', async () => {
  for (const name of await names(of({ tokens: [ONE, OTHER] }))) {
    expect(name).toMatch(/^[0-9a-f]{32}$/)
  }
})

test('walks without a token share nothing: GitHub counts them by their hosts’ addresses', async () => {
  expect(await names(unauthenticated())).toEqual([])
})

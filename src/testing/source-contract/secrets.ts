import { CREDENTIAL_TYPES, type TaskCredentials } from '../../domain/credentials.ts'
import { errorRecord } from '../../domain/errors.ts'
import type { JsonValue } from '../../domain/json.ts'
import type { Identity } from '../../sources/source.ts'
import type { Bench, Begin } from './bench.ts'
import type { SourceCase } from './case.ts'
import { garbage } from './garbage.ts'
import { tried } from './identify.ts'
import { assertNoSecret, secretsOf } from './secret-forms.ts'

/** What was thrown and whatever caused it, as texts. */
function textsOf(thrown: unknown): string[] {
  const texts: string[] = []
  for (let at = thrown; at !== undefined && texts.length < 10;) {
    texts.push(errorRecord(at).message)
    at = at instanceof Error ? at.cause : undefined
  }
  return texts
}

/** The same secrets as credentials of other kinds, and as texts that fit in no header. */
function* misshapen({ type, values }: TaskCredentials): Generator<TaskCredentials> {
  for (const other of CREDENTIAL_TYPES) if (other !== type) yield { type: other, values }
  for (const change of [(text: string) => `${text}\n`, (text: string) => `ü ${text}`, Array.of]) {
    const changed = Object.entries(values).map(([name, value]): [string, JsonValue] => [
      name,
      typeof value === 'string' ? change(value) : value,
    ])
    yield { type, values: Object.fromEntries(changed) }
  }
}

/** Listings that are likely to fail. */
function* unlucky(bench: Bench): Generator<Begin> {
  for (const credentials of misshapen(bench.options.credentials as TaskCredentials)) {
    yield { credentials }
  }
  for (const [, cursor] of garbage()) yield { cursor: cursor as JsonValue }
  yield { signal: AbortSignal.abort() }
}

async function errorsOf(bench: Bench, begin: Begin): Promise<string[]> {
  const listing = bench.begin(begin)
  try {
    await listing.next()
    await listing.leave()
    return []
  } catch (thrown) {
    return textsOf(thrown)
  }
}

function reasonsOf(identify: (item: unknown) => Identity, item: unknown): string[] {
  const { identity, thrown } = tried(identify, item)
  return identity === null ? textsOf(thrown) : []
}

const appliesTo = ({ credentials }: { readonly credentials?: TaskCredentials }): boolean =>
  secretsOf(credentials).length > 0

export const secrets: readonly SourceCase[] = [
  {
    title: 'no secret is in pages, cursors and identities',
    appliesTo,
    async check(bench) {
      const hidden = secretsOf(bench.options.credentials)
      assertNoSecret(JSON.stringify(bench.parsed()), hidden, 'the parsed spec')
      for (const [i, page] of (await bench.pages()).entries()) {
        assertNoSecret(JSON.stringify(page.cursor), hidden, `the cursor of page ${i + 1}`)
        assertNoSecret(JSON.stringify(page), hidden, `page ${i + 1}`)
        const identities = JSON.stringify(bench.identities(page.items))
        assertNoSecret(identities, hidden, `an identity of page ${i + 1}`)
      }
    },
  },
  {
    title: 'no secret is in an error',
    appliesTo,
    async check(bench) {
      const hidden = secretsOf(bench.options.credentials)
      const items = [...(await bench.items()), ...garbage().map(([, item]) => item)]
      const identify = bench.identifier()
      const messages = items.flatMap((item) => reasonsOf(identify, item))
      for (const begin of unlucky(bench)) messages.push(...(await errorsOf(bench, begin)))
      messages.push(...bench.waits.thrown.flatMap(textsOf))
      for (const message of messages) assertNoSecret(message, hidden, 'an error')
    },
  },
]

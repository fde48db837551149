import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { ItemRejectedError } from '../../domain/errors.ts'
import { carriesCredentials } from '../../sources/redact.ts'
import type { Identity } from '../../sources/source.ts'
import { equal } from '../checks.ts'
import { onAnotherDay } from './another-day.ts'
import type { Bench } from './bench.ts'
import { promises, type SourceCase } from './case.ts'
import { damaged, garbage } from './garbage.ts'
import { tried, type Tried } from './identify.ts'
import { assertPlain } from './plain.ts'

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.isWellFormed()

function checkIdentity(identity: Identity): void {
  for (const field of ['key', 'uri', 'name'] as const) {
    const text: unknown = identity[field]
    assert.ok(typeof text === 'string' && text !== '', `the ${field} is not a text, or empty`)
    assert.ok(text.isWellFormed(), `the ${field} holds half a character`)
  }
  assert.ok(!carriesCredentials(identity.uri), 'the URI carries credentials')
  const { metadata = {}, version = '', skipped = '', aliases = [] } = identity
  for (const [what, text] of Object.entries({ version, 'reason to skip': skipped })) {
    assert.ok(isText(text), `the ${what} is no text, or holds half a character`)
  }
  assert.ok(Array.isArray(aliases), 'the earlier addresses are no list')
  for (const alias of aliases) {
    assert.ok(isText(alias), 'an earlier address is no text, or holds half a character')
    assert.ok(!carriesCredentials(alias), 'an earlier address carries credentials')
  }
  assert.ok(!Array.isArray(metadata) && typeof metadata === 'object', 'metadata is no object')
  assertPlain(metadata, 'the metadata')
}

/** The listing's items that are resources; without one there is nothing to try. */
async function resources(bench: Bench): Promise<unknown[]> {
  const identify = bench.identifier()
  const items = await bench.items()
  const found = items.filter((item) => tried(identify, item).identity !== null)
  assert.ok(found.length > 0, 'the source identifies no item of its own listing')
  return found
}

const told = ({ identity, thrown }: Tried): string =>
  identity === null ? String(thrown).slice(0, 200) : 'it was accepted'

export const identities: readonly SourceCase[] = [
  promises('an item is identified the same each time', async (bench) => {
    const [one, other] = [bench.identifier(), bench.identifier()]
    const items = await resources(bench)
    const before = items.map(one)
    // For what counts by a clock that is not the date's.
    await pause(5)
    const again = () => items.map((item) => other(JSON.parse(JSON.stringify(item))))
    const after = onAnotherDay(again)
    for (const [i, identity] of after.entries()) equal(identity, before[i])
  }),

  promises('an identity is made of texts, and metadata in plain JSON', async (bench) => {
    const identify = bench.identifier()
    for (const item of await resources(bench)) checkIdentity(identify(item))
  }),

  promises('distinct items have distinct keys', async (bench) => {
    const identify = bench.identifier()
    const firstOf = new Map<string, { readonly uri: string; readonly json: string }>()
    for (const item of await resources(bench)) {
      const { key, uri } = identify(item)
      const json = JSON.stringify(item)
      const first = firstOf.get(key)
      if (first === undefined) firstOf.set(key, { uri, json })
      else if (bench.options.mayRepeat !== true) {
        assert.ok(first.json === json, `${first.json} and ${json} have the same key`)
      } else {
        // What is listed again may have changed in between; where it is must not.
        assert.ok(first.uri === uri, `the key ${key} has two URIs: ${first.uri} and ${uri}`)
      }
    }
  }),

  promises('identifying leaves item and spec as they were', async (bench) => {
    const spec = bench.parsed()
    const specBefore = structuredClone(spec)
    const identify = bench.identifier(spec)
    for (const item of await bench.items()) {
      const before = structuredClone(item)
      tried(identify, item)
      equal(item, before, 'the item was changed')
    }
    equal(spec, specBefore, 'the spec was changed')
  }),

  promises('an item that is garbage is refused, by an ItemRejectedError', async (bench) => {
    const identify = bench.identifier()
    const listed = new Set((await resources(bench)).map((item) => typeof item))
    for (const [what, item] of garbage()) {
      const found = tried(identify, item)
      const { identity, thrown } = found
      // To a source of numbers, a number is no garbage.
      const isItem = typeof item !== 'object' && item !== '' && listed.has(typeof item)
      if (isItem && identity !== null) {
        checkIdentity(identity)
        continue
      }
      assert.ok(thrown instanceof ItemRejectedError, `${what} as an item: ${told(found)}`)
      assert.ok(thrown.message !== '', `${what} as an item is refused without a word`)
    }
  }),

  promises('a damaged item is refused by an ItemRejectedError, or good enough', async (bench) => {
    const identify = bench.identifier()
    const [sample] = await resources(bench)
    for (const [what, item] of damaged(sample)) {
      const found = tried(identify, item)
      if (found.identity !== null) checkIdentity(found.identity)
      else assert.ok(found.thrown instanceof ItemRejectedError, `an item ${what}: ${told(found)}`)
    }
  }),
]

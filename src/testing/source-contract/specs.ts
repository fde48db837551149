import assert from 'node:assert/strict'
import { equal } from '../checks.ts'
import { ContractError } from '../contract-case.ts'
import { damaged, garbage } from './garbage.ts'
import { promises, type SourceCase } from './case.ts'
import { assertPlain } from './plain.ts'

/** Words that mean something else in a target spec. */
const TAKEN = new Set(['name', 'sourceType', 'authRef'])

/** What can be no part of any target spec: it is a mapping. */
const NO_SPECS: readonly unknown[] = [
  ...garbage()
    .map(([, value]) => value)
    .filter((value) => typeof value !== 'object' || value === null || Array.isArray(value)),
  undefined,
  Symbol('spec'),
  () => undefined,
]

const shown = (value: unknown): string => {
  try {
    return JSON.stringify(value)?.slice(0, 100) ?? String(value)
  } catch {
    return 'something that is not JSON'
  }
}

export const specs: readonly SourceCase[] = [
  promises('its type is a word that a target spec can use for it', async (bench) => {
    const { type } = bench.newSource()
    assert.ok(
      /^[a-z][a-z0-9]{0,39}$/i.test(type),
      `a type has 1 to 40 letters and digits; this one is "${type}"`,
    )
    assert.ok(!TAKEN.has(type), `"${type}" means something else in a target spec`)
  }),

  promises('its schema parses the spec', async (bench) => {
    const { version } = bench.newSource().spec['~standard']
    assert.ok(version === 1, 'not a Standard Schema')
    const spec = bench.parsed()
    assert.ok(
      typeof spec === 'object' && spec !== null && !Array.isArray(spec),
      'the schema gave something else than an object',
    )
  }),

  promises('a parsed spec is plain JSON, and parses to itself again', async (bench) => {
    const spec = bench.parsed()
    assertPlain(spec, 'the parsed spec')
    const stored: unknown = JSON.parse(JSON.stringify(spec))
    const again = bench.validate(stored)
    assert.ok(again.issues === undefined, 'the schema refuses what it has parsed itself')
    equal(again.value, spec, 'a parsed spec parses to something else')
  }),

  promises('a spec that is garbage, or invalid, is refused with issues', async (bench) => {
    for (const spec of [...NO_SPECS, ...(bench.options.invalidSpecs ?? [])]) {
      const { issues } = bench.validate(spec)
      assert.ok(issues !== undefined && issues.length > 0, `accepted as a spec: ${shown(spec)}`)
      assert.ok(
        issues.every(({ message }) => typeof message === 'string' && message !== ''),
        `refused without a word: ${shown(spec)}`,
      )
    }
  }),

  promises('a damaged spec is parsed or refused, and the schema does not throw', async (bench) => {
    for (const [what, spec] of damaged(bench.options.spec)) {
      try {
        bench.validate(spec)
      } catch (thrown) {
        throw new ContractError(`the schema threw for the spec ${what}: ${String(thrown)}`)
      }
    }
  }),
]

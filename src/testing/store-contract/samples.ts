import type { JsonRecord } from '../../domain/json.ts'
import { T0 } from './fixtures.ts'

/** Texts that a careless store would change, cut or take for SQL. */
export const HARD_TEXTS = [
  'quotes \' " ` and \\ backslashes',
  "'); drop table sessions; --",
  'ünïcödé, 日本語, עברית, e\u0301 beside é',
  '🧑‍🚀🏳️‍🌈 beyond the basic plane 𝒳',
  'line\r\nbreaks\tand \u0000 and \u2028',
  '%s ?1 :name $1 @x {}',
  'x'.repeat(300_000),
] as const

export const HARD_JSON: JsonRecord = {
  texts: HARD_TEXTS,
  numbers: [0, -1, 1.5, 1e-7, Number.MAX_SAFE_INTEGER, 1e300],
  nothing: null,
  yes: true,
  nested: { '': [], 'a.b': { __proto__x: {} }, 'a"b': [[[]]] },
}

/** A moment, in milliseconds after the first. */
export const at = (offset: number) => new Date(T0 + offset)

/** Nested deeper than code that calls itself can follow; as a member or a cursor, deeper than anybody writes. */
export const DEPTH = { alone: 10_000, asMember: 1_000 }

function deep(depth: number): unknown {
  let value: unknown = 'the bottom'
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { value }
  return value
}

/** What can arrive as JSON in any place, and is hardly ever meant. */
export const garbage = (depth = DEPTH.alone): readonly (readonly [string, unknown])[] => [
  ['null', null],
  ['a number', 7],
  ['a number without end', 1e308],
  ['true', true],
  ['an empty text', ''],
  ['an empty object', {}],
  ['an empty list', []],
  ['a list of null', [null]],
  ['an object of null', { id: null, key: null, name: null, uri: null, url: null }],
  ['names of methods', { toString: 1, valueOf: null, toJSON: 'x', constructor: [] }],
  ['something very deep', deep(depth)],
]

/** A record with one of its members after the other made garbage, or taken away. */
export function* damaged(record: unknown): Generator<readonly [string, unknown]> {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return
  for (const key of Object.keys(record)) {
    const { [key]: _, ...others } = record as Record<string, unknown>
    yield [`without ${key}`, others]
    for (const [what, value] of garbage(DEPTH.asMember))
      yield [`${what} as ${key}`, { ...record, [key]: value }]
  }
}

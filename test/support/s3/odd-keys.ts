/** Keys that S3 takes and that are easily listed wrong. */

/** UTF-8 bytes that a key may have (docs.aws.amazon.com, "Naming Amazon S3 objects"). */
export const MAX_KEY_BYTES = 1_024

const controls = Array.from({ length: 0x1f }, (_, i) => String.fromCharCode(i + 1)).concat('\u007f')

/** Characters that something on the way gives a meaning to. */
const marks = [
  [' ', '+', '%', '%2F', '%20', '%00', '%', '%%', '%zz', '"', "'", '`', '&', '&amp;', '&#1;'],
  ['<', '>', '<Key>', '</Key>', '<![CDATA[', ']]>', '<!--', '?', '#', '=', ';', ':', ',', '@'],
  ['$', '!', '*', '(', ')', '[', ']', '{', '}', '|', '\\', '^', '~', '-', '_', '.', '..'],
].flat()

/** UTF-16 has U+1F600 before U+E000 and U+FFFD; UTF-8 has it after them. */
const characters = [
  ['\ud7ff', '\ue000', '\ufffd', '\ufffe', '\uffff', '\u{10000}', '😀', '\u{10ffff}'],
  // The same to the eye: composed and decomposed.
  ['é', 'e\u0301', 'Å', 'A\u030a', '\u212b', 'ñ', 'n\u0303', '한', '\u1112\u1161\u11ab'],
  ['ß', 'İ', 'ı', 'K', 'ſ', 'ﬁ', '\u00a0', '\u00ad', '\u200b', '\u200d', '\u202e', '\u2028'],
  ['\u2029', '\ufeff', '\u0080', '\u0085', '\u009f', '👩‍👩‍👧', '🇩🇪', '漢字', 'العربية', 'עברית'],
].flat()

/** What reads as something else than text: to a path, a URL, a parser, an object. */
const wholes = [
  ['/', '//', '///', '.', '..', './', '../', '/.', '/..', '../../etc/passwd', 'a/../b', 'a/./b'],
  ['/lead', '//lead', 'trail/', 'trail//', 'a/b', 'a//b', 'a///b', 'a/b/', 'a', 'a/', 'a//'],
  [
    's3://bucket/key',
    's3://other/../key',
    'https://u:p@h/x',
    'https://h/?a=b#c',
    'x/https://u:p@h',
  ],
  ['null', 'undefined', 'true', 'false', '0', '-1', '007', '1e5', '0x10', 'NaN', '[]', '{}'],
  ['__proto__', 'constructor', 'toString', 'prototype/__proto__', 'C:\\dir\\file', '~/.ssh'],
  [
    '\r\n',
    ' \n ',
    '  ',
    'a\r',
    'a\rb',
    'a\nb',
    ' a',
    'a ',
    'a  b',
    '+ +',
    '% 2F',
    'a%2Fb',
    'a%252Fb',
  ],
  [
    '?list-type=2',
    '?prefix=x&delimiter=/',
    '#fragment',
    'key=value&key=value',
    'ab',
    'abc',
    'abcd',
  ],
].flat()

/** As long as they may be, in one, two, three and four bytes a character, and one byte shorter. */
const longest = [
  'x'.repeat(MAX_KEY_BYTES),
  'x'.repeat(MAX_KEY_BYTES - 1),
  'é'.repeat(MAX_KEY_BYTES / 2),
  `x${'한'.repeat((MAX_KEY_BYTES - 1) / 3)}`,
  '😀'.repeat(MAX_KEY_BYTES / 4),
  '/'.repeat(MAX_KEY_BYTES),
  '%'.repeat(MAX_KEY_BYTES),
  'd/'.repeat(MAX_KEY_BYTES / 2),
]

const single = [...controls, ...marks, ...characters]

function* byHand(): Generator<string> {
  yield* wholes
  yield* single
  yield* longest
  for (const text of single) {
    yield `odd/${text}`
    yield `odd/a${text}b`
    yield `odd/${text}/leaf`
  }
}

/** Numbers that are the same each time (mulberry32). */
const numbers = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** By turns: many directories, a big flat one, pieces of everything, and beginnings of what came before. */
function* madeUp(): Generator<string> {
  const draw = numbers(1)
  const pieces = [...single, ...wholes, '/', '/', 'a', 'b', 'c']
  let previous = 'a'
  for (let n = 0; ; n += 1) {
    const mix = Array.from({ length: 1 + draw(8) }, () => pieces[draw(pieces.length)] ?? '').join(
      '',
    )
    yield `dirs/${String(draw(1_000)).padStart(3, '0')}/${mix}`
    yield `flat/${String(n).padStart(7, '0')}${pieces[draw(pieces.length)] ?? ''}`
    yield `${mix}${n}`
    const whole = Array.from(previous)
    yield whole.slice(0, 1 + draw(whole.length)).join('')
    previous = `${mix}${n}`
  }
}

const isLegal = (key: string): boolean =>
  key !== '' && key.isWellFormed() && Buffer.byteLength(key) <= MAX_KEY_BYTES

/**
 * So many different legal keys, the same ones each time, in no order. The first
 * few hundred have one difficulty each; the rest mix them.
 */
export function* oddKeys(count: number): Generator<string, void, undefined> {
  const seen = new Set<string>()
  for (const keys of [byHand(), madeUp()])
    for (const key of keys) {
      if (seen.size >= count) return
      if (seen.has(key) || !isLegal(key)) continue
      seen.add(key)
      yield key
    }
}

/**
 * Texts of any length as keys. An entry of a B-tree has to fit three times into
 * a page (2,704 bytes), and a URL alone can be longer. So such columns are
 * unique by the text itself where it is short, which keeps neighbours together,
 * and by its beginning and its SHA-256 where it is not. They are looked up by
 * hash indexes, which take any length.
 */

/** Columns that hold such keys, in whatever table. */
const LONG = new Set(['key', 'target_key', 'credential', 'name'])

export const isLong = (column: string): boolean => LONG.has(column)

/** Bytes of a text that an index takes as it is. */
const SHORT = 1_000

/** Characters of a longer one that stand before its hash. */
const BEGINNING = 100

/**
 * What is unique of a text, as SQL; the same words in the index and wherever it
 * is to be found by. The escape and an "h" never occur in a text as it is
 * written (see `text.ts`), so that no short text is taken for a long one.
 * Doubling the backslashes gives the bytes of a text as they are.
 */
export const indexed = (text: string): string =>
  `(case when octet_length(${text}) <= ${SHORT} then ${text} else left(${text}, ${BEGINNING}) || chr(26) || 'h' || encode(sha256(replace(${text}, '\\', '\\\\')::bytea), 'hex') end)`

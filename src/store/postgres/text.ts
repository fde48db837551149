/**
 * Texts and lists on their way to PostgreSQL and back. Its texts cannot hold
 * U+0000, which occurs in what sources tell. It is written behind an escape,
 * and the escape itself is too, so that no two texts become one. Half of a
 * surrogate pair is no text: it becomes U+FFFD, as it does in identities and in
 * whatever else is encoded as UTF-8.
 */

/** U+001A "substitute": hardly ever in a text, so that hardly any has to be changed. */
const ESCAPE = '\u001a'

const NUL = '\u0000'

/** As PostgreSQL can hold it. */
export function encodeText(text: string): string {
  const whole = text.toWellFormed()
  if (!whole.includes(ESCAPE) && !whole.includes(NUL)) return whole
  return whole.replaceAll(ESCAPE, `${ESCAPE}1`).replaceAll(NUL, `${ESCAPE}0`)
}

/** As it was before `encodeText`. */
export function decodeText(text: string): string {
  if (!text.includes(ESCAPE)) return text
  return text.replaceAll(`${ESCAPE}0`, NUL).replaceAll(`${ESCAPE}1`, ESCAPE)
}

type Item = string | number | boolean | null

const QUOTED = /["\\]/g

/** In a list as JSON: an escape that PostgreSQL would read otherwise. Some that are none are found with them. */
const OTHERWISE = /\\[^"\\]/

const itemLiteral = (item: Item): string =>
  typeof item === 'string'
    ? `"${encodeText(item).replaceAll(QUOTED, String.raw`\$&`)}"`
    : String(item)

/**
 * A list as one value (postgresql.org/docs/current/arrays.html#ARRAYS-IO). But
 * for its brackets it is written as JSON is, as long as no text has a control
 * character or half of a surrogate pair; and JSON is written ten times faster
 * than by the driver's own way, which escapes each item by itself.
 */
function listLiteral(items: readonly Item[]): string {
  const json = JSON.stringify(items)
  if (!OTHERWISE.test(json)) return `{${json.slice(1, -1)}}`
  return `{${items.map(itemLiteral).join(',')}}`
}

/** Parameters of a statement as the driver is to send them. */
export function encodeParameters(parameters: readonly unknown[]): unknown[] {
  return parameters.map((value) => {
    if (typeof value === 'string') return encodeText(value)
    return Array.isArray(value) ? listLiteral(value as Item[]) : value
  })
}

import { InvalidArgumentError } from 'commander'
import parseDuration from 'parse-duration'

/** Numbers with units; parse-duration itself also reads "30d of junk". */
const FORM =
  /^(?:\d+(?:\.\d+)?\s*(?:s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?|months?|y|years?)\s*)+$/i

/** A hundred years: more is a slip of the keyboard. */
const MAX_MS = 100 * 366 * 86_400_000

/** How old something is, such as `30d` or `12h`, in milliseconds. @throws InvalidArgumentError */
export function age(text: string): number {
  const ms = FORM.test(text.trim()) ? (parseDuration(text) ?? 0) : 0
  if (ms > 0 && ms <= MAX_MS) return ms
  throw new InvalidArgumentError('expected an age above 0 and up to 100 years, such as 30d or 12h.')
}

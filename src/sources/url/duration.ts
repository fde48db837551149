import parseDuration from 'parse-duration'
import { z } from 'zod'
import { printed } from '../wording.ts'

/** The longest wait that makes sense, 24 hours, in milliseconds. */
export const MAX_DURATION_MS = 24 * 60 * 60 * 1000

/** Numbers with units; parse-duration itself also reads "1s of junk". */
const FORM =
  /^(?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|sec|min|hours?|minutes?|seconds?|milliseconds?)\s*)+$/i

/** A duration: milliseconds as a number, or a text such as `500ms`, `1s`, `1m30s`; gives whole milliseconds. */
export const duration = z.unknown().transform((value, context) => {
  const ms = Math.round(milliseconds(value))
  if (ms >= 1 && ms <= MAX_DURATION_MS) return ms
  context.addIssue({
    code: 'custom',
    message: `expected a time above 0 and up to 24h, such as "500ms", "1m30s" or milliseconds as a number; got ${printed(value)}`,
  })
  return z.NEVER
})

function milliseconds(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !FORM.test(value.trim())) return Number.NaN
  return parseDuration(value) ?? Number.NaN
}

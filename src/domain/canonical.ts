import { createHash } from 'node:crypto'
import { configure } from 'safe-stable-stringify'

const canonical = configure({ deterministic: true, strict: true })

/** SHA-256, in hex, of a JSON value with its keys in order. @throws Error for what JSON cannot hold. */
export function canonicalHash(value: unknown): string {
  return createHash('sha256')
    .update(canonical(value) ?? 'undefined')
    .digest('hex')
}

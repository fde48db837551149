/** Continuation tokens: opaque, and good only for the parameters that they were given for. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { invalidArgument } from './s3-error.ts'

// Always the same, so that a token outlives the stand-in that gave it.
const KEY = createHash('sha256').update('stand-in').digest().subarray(0, 16)
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Base64 with "+", "/" and "=", as Amazon's: a caller that does not encode it in
 * the query loses it. No two are equal, even for the same place.
 * @param scope the parameters that must be the same next time
 */
export const sealToken = (scope: readonly string[], place: unknown): string => {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-128-gcm', KEY, nonce)
  const sealed = cipher.update(JSON.stringify([scope, place]), 'utf8')
  cipher.final()
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')
}

const decrypt = (token: string): string => {
  const bytes = Buffer.from(token, 'base64')
  const nonce = bytes.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv('aes-128-gcm', KEY, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES))
  decipher.final()
  return text.toString('utf8')
}

/** @throws S3Error InvalidArgument for a token that is damaged, or was given for something else */
export const openToken = <Place>(scope: readonly string[], token: string): Place => {
  const refusal = invalidArgument(
    'The continuation token provided is incorrect',
    'continuation-token',
    token,
  )
  try {
    const [sealedScope, place] = JSON.parse(decrypt(token)) as [readonly string[], Place]
    if (JSON.stringify(sealedScope) === JSON.stringify(scope)) return place
  } catch {
    throw refusal
  }
  throw refusal
}

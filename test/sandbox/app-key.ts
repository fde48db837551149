import { generateKeyPairSync, sign } from 'node:crypto'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

export const PUBLIC_KEY = publicKey.export({ type: 'spki', format: 'pem' }) as string

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A statement signed with the app's key; its times are in seconds. */
export const signedBy = (
  claims: Readonly<Record<string, unknown>>,
  { alg = 'RS256', key = privateKey } = {},
): string => {
  const text = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`
}

/** As an app makes it at a time in milliseconds: a minute old, good for nine more. */
export const statement = (appId: number, now: number): string => {
  const at = Math.floor(now / 1000)
  return signedBy({ iss: String(appId), iat: at - 60, exp: at + 540 })
}

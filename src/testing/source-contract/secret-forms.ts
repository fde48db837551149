import assert from 'node:assert/strict'
import type { TaskCredentials } from '../../domain/credentials.ts'

/** Every text among credentials, however deep. */
export function secretsOf(credentials: TaskCredentials | undefined): readonly string[] {
  const textsIn = (value: unknown): string[] => {
    if (typeof value === 'string') return value === '' ? [] : [value]
    return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
  }
  return textsIn(credentials?.values)
}

/** The forms in which a secret could hide in a text: as it is, escaped, encoded for a URL, in Base64. */
export function secretForms(secret: string): readonly string[] {
  const inBase64 = [0, 1, 2].map((before) => {
    // Within a longer text, such as "user:…", a secret begins at any of three places of a group.
    const whole = Buffer.from('\0'.repeat(before) + secret).toString('base64')
    const end = Math.floor(((before + Buffer.byteLength(secret)) * 8) / 6)
    return whole.slice(Math.ceil((before * 8) / 6), end)
  })
  const inUrls = inBase64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  const escaped = JSON.stringify(secret).slice(1, -1)
  return [secret, escaped, encodeURIComponent(secret), encodeURI(secret), ...inBase64, ...inUrls]
}

/** @throws AssertionError, without repeating the secret, when a text holds one in whatever form */
export function assertNoSecret(text: string, secrets: readonly string[], what: string): void {
  const found = secrets.some((secret) => secretForms(secret).some((form) => text.includes(form)))
  assert.ok(!found, `${what} holds a secret of the credentials`)
}

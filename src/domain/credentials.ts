import type { JsonValue } from './json.ts'

/** The kinds of credentials a source can ask for, in the model's spelling. */
export const CREDENTIAL_TYPES = ['UNAUTHENTICATED', 'GITHUB', 'S3'] as const
export type CredentialType = (typeof CREDENTIAL_TYPES)[number]

/**
 * Credentials at the moment of use. They exist in memory only: rows, events and
 * snapshots carry the name of a credential, never one of these.
 */
export interface TaskCredentials {
  readonly type: CredentialType
  readonly values: Readonly<Record<string, JsonValue>>
}

/** The credentials of a target that needs none; headers of a URL target travel in `values.headers`. */
export function unauthenticated(values: TaskCredentials['values'] = {}): TaskCredentials {
  return { type: 'UNAUTHENTICATED', values }
}

/** Credentials for GitHub. */
export function githubCredentials(token: string): TaskCredentials {
  return { type: 'GITHUB', values: { token } }
}

/** Credentials for S3 and the servers that speak its protocol. */
export function s3Credentials(values: {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}): TaskCredentials {
  return { type: 'S3', values: { ...values } }
}

/**
 * The credentials as a scanner is given them: of GitHub's one token, and until
 * when it is good where it was made for a time. What else a resolver tells, such
 * as the other tokens of a pool, is for the walk alone.
 */
export function forScanner({ type, values }: TaskCredentials): TaskCredentials {
  if (type !== 'GITHUB') return { type, values }
  const { token = null, expiresAt } = values
  return { type, values: { token, ...(expiresAt !== undefined && { expiresAt }) } }
}

/** How a credential for S3 may be written down: the checks of `auth` for type s3. */
import { isPlainObject } from './plain-data.ts'
import type { Path, Problem } from './problem.ts'
import type { SecretValue } from './secret-value.ts'

/** How to get Amazon's keys: exactly one of the two keys, `profile` and `webIdentity`. */
export interface S3Auth {
  readonly accessKeyId?: SecretValue
  readonly secretAccessKey?: SecretValue
  /** With the two keys, where they are good for a time only. */
  readonly sessionToken?: SecretValue
  /** A profile of the AWS command line's files, with all that it may refer to. */
  readonly profile?: SecretValue
  /** A token of an identity provider in a file, as Kubernetes puts it there, for a role. */
  readonly webIdentity?: { readonly roleArn: SecretValue; readonly tokenFile: SecretValue }
  /** A role to take on with what the others give: for a bucket of another account, say. */
  readonly assumeRole?: {
    readonly roleArn: SecretValue
    /** What the role's owner asks for, to know who takes it on. */
    readonly externalId?: SecretValue
  }
}

/** The mappings within the config, and which of their keys have to be there. */
export const AWS_PARTS = {
  webIdentity: { roleArn: true, tokenFile: true },
  assumeRole: { roleArn: true, externalId: false },
} as const

interface Checks {
  /** What is wrong with the form of a value, without a word of it. */
  secretProblems(value: unknown, path: Path): Problem[]
  unknownKeys(entry: object, known: readonly string[], path: Path): Problem[]
  missing(key: string, path: Path): Problem
}

const WAYS = ['accessKeyId', 'profile', 'webIdentity'] as const

/** What is wrong with the config of a credential of type s3. */
export function s3Problems(
  config: Readonly<Record<string, unknown>>,
  path: Path,
  checks: Checks,
): Problem[] {
  const found = WAYS.filter((key) => config[key] !== undefined)
  const texts = ['accessKeyId', 'secretAccessKey', 'sessionToken', 'profile']
  return [
    ...wayProblems(config, found, path, checks),
    ...texts.flatMap((key) => checks.secretProblems(config[key], [...path, key])),
    ...partProblems(config['webIdentity'], 'webIdentity', [...path, 'webIdentity'], checks),
    ...partProblems(config['assumeRole'], 'assumeRole', [...path, 'assumeRole'], checks),
  ]
}

function wayProblems(
  config: Readonly<Record<string, unknown>>,
  found: readonly string[],
  path: Path,
  { missing }: Checks,
): Problem[] {
  if (found.length > 1) {
    const message = `give exactly one of accessKeyId, profile and webIdentity; found ${found.join(' and ')}`
    return [{ path, message }]
  }
  if (found[0] === 'profile' || found[0] === 'webIdentity') {
    const stray = ['secretAccessKey', 'sessionToken'].filter((key) => config[key] !== undefined)
    return stray.map((key) => ({
      path: [...path, key],
      message: `goes with accessKeyId; take it out, or ${found[0]}`,
    }))
  }
  return ['accessKeyId', 'secretAccessKey']
    .filter((key) => config[key] === undefined)
    .map((key) => missing(key, path))
}

function partProblems(
  part: unknown,
  name: keyof typeof AWS_PARTS,
  path: Path,
  checks: Checks,
): Problem[] {
  if (part === undefined) return []
  const keys: Readonly<Record<string, boolean>> = AWS_PARTS[name]
  const known = Object.keys(keys)
  if (!isPlainObject(part)) {
    return [{ path, message: `expected a mapping with ${known.join(', ')}` }]
  }
  return [
    ...checks.unknownKeys(part, known, path),
    ...known
      .filter((key) => keys[key] && part[key] === undefined)
      .map((key) => checks.missing(key, path)),
    ...known.flatMap((key) => checks.secretProblems(part[key], [...path, key])),
  ]
}

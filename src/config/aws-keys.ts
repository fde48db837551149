/**
 * Keys for S3 that have to be asked for: of a profile, for the token of an
 * identity provider, for a role. Kept until shortly before they end.
 *
 * `@aws-sdk/credential-providers` does the asking. What it keeps, it keeps for
 * ever where no end is told, and cannot be told that keys were refused.
 */
import { createHash } from 'node:crypto'
import { systemClock, type TimeProvider } from '../domain/clock.ts'
import { PauseError } from '../domain/errors.ts'
import type { S3Auth } from './aws-auth.ts'
import type { Reading } from './secret-value.ts'

type Provider = ReturnType<typeof import('@aws-sdk/credential-providers').fromIni>
type Identity = Awaited<ReturnType<Provider>>

/** Keys as they are handed on. */
type Keys = Pick<Identity, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>

/** A credential of type s3 with its values read. */
interface ReadS3Auth {
  /** The credential's name, for messages. */
  readonly name: string
  readonly keys?: Keys
  readonly profile?: string
  readonly webIdentity?: { readonly roleArn: string; readonly tokenFile: string }
  readonly assumeRole?: { readonly roleArn: string; readonly externalId?: string }
}

/** Keys this close to their end are not begun with: a page may take a while. */
const AHEAD_MS = 5 * 60_000

/** How long keys without an end are kept: a profile's file may change. */
const UNTOLD_MS = 15 * 60_000

/** Where roles are asked for when nothing else is set: the oldest region, which every account has. */
const STS_REGION = 'us-east-1'

interface Entry {
  readonly keys: Promise<Identity>
  until: number
}

export class AwsKeys {
  readonly #entries = new Map<string, Entry>()

  /**
   * The keys of a credential, of whatever kind it is.
   *
   * @throws {PauseError} CREDENTIAL_UNAVAILABLE, with the credential's name and no secret
   */
  async resolve(name: string, config: S3Auth, { read, options }: Reading): Promise<Keys> {
    const auth = await readAuth(name, config, read)
    if (auth.keys !== undefined && auth.assumeRole === undefined) return auth.keys
    const { clock = systemClock, renew = false, remember } = options
    const { accessKeyId, secretAccessKey, sessionToken } = await this.#get(auth, { clock, renew })
    remember?.(secretAccessKey)
    if (sessionToken !== undefined) remember?.(sessionToken)
    return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
  }

  async #get(
    auth: ReadS3Auth,
    { clock, renew }: { readonly clock: TimeProvider; readonly renew: boolean },
  ): Promise<Identity> {
    const id = createHash('sha256').update(JSON.stringify(auth)).digest('hex')
    const known = this.#entries.get(id)
    if (known !== undefined && !renew && clock.now() < known.until) return known.keys
    // Whoever asks meanwhile waits for the same answer.
    const entry: Entry = { keys: askFor(auth), until: Infinity }
    this.#entries.set(id, entry)
    try {
      const keys = await entry.keys
      const end = keys.expiration?.getTime()
      entry.until = end === undefined ? clock.now() + UNTOLD_MS : end - AHEAD_MS
      return keys
    } catch (thrown) {
      this.#entries.delete(id)
      throw thrown
    }
  }
}

async function readAuth(name: string, config: S3Auth, read: Reading['read']): Promise<ReadS3Auth> {
  const { accessKeyId, secretAccessKey, sessionToken, profile, webIdentity, assumeRole } = config
  return {
    name,
    ...(accessKeyId &&
      secretAccessKey && {
        keys: {
          accessKeyId: await read('accessKeyId', accessKeyId),
          secretAccessKey: await read('secretAccessKey', secretAccessKey),
          ...(sessionToken && { sessionToken: await read('sessionToken', sessionToken) }),
        },
      }),
    ...(profile && { profile: await read('profile', profile) }),
    ...(webIdentity && {
      webIdentity: {
        roleArn: await read('roleArn', webIdentity.roleArn),
        tokenFile: await read('tokenFile', webIdentity.tokenFile),
      },
    }),
    ...(assumeRole && {
      assumeRole: {
        roleArn: await read('roleArn', assumeRole.roleArn),
        ...(assumeRole.externalId && {
          externalId: await read('externalId', assumeRole.externalId),
        }),
      },
    }),
  }
}

async function askFor(auth: ReadS3Auth): Promise<Identity> {
  const what = auth.assumeRole ?? auth.webIdentity
  try {
    return await (
      await providerOf(auth)
    )()
  } catch (thrown) {
    const asked = what === undefined ? `profile "${auth.profile}"` : `role ${what.roleArn}`
    // The provider's own message may quote a token.
    const name = thrown instanceof Error ? thrown.name : 'an error'
    throw new PauseError(
      'CREDENTIAL_UNAVAILABLE',
      `credential "${auth.name}": the keys for ${asked} cannot be had (${name}); check it with "aws sts get-caller-identity"`,
    )
  }
}

async function providerOf({
  keys,
  profile,
  webIdentity,
  assumeRole,
}: ReadS3Auth): Promise<Provider> {
  const { fromIni, fromTemporaryCredentials, fromTokenFile } =
    await import('@aws-sdk/credential-providers')
  const clientConfig = { region: process.env['AWS_REGION'] ?? STS_REGION }
  const own = (): Provider => {
    if (keys !== undefined) return async () => keys
    if (profile !== undefined) return fromIni({ profile, ignoreCache: true, clientConfig })
    return fromTokenFile({
      roleArn: webIdentity?.roleArn ?? '',
      webIdentityTokenFile: webIdentity?.tokenFile ?? '',
      roleSessionName: SESSION_NAME,
      clientConfig,
    })
  }
  if (assumeRole === undefined) return own()
  const { roleArn, externalId } = assumeRole
  return fromTemporaryCredentials({
    masterCredentials: own(),
    clientConfig,
    params: {
      RoleArn: roleArn,
      RoleSessionName: SESSION_NAME,
      ...(externalId !== undefined && { ExternalId: externalId }),
    },
  })
}

/** What the account's log shows of who took on the role. */
const SESSION_NAME = 'muster'

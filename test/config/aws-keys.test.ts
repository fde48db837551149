import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { S3Auth } from '../../src/config/aws-auth.ts'
import { createCredentialStore } from '../../src/config/secrets.ts'
import { PauseError } from '../../src/domain/errors.ts'

/** The service that gives keys for roles, as far as it is asked here. */
async function startSts() {
  const asked: Record<string, string>[] = []
  const state = { lifeMs: 3_600_000, refuses: false, asked }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const query = Object.fromEntries(new URLSearchParams(body))
    asked.push({ ...query, authorization: request.headers.authorization ?? '' })
    if (state.refuses) {
      response.writeHead(403, { 'content-type': 'text/xml' })
      const message = 'User is not allowed; token WEB-T0KEN'
      response.end(
        `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${message}</Message></Error></ErrorResponse>`,
      )
      return
    }
    const action = query['Action'] ?? ''
    const expiration = new Date(Date.now() + state.lifeMs).toISOString()
    response.writeHead(200, { 'content-type': 'text/xml' })
    response.end(
      `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>` +
        `<AccessKeyId>ASIA${asked.length}</AccessKeyId><SecretAccessKey>made-${asked.length}</SecretAccessKey>` +
        `<SessionToken>session-${asked.length}</SessionToken><Expiration>${expiration}</Expiration>` +
        `</Credentials><AssumedRoleUser><Arn>a</Arn><AssumedRoleId>b</AssumedRoleId></AssumedRoleUser></${action}Result></${action}Response>`,
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { state, url: `http://127.0.0.1:${port}`, close: () => server.close() }
}

let folder: string
let sts: Awaited<ReturnType<typeof startSts>>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-aws-'))
  await writeFile(join(folder, 'token'), 'WEB-T0KEN')
  await writeFile(
    join(folder, 'credentials'),
    '[audit]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = profile-secret\n',
  )
  await writeFile(join(folder, 'config'), '[profile audit]\nregion = eu-west-1\n')
})
afterAll(() => rm(folder, { recursive: true }))

beforeEach(async () => {
  sts = await startSts()
  vi.stubEnv('AWS_ENDPOINT_URL_STS', sts.url)
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'credentials'))
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  sts.close()
})

const storeOf = (config: S3Auth) => createCredentialStore({ aws: { type: 's3', config } })

const role = { roleArn: 'arn:aws:iam::123456789012:role/read', externalId: 'ext-1' }
const keys = { accessKeyId: 'AKIAOWN', secretAccessKey: 'own-secret' }

describe('keys for S3', () => {
  test('come of a profile', async () => {
    const { values } = await storeOf({ profile: 'audit' }).resolve('aws')
    expect(values).toEqual({ accessKeyId: 'AKIAPROFILE', secretAccessKey: 'profile-secret' })
    expect(sts.state.asked).toEqual([])
  })

  test('come for the token of an identity provider', async () => {
    const webIdentity = { roleArn: role.roleArn, tokenFile: join(folder, 'token') }
    const { values } = await storeOf({ webIdentity }).resolve('aws')
    expect(values).toEqual({
      accessKeyId: 'ASIA1',
      secretAccessKey: 'made-1',
      sessionToken: 'session-1',
    })
    expect(sts.state.asked[0]).toMatchObject({
      Action: 'AssumeRoleWithWebIdentity',
      RoleArn: role.roleArn,
      WebIdentityToken: 'WEB-T0KEN',
    })
  })

  test.each<[string, S3Auth, string]>([
    ['keys', { ...keys, assumeRole: role }, 'AKIAOWN'],
    ['a profile', { profile: 'audit', assumeRole: role }, 'AKIAPROFILE'],
  ])('come for a role, taken on with %s', async (_, config, signedBy) => {
    const { values } = await storeOf(config).resolve('aws')
    expect(values).toMatchObject({ accessKeyId: 'ASIA1', sessionToken: 'session-1' })
    expect(sts.state.asked[0]).toMatchObject({
      Action: 'AssumeRole',
      RoleArn: role.roleArn,
      ExternalId: 'ext-1',
      authorization: expect.stringContaining(`Credential=${signedBy}/`),
    })
  })

  test('are kept until shortly before they end, and asked for anew when they are refused', async () => {
    const store = storeOf({ ...keys, assumeRole: role })
    let now = Date.now()
    const clock = { now: () => now }
    const id = async (renew = false) =>
      (await store.resolve('aws', undefined, { clock, renew })).values['accessKeyId']
    expect(await Promise.all([id(), id(), id()])).toEqual(['ASIA1', 'ASIA1', 'ASIA1'])
    now += 54 * 60_000
    expect(await id()).toBe('ASIA1')
    now += 2 * 60_000
    expect(await id()).toBe('ASIA2')
    expect(await id(true)).toBe('ASIA3')
    expect(sts.state.asked).toHaveLength(3)
  })

  test('that cannot be had leave the session as it is, and no secret in the message', async () => {
    sts.state.refuses = true
    const webIdentity = { roleArn: role.roleArn, tokenFile: join(folder, 'token') }
    const refused = storeOf({ webIdentity }).resolve('aws')
    await expect(refused).rejects.toBeInstanceOf(PauseError)
    await expect(refused).rejects.toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' })
    await expect(refused).rejects.toThrow(`credential "aws": the keys for role ${role.roleArn}`)
    await expect(refused).rejects.not.toThrow('T0KEN')
    await expect(storeOf({ profile: 'nobody' }).resolve('aws')).rejects.toThrow('profile "nobody"')
    // Refused once is not refused for ever.
    sts.state.refuses = false
    expect((await storeOf({ webIdentity }).resolve('aws')).type).toBe('S3')
  })

  test('that are made are told to whoever hides secrets', async () => {
    const told: string[] = []
    await storeOf({ ...keys, assumeRole: role }).resolve('aws', undefined, {
      remember: (secret) => told.push(secret),
    })
    expect(told).toEqual(expect.arrayContaining(['own-secret', 'made-1', 'session-1']))
  })
})

describe('a credential for S3', () => {
  test.each<[unknown, string]>([
    [{}, 'auth.aws.config.accessKeyId: is missing'],
    [{ ...keys, profile: 'a' }, 'give exactly one of accessKeyId, profile and webIdentity'],
    [{ profile: 'a', sessionToken: 'S3CRET' }, 'sessionToken: goes with accessKeyId'],
    [{ webIdentity: { roleArn: 'a' } }, 'webIdentity.tokenFile: is missing'],
    [{ webIdentity: 'S3CRET' }, 'webIdentity: expected a mapping with roleArn, tokenFile'],
    [{ ...keys, assumeRole: { rolArn: 'S3CRET' } }, 'assumeRole.rolArn: unknown key'],
    [{ ...keys, assumeRole: { roleArn: 7 } }, 'assumeRole.roleArn: expected text'],
  ])('%j is refused: %s', (config, message) => {
    const make = () => storeOf(config as S3Auth)
    expect(make).toThrow(message)
    expect(make).not.toThrow('S3CRET')
  })
})

import { describe, expect, test } from 'vitest'
import { authProblems, readReserve, type AuthConfigs } from '../../src/config/auth.ts'
import { parseConfigText } from '../../src/config/config-file.ts'
import { formatProblem } from '../../src/config/problem.ts'
import { createCredentialStore } from '../../src/config/secrets.ts'
import { problemsOf, sources } from './support.ts'

const problems = (config: unknown): readonly string[] =>
  authProblems({ gh: { type: 'github', config } }).map(formatProblem)

const app = { appId: 1, privateKey: 'S3CRET', installationId: 2 }

describe('credentials for GitHub', () => {
  test.each<[string, unknown]>([
    ['a token', { token: '${TOKEN}' }],
    ['a provider', { token: () => 'a' }],
    ['a pool', { tokens: ['${A}', '${B}', () => 'c'] }],
    ['an App', { app }],
    ['an App from the environment', { app: { ...app, appId: '${ID}', installationId: '${I}' } }],
    ['a reserve of points', { token: 'a', reserve: 500 }],
    ['no reserve', { token: 'a', reserve: 0 }],
    ['a reserve as a share', { token: 'a', reserve: '12.5%' }],
  ])('can be %s', (_name, config) => {
    expect(problems(config)).toEqual([])
  })

  test.each<[string, unknown, string]>([
    [
      'two ways',
      { token: 'S3CRET', app },
      ': give exactly one of token, tokens and app; found token and app',
    ],
    ['three ways', { token: 'S3CRET', tokens: ['S3CRET'], app }, 'found token and tokens and app'],
    ['none', { reserve: 1 }, '.token: is missing; give it as a reference'],
    ['a pool that is text', { tokens: 'S3CRET' }, '.tokens: expected a list of tokens (not shown)'],
    ['an empty pool', { tokens: [] }, '.tokens: is an empty list; give at least one token'],
    ['a pool with a hole', { tokens: ['S3CRET', null] }, '.tokens[1]: has no value'],
    ['a pool with a number', { tokens: [83231] }, '.tokens[0]: expected text (not shown'],
    ['a pool with a bad reference', { tokens: ['${A-B}'] }, '.tokens[0]: holds a reference'],
    ['an App that is text', { app: 'S3CRET' }, '.app: expected a mapping with appId, privateKey'],
    [
      'an App without a key',
      { app: { ...app, privateKey: undefined } },
      '.app.privateKey: is missing; give it as a reference to the environment, such as ${PRIVATE_KEY}',
    ],
    ['an App without its id', { app: { ...app, appId: undefined } }, '.app.appId: is missing'],
    [
      'an App with more in it',
      { app: { ...app, privatKey: 'S3CRET' } },
      '.app.privatKey: unknown key; did you mean "privateKey"?',
    ],
    [
      'an id that is half',
      { app: { ...app, appId: 1.5 } },
      '.app.appId: expected a whole number above 0',
    ],
    [
      'an id that is a list',
      { app: { ...app, installationId: ['S3CRET'] } },
      '.app.installationId: expected a whole number above 0',
    ],
    [
      'a key that is a number',
      { app: { ...app, privateKey: 83231 } },
      '.app.privateKey: expected text',
    ],
    [
      'a reserve below zero',
      { token: 'S3CRET', reserve: -1 },
      '.reserve: expected a number of points from 0',
    ],
    ['a reserve of most', { token: 'S3CRET', reserve: '51%' }, 'up to 50%'],
    ['a reserve in words', { token: 'S3CRET', reserve: 'S3CRET' }, '.reserve: expected a number'],
  ])('cannot be %s, and nothing of it is shown', (_name, config, problem) => {
    const found = problems(config)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`auth.gh.config`)
    expect(found[0]).toContain(problem)
    expect(found[0]).not.toMatch(/S3CRET|83231/)
  })

  test('are spelled in snake_case in a file, within an App too', () => {
    const text = (id: string) => `
auth:
  gh:
    type: github
    config:
      app: { ${id}: 1, private_key: \${KEY}, installation_id: \${I} }
      reserve: 10%
targets: [{ name: a, source_type: github, auth_ref: gh, github: { org: a } }]`
    const options = { file: 'muster.yaml', sources, env: { KEY: 'k', I: '2' } }
    expect(parseConfigText(text('app_id'), options).auth).toEqual({
      gh: {
        type: 'github',
        config: {
          app: { appId: 1, privateKey: '${KEY}', installationId: '${I}' },
          reserve: '10%',
        },
      },
    })
    const found = problemsOf(() => parseConfigText(text('appId'), options))
    expect(found.join('\n')).toContain(
      'auth.gh.config.app.appId: unknown key; did you mean "app_id"?',
    )
    const missing = problemsOf(() => parseConfigText(text('id'), options))
    expect(missing.join('\n')).toContain('auth.gh.config.app.app_id: is missing')
    const unset = problemsOf(() =>
      parseConfigText(text('app_id'), { ...options, env: { KEY: 'k' } }),
    )
    expect(unset.join('\n')).toContain('the environment variable I is not set')
  })

  test('hand on the reserve as it was meant', () => {
    expect([readReserve(10), readReserve(' 10 %'), readReserve('12.5%')]).toEqual([
      10,
      '10%',
      '12.5%',
    ])
  })
})

describe('a provider', () => {
  test('is told whether what it gave was refused', async () => {
    const asked: unknown[] = []
    const token = (request?: { readonly renew: boolean }) => `token ${asked.push(request)}`
    const store = createCredentialStore({ gh: { type: 'github', config: { token } } })
    await store.resolve('gh')
    const { values } = await store.resolve('gh', undefined, { renew: true })
    expect(asked).toEqual([{ renew: false }, { renew: true }])
    expect(values['token']).toBe('token 2')
  })

  test('is known by itself, whatever it gives and whoever else has its name', async () => {
    const identityOf = async (auth: AuthConfigs) =>
      (await createCredentialStore(auth).resolve('gh')).values['identity']
    let count = 0
    const token = () => `token ${(count += 1)}`
    const auth: AuthConfigs = { gh: { type: 'github', config: { token } } }
    expect(await identityOf(auth)).toBe(await identityOf(auth))
    const other: AuthConfigs = { gh: { type: 'github', config: { token: () => 'a' } } }
    expect(await identityOf(other)).not.toBe(await identityOf(auth))
  })
})

describe('a pool', () => {
  test('lets its tokens take turns, and names each', async () => {
    const auth: AuthConfigs = { gh: { type: 'github', config: { tokens: ['a', '${B}'] } } }
    const store = createCredentialStore(auth, { env: { B: 'b' } })
    const turns = [1, 2, 3].map(async () => (await store.resolve('gh')).values['token'])
    expect(await Promise.all(turns)).toEqual(['a', 'b', 'a'])
    const { values } = await store.resolve('gh')
    expect(values['tokens']).toEqual(['a', 'b'])
    expect(new Set(values['identities'] as string[]).size).toBe(2)
    expect(JSON.stringify(values['identities'])).not.toMatch(/"[ab]"/)
  })

  test('leaves out a token that cannot be had, unless none can', async () => {
    const env: Record<string, string> = { B: 'b' }
    const tokens = ['${A}', '${B}']
    const store = createCredentialStore({ gh: { type: 'github', config: { tokens } } }, { env })
    expect((await store.resolve('gh')).values['tokens']).toEqual(['b'])
    delete env['B']
    await expect(store.resolve('gh')).rejects.toMatchObject({
      name: 'PauseError',
      message: expect.stringContaining('the tokens[0] of credential "gh" needs the environment'),
    })
  })
})

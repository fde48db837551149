import { describe, expect, test } from 'vitest'
import type { AuthConfigs } from '../../src/config/auth.ts'
import { createCredentialStore } from '../../src/config/secrets.ts'
import { InvalidInputError, PauseError } from '../../src/domain/errors.ts'
import { everythingSaid } from './support.ts'

const auth: AuthConfigs = {
  gh: { type: 'github', config: { token: '${TOKEN}' } },
  aws: { type: 's3', config: { accessKeyId: 'S3CRET-id', secretAccessKey: () => 'S3CRET-key' } },
  open: { type: 'none' },
}

/** What a session is paused for until somebody has put it right. */
async function failure(promise: Promise<unknown>): Promise<PauseError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof PauseError) return error
    throw error
  }
  throw new Error('it was resolved')
}

describe('credentials', () => {
  test('are read when they are used, not before', async () => {
    const env: Record<string, string> = {}
    const store = createCredentialStore(auth, { env })
    env['TOKEN'] = 'one'
    expect(await store.resolve('gh')).toEqual({ type: 'GITHUB', values: { token: 'one' } })
    env['TOKEN'] = 'two'
    expect(await store.resolve('gh')).toEqual({ type: 'GITHUB', values: { token: 'two' } })
  })

  test('can be text, a function, a promise, or text around a variable', async () => {
    const token = (value: string | (() => string | Promise<string>)) =>
      createCredentialStore(
        { gh: { type: 'github', config: { token: value } } },
        { env: { A: 'a' } },
      )
        .resolve('gh')
        .then(({ values }) => values['token'])
    expect(await token('plain')).toBe('plain')
    expect(await token(() => 'called')).toBe('called')
    expect(await token(async () => 'awaited')).toBe('awaited')
    expect(await token('x-${A}-${A}')).toBe('x-a-a')
    expect(await token(() => 'not ${A} expanded')).toBe('not ${A} expanded')
  })

  test('are of the type that their source asks for', async () => {
    const store = createCredentialStore(auth)
    expect(await store.resolve('aws')).toEqual({
      type: 'S3',
      values: { accessKeyId: 'S3CRET-id', secretAccessKey: 'S3CRET-key' },
    })
    expect(await store.resolve('open')).toEqual({ type: 'UNAUTHENTICATED', values: {} })
    expect(await store.resolve(null)).toEqual({ type: 'UNAUTHENTICATED', values: {} })
    const config = { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' }
    const temporary = store.with({ aws: { type: 's3', config } })
    expect((await temporary.resolve('aws')).values).toEqual(config)
  })

  test('that are not there say which, and what to do', async () => {
    const store = createCredentialStore(auth, { env: { EMPTY: '' } })
    expect(await failure(store.resolve('ghx'))).toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      retryable: true,
      message: 'credential "ghx" is not defined here (defined: gh, aws, open); add it to auth',
    })
    expect(await failure(createCredentialStore().resolve('gh'))).toMatchObject({
      message: 'credential "gh" is not defined here (no credential is); add it to auth',
    })
    expect(await failure(store.resolve('gh'))).toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      retryable: true,
      message:
        'the token of credential "gh" needs the environment variable TOKEN, which is not set; export it and start again',
    })
    const empty = store.with({ gh: { type: 'github', config: { token: '${EMPTY}' } } })
    expect((await failure(empty.resolve('gh'))).message).toContain('EMPTY, which is empty; export')
    const inherited = store.with({ gh: { type: 'github', config: { token: '${toString}' } } })
    expect((await failure(inherited.resolve('gh'))).message).toContain('toString, which is not set')
  })

  test('whose function fails can be there later, and its words are not ours', async () => {
    const fail = () => Promise.reject(new Error('vault said S3CRET'))
    const store = createCredentialStore({ gh: { type: 'github', config: { token: fail } } })
    const error = await failure(store.resolve('gh'))
    expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE', retryable: true })
    expect(error.message).toBe(
      'the token of credential "gh" could not be read: its function failed',
    )
  })

  test.each(['', undefined, 42, { token: 'S3CRET' }])(
    'whose function gives no text are refused: %j',
    async (value) => {
      const token = () => value as string
      const store = createCredentialStore({ gh: { type: 'github', config: { token } } })
      const error = await failure(store.resolve('gh'))
      expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE', retryable: true })
      expect(error.message).toContain(
        'came out empty or not as text; make its function return text',
      )
      expect(error.message).not.toContain('S3CRET')
    },
  )
})

describe('a store', () => {
  test('shows names and nothing else', () => {
    const token = 'S3CRET'
    const store = createCredentialStore({ ...auth, gh: { type: 'github', config: { token } } })
    store.registerHeader('dumps', 'x-key', 'S3CRET')
    for (const shown of [store, { store }, [store], store.with({})]) {
      expect(everythingSaid(shown)).toContain('gh')
      expect(everythingSaid(shown)).not.toContain('S3CRET')
    }
    expect(String(store)).toBe('CredentialStore(gh, aws, open)')
    expect(JSON.stringify(store)).toBe('{"names":["gh","aws","open"]}')
    expect(`${store.names} ${store.typeOf('gh')} ${store.typeOf('nobody')}`).toBe(
      'gh,aws,open github undefined',
    )
  })

  test('with more in it is another store', async () => {
    const store = createCredentialStore({ gh: { type: 'github', config: { token: 'theirs' } } })
    const { $ref } = store.registerHeader('dumps', 'x-key', 'theirs')
    const more = store.with({
      gh: { type: 'github', config: { token: 'ours' } },
      b: { type: 'none' },
    })
    more.registerHeader('dumps', 'x-key', 'ours')
    expect((await more.resolve('gh')).values).toEqual({ token: 'ours' })
    expect((await store.resolve('gh')).values).toEqual({ token: 'theirs' })
    expect(store.names).toEqual(['gh'])
    expect(await more.resolveHeaders({ 'x-key': { $ref } })).toEqual({ 'x-key': 'ours' })
    expect(await store.resolveHeaders({ 'x-key': { $ref } })).toEqual({ 'x-key': 'theirs' })
    expect((await store.with(undefined).resolve('gh')).values).toEqual({ token: 'theirs' })
  })

  test('keeps looking in the environment it was made with', async () => {
    const store = createCredentialStore({}, { env: { A: 'a' } })
    const more = store.with({ gh: { type: 'github', config: { token: '${A}' } } })
    expect((await more.resolve('gh')).values).toEqual({ token: 'a' })
  })

  test.each<[string, unknown, string]>([
    ['a list', [], 'auth: expected a mapping of names to credentials'],
    ['an entry that is text', { gh: 'S3CRET' }, 'auth.gh: expected a mapping with type and config'],
    ['an entry without a type', { gh: {} }, 'auth.gh.type: no type; known: github, s3, none'],
    [
      'an unknown type',
      { gh: { type: 'githb' } },
      'auth.gh.type: unknown type "githb"; did you mean "github"?',
    ],
    [
      'a type from the prototype',
      { gh: { type: 'toString' } },
      'auth.gh.type: unknown type "toString"; known: github, s3, none',
    ],
    [
      'no config',
      { gh: { type: 'github' } },
      'auth.gh.config: expected a mapping with one of token, tokens and app, for type github',
    ],
    [
      'no token',
      { gh: { type: 'github', config: {} } },
      'auth.gh.config.token: is missing; give it as a reference to the environment, such as ${TOKEN}',
    ],
    [
      'an unknown key',
      { gh: { type: 'github', config: { token: 'a', tokn: 'S3CRET' } } },
      'auth.gh.config.tokn: unknown key; did you mean "token"?',
    ],
    [
      'a key of the entry that is unknown',
      { gh: { type: 'none', confg: 'S3CRET' } },
      'auth.gh.confg: unknown key; did you mean "config"?',
    ],
    [
      'a config where none is taken',
      { gh: { type: 'none', config: { token: 'S3CRET' } } },
      'auth.gh.config.token: unknown key; this type takes none',
    ],
    [
      'a number for a secret',
      { gh: { type: 'github', config: { token: 83231 } } },
      'auth.gh.config.token: expected text (not shown: it may be secret); write it in quotes',
    ],
    [
      'an empty secret',
      { gh: { type: 'github', config: { token: ' ' } } },
      'auth.gh.config.token: is empty; expected text or ${NAME}',
    ],
    [
      'a reference that cannot be read',
      { gh: { type: 'github', config: { token: 'S3CRET${A-B}' } } },
      'auth.gh.config.token: holds a reference that cannot be read; expected ${NAME} of letters, digits and "_"',
    ],
    [
      'an empty name',
      { ' ': { type: 'none' } },
      'auth[" "]: the name of a credential has to have 1 to 200 printable characters',
    ],
    [
      'a name that is a trap',
      JSON.parse('{"__proto__":{"type":"none"}}'),
      'auth.__proto__: the key is not allowed; use another name',
    ],
  ])('refuses %s', (_name, entries, problem) => {
    const make = () => createCredentialStore(entries as AuthConfigs)
    expect(make).toThrow(InvalidInputError)
    expect(make).toThrow(problem)
    expect(make).not.toThrow(/S3CRET|83231/)
  })
})

describe('headers', () => {
  test('from the environment are stored by the name of the variable', async () => {
    const store = createCredentialStore({}, { env: { KEY: 'k' } })
    expect(store.registerHeader('dumps', 'X-Key', '${KEY}')).toEqual({ $ref: 'env:KEY' })
    const later = createCredentialStore({}, { env: { KEY: 'k2' } })
    expect(await later.resolveHeaders({ 'x-key': { $ref: 'env:KEY' } })).toEqual({ 'x-key': 'k2' })
  })

  test.each(['abc', 'Bearer ${KEY}', ' ${KEY}', '${KEY}${KEY}', '${KEY'])(
    'written out (%s) are stored by their place',
    (value) => {
      const store = createCredentialStore()
      expect(store.registerHeader('dumps', 'X-Key', value)).toEqual({ $ref: 'target:dumps#x-key' })
    },
  )

  test('are read when they are used', async () => {
    const store = createCredentialStore({}, { env: { KEY: 'k' } })
    const headers = {
      a: store.registerHeader('dumps', 'a', 'Bearer ${KEY}'),
      b: store.registerHeader('dumps', 'b', () => 'called'),
      c: store.registerHeader('dumps', 'c', '${KEY}'),
    }
    expect(await store.resolve(null, headers)).toEqual({
      type: 'UNAUTHENTICATED',
      values: { headers: { a: 'Bearer k', b: 'called', c: 'k' } },
    })
  })

  test('that a process has not loaded, or whose variable is not set, say so', async () => {
    const store = createCredentialStore({}, { env: {} })
    const unloaded = await failure(store.resolveHeaders({ a: { $ref: 'target:dumps#a' } }))
    expect(unloaded).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE', retryable: true })
    expect(unloaded.message).toContain('the value of header "a" (target:dumps#a) is not in memory')
    expect(unloaded.message).toContain('load that config, or write the value as ${NAME}')
    const unset = await failure(store.resolveHeaders({ a: { $ref: 'env:KEY' } }))
    expect(unset.message).toContain(
      'header "a" needs the environment variable KEY, which is not set',
    )
  })

  test('with a line break in their value are not sent, nor shown', async () => {
    const store = createCredentialStore({}, { env: { KEY: 'S3CRET\r\nx: y' } })
    const error = await failure(store.resolveHeaders({ a: { $ref: 'env:KEY' } }))
    expect(error.message).toBe('header "a" has a line break in its value; take it out')
  })
})

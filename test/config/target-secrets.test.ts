import { describe, expect, test } from 'vitest'
import { createCredentialStore } from '../../src/config/secrets.ts'
import { parseTargetSpec } from '../../src/config/target-spec.ts'
import { everythingSaid, problemsOf, sources } from './support.ts'

const credentials = createCredentialStore({}, { env: {} })
const parse = (input: unknown) => parseTargetSpec(input, { sources, credentials })
const acme = { name: 'acme', sourceType: 'github', github: { org: 'acme' } }
const dumps = { name: 'dumps', sourceType: 'url', url: { urls: ['https://example.com/a'] } }

describe('secrets in a target spec', () => {
  const secretive = {
    ...dumps,
    url: {
      ...dumps.url,
      headers: { 'X-Key': '${KEY}', Authorization: 'Bearer S3CRET', Cookie: () => 'S3CRET' },
    },
  }

  test('stay in memory: what is stored refers to them', async () => {
    const target = parse(secretive)
    expect(target.spec['headers']).toEqual({
      'x-key': { $ref: 'env:KEY' },
      authorization: { $ref: 'target:dumps#authorization' },
      cookie: { $ref: 'target:dumps#cookie' },
    })
    expect(everythingSaid([target, credentials])).not.toContain('S3CRET')
    const { authorization, cookie } = target.spec['headers'] as Record<string, { $ref: string }>
    expect(await credentials.resolveHeaders({ a: authorization!, b: cookie! })).toEqual({
      a: 'Bearer S3CRET',
      b: 'S3CRET',
    })
  })

  test.each<[string, unknown]>([
    ['a number', 83231],
    ['an empty text', ''],
    ['nothing', null],
    ['a list', ['S3CRET']],
    ['a forged reference', { $ref: 'S3CRET' }],
    ['a reference with more in it', { $ref: 'env:A', value: 'S3CRET' }],
    ['a bad variable', 'S3CRET ${A B}'],
    ['a map', new Map()],
  ])('a header with %s is refused, and not shown', (_name, value) => {
    const input = { ...dumps, url: { ...dumps.url, headers: { 'x-key': value, good: 'S3CRET' } } }
    const problems = problemsOf(() => parse(input))
    expect(problems.join('\n')).toMatch(/^url\.headers\.x-key: .*(expected|has no value)/)
    expect(problems.join('\n')).not.toMatch(/S3CRET|83231/)
  })

  test('a header given twice is refused', () => {
    const headers = { 'X-Key': 'a', 'x-key': 'b' }
    expect(problemsOf(() => parse({ ...dumps, url: { ...dumps.url, headers } }))).toEqual([
      'url.headers.x-key: the header is given twice; header names ignore case',
    ])
  })

  test('a header of a target at fault is not kept', async () => {
    const url = { ...dumps.url, rateLimit: 0, headers: { a: 'S3CRET' } }
    const said = everythingSaid(problemsOf(() => parse({ ...dumps, name: 'faulty', url })))
    expect(said).not.toContain('S3CRET')
    await expect(
      credentials.resolveHeaders({ a: { $ref: 'target:faulty#a' } }),
    ).rejects.toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' })
  })

  test.each<[string, unknown]>([
    ['in a URL', { ...dumps, url: { urls: ['https://u:S3CRET@example.com'] } }],
    ['in a base URL', { ...acme, github: { baseUrl: 'https://S3CRET@ghe.example/api/v3' } }],
    ['in metadata', { ...dumps, url: { ...dumps.url, metadata: { a: ['http://a:S3CRET@b'] } } }],
  ])('%s are refused, and not shown', (_name, input) => {
    const problems = problemsOf(() => parse(input))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain('carries credentials')
    expect(problems[0]).not.toContain('S3CRET')
  })

  test('a token where a name belongs is not shown', () => {
    const token = `ghp_${'S3CRET'.repeat(6)}`
    const [problem] = problemsOf(() => parse({ ...acme, authRef: token }))
    expect(problem).toContain('authRef: "***" is not defined in auth')
  })

  test('in the address of a repository go, and the repository stays', () => {
    const repoList = ['https://u:S3CRET@github.com/a/b', 'git@github.com:c/d.git']
    expect(parse({ ...acme, github: { repoList } }).spec).toEqual({
      repoList: ['https://***@github.com/a/b', 'git@github.com:c/d.git'],
    })
  })
})

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { loadConfigFile, parseConfigText } from '../../src/config/config-file.ts'
import { InvalidInputError } from '../../src/domain/errors.ts'
import { defineSource, type AnySource } from '../../src/sources/source.ts'
import { everythingSaid, problemsOf, sources } from './support.ts'

const env = { GITHUB_TOKEN: 'S3CRET-t', AWS_ID: 'S3CRET-a', AWS_KEY: 'S3CRET-b', KEY: 'S3CRET-k' }
const parse = (text: string) => parseConfigText(text, { file: 'muster.yaml', sources, env })
const problems = (text: string) => problemsOf(() => parse(text))

/** A config of one target, from its own keys on; the target begins in line 3. */
const withTarget = (
  keys: string,
) => `auth: { gh: { type: github, config: { token: "\${GITHUB_TOKEN}" } } }
targets:
  - ${keys}
`

const FULL = `
auth:
  gh:  { type: github, config: { token: \${GITHUB_TOKEN} } }          # read when used
  aws: { type: s3, config: { access_key_id: \${AWS_ID}, secret_access_key: \${AWS_KEY} } }
targets:
  - { name: acme, source_type: github, auth_ref: gh, github: { org: acme } }
  - { name: ghes, source_type: github, auth_ref: gh, github: { org: core, base_url: "https://ghe.example/api/v3" } }
  - name: dumps
    source_type: url
    url:
      urls: [ "https://example.com/a.warc.gz" ]
      archive_format: auto
      headers: { X-Key: \${KEY}, x_other: "Bearer \${KEY}" }
      rate_limit: 5
      retry: { max_attempts: 3, initial_wait: 1s, max_wait: 30s }
      metadata: { team_name: red, source_type: [ { auth_ref: 1 } ] }
`

describe('a config file', () => {
  test('in YAML', async () => {
    const { auth, targets, credentials } = parse(FULL)
    expect(auth).toEqual({
      gh: { type: 'github', config: { token: '${GITHUB_TOKEN}' } },
      aws: { type: 's3', config: { accessKeyId: '${AWS_ID}', secretAccessKey: '${AWS_KEY}' } },
    })
    expect(targets).toEqual([
      { name: 'acme', sourceType: 'github', authRef: 'gh', spec: { org: 'acme' } },
      {
        name: 'ghes',
        sourceType: 'github',
        authRef: 'gh',
        spec: { org: 'core', baseUrl: 'https://ghe.example/api/v3' },
      },
      {
        name: 'dumps',
        sourceType: 'url',
        authRef: null,
        spec: {
          urls: ['https://example.com/a.warc.gz'],
          archiveFormat: 'auto',
          headers: { 'x-key': { $ref: 'env:KEY' }, x_other: { $ref: 'target:dumps#x_other' } },
          rateLimit: 5,
          retry: { maxAttempts: 3, initialWait: 1000, maxWait: 30_000 },
          metadata: { team_name: 'red', source_type: [{ auth_ref: 1 }] },
        },
      },
    ])
    expect((await credentials.resolve('gh')).values).toEqual({ token: 'S3CRET-t' })
    const headers = targets[2]?.spec['headers'] as Record<string, { $ref: string }>
    expect(await credentials.resolveHeaders(headers)).toEqual({
      'x-key': 'S3CRET-k',
      x_other: 'Bearer S3CRET-k',
    })
    expect(everythingSaid([targets, credentials])).not.toContain('S3CRET')
  })

  test('in JSON', () => {
    const target = { name: 'acme', source_type: 'github', github: { repo_list: ['a/b'] } }
    expect(parse(JSON.stringify({ targets: [target] }, null, '\t')).targets).toEqual([
      { name: 'acme', sourceType: 'github', authRef: null, spec: { repoList: ['a/b'] } },
    ])
  })

  test('with line ends of Windows, a byte order mark, anchors and merge keys', () => {
    const text = `\u{FEFF}targets:
  - &base { name: a, source_type: github, github: &gh { org: x } }
  - { <<: *base, name: b }
  - { name: c, source_type: github, github: *gh }
`
    const { targets } = parse(text.replaceAll('\n', '\r\n'))
    expect(targets.map(({ name, spec }) => [name, spec])).toEqual([
      ['a', { org: 'x' }],
      ['b', { org: 'x' }],
      ['c', { org: 'x' }],
    ])
  })

  test('spells keys that no schema knows as it likes', () => {
    const spec = z.looseObject({ feedUrl: z.string() })
    const feed = defineSource({
      type: 'feed',
      spec,
      identify: (item: string) => ({ key: item, uri: item, name: item }),
      async *enumerate() {},
    }) as AnySource
    const text = 'targets: [{ name: a, source_type: feed, feed: { feed_url: x, my_key: 1 } }]'
    const { targets } = parseConfigText(text, {
      file: 'a.yaml',
      sources: new Map([['feed', feed]]),
    })
    expect(targets[0]?.spec).toEqual({ feedUrl: 'x', my_key: 1 })
  })

  test("for a source of one's own whose schema does not tell its keys", () => {
    const feed = defineSource({
      type: 'feed',
      spec: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } },
      identify: (item: string) => ({ key: item, uri: item, name: item }),
      async *enumerate() {},
    }) as AnySource
    const text =
      'targets: [{ name: a, source_type: feed, feed: { feed_url: x, tags: { a_b: 1 } } }]'
    const { targets } = parseConfigText(text, {
      file: 'a.yaml',
      sources: new Map([['feed', feed]]),
    })
    expect(targets[0]?.spec).toEqual({ feedUrl: 'x', tags: { a_b: 1 } })
  })
})

describe('what is wrong with a config file is told by its place', () => {
  test.each<[string, string, string]>([
    ['it is empty', '', 'muster.yaml is empty; expected a mapping with auth and targets'],
    ['it holds comments only', '# soon\n', 'muster.yaml is empty; expected a mapping'],
    ['it is binary', 'a\0b', 'muster.yaml is not a text file; expected YAML or JSON in UTF-8'],
    ['it is a list', '- a', '1:1: expected a mapping with auth and targets; got a list'],
    ['it is text', 'hello', '1:1: expected a mapping with auth and targets; got "hello"'],
    ['a bracket is open', 'targets: [', '1:11: this is not valid YAML or JSON: Flow sequence'],
    ['a tab indents', 'targets:\n\t- a', '2:1: tabs cannot indent YAML; use spaces'],
    ['a key is there twice', 'auth: {}\nauth: {}', '2:1: the key is given twice in one mapping'],
    [
      'it is two documents',
      'a: 1\n---\nb: 2',
      '2:1: the file holds more than one document; keep one',
    ],
    ['it has a tag', 'auth: !env X', '1:7: tags (!name) are not supported; write a plain value'],
    ['an alias has no anchor', 'auth: *x', '1:1: an alias (*name) has no anchor (&name) before it'],
    ['there are no targets', 'auth: {}', '1:1: targets: is missing; list at least one target'],
    ['the targets are none', 'targets: []', '1:1: targets: the list is empty; list at least one'],
    [
      'the targets are one',
      'targets: { name: a }',
      '1:1: targets: expected a list of targets; got a m',
    ],
    ['a target is text', 'targets:\n  - acme', '2:5: targets[0]: a target spec is a plain object'],
    [
      'a key is mistyped',
      `${withTarget('{ name: a, source_type: github, github: { org: a } }')}tagets: 1`,
      '4:1: tagets: unknown key; did you mean "targets"?',
    ],
    [
      'a key of a target is mistyped',
      withTarget('{ name: a, source_type: github, authref: gh, github: { org: a } }'),
      '3:37: target "a", authref: unknown key; did you mean "auth_ref"?',
    ],
    [
      'a key is in camelCase',
      withTarget('{ name: a, source_type: github, authRef: gh, github: { org: a } }'),
      '3:37: target "a", authRef: unknown key; did you mean "auth_ref"?',
    ],
    [
      'a key within is in camelCase',
      withTarget(
        '{ name: a, source_type: url, url: { urls: ["https://a"], retry: { maxWait: 1 } } }',
      ),
      '3:71: target "a", url.retry.maxWait: unknown key; did you mean "max_wait"?',
    ],
    [
      'a key within is mistyped',
      withTarget('{ name: a, source_type: github, github: { repolst: [a/b] } }'),
      '3:47: target "a", github.repolst: unknown key; did you mean "repo_list"?',
    ],
    [
      'a value within is wrong',
      withTarget('{ name: a, source_type: github, github: { per_page: many } }'),
      '3:47: target "a", github.per_page: expected number; got "many"',
    ],
    [
      'a name is missing',
      withTarget('{ source_type: github, github: { org: a } }'),
      '3:5: targets[0].name: is missing; give the target a name',
    ],
    [
      'a name is a number',
      withTarget('{ name: 7, source_type: github, github: { org: a } }'),
      '3:7: targets[0].name: expected text, got 7; write it in quotes',
    ],
    [
      'a source type is unknown',
      withTarget('{ name: a, source_type: githb, github: { org: a } }'),
      '3:16: target "a", source_type: "githb" is none of github, url, s3; did you mean "github"?',
    ],
    [
      'a source part is missing',
      withTarget('{ name: a, source_type: github, auth_ref: gh }'),
      '3:5: target "a", github: is missing; a target with source_type github needs a github part',
    ],
    [
      'a credential is not defined',
      withTarget('{ name: a, source_type: github, auth_ref: hg, github: { org: a } }'),
      '3:37: target "a", auth_ref: "hg" is not defined in auth (auth defines gh)',
    ],
    [
      'a name is there twice',
      withTarget(
        '{ name: a, source_type: github, github: { org: a } }\n  - { name: a, source_type: github, github: { org: b } }',
      ),
      '4:7: targets[1].name: the name "a" is taken by targets[0]; names have to differ',
    ],
    [
      'neither urls nor a file of them are given',
      withTarget('{ name: a, source_type: url, url: {} }'),
      '3:34: target "a", url: give exactly one of urls, urls_file, stdin, sitemaps, robots and list_url',
    ],
    [
      'a list file is missing',
      withTarget('{ name: a, source_type: url, url: { urls_file: none.txt } }'),
      'none.txt does not exist (ENOENT); check the path, or put the file there',
    ],
    [
      'a reference stands where none is read',
      withTarget('{ name: a, source_type: github, github: { org: ${KEY} } }'),
      '3:47: target "a", github.org: references (${NAME}) are read only in auth and headers; write the',
    ],
    [
      'a reference stands in metadata',
      withTarget(
        '{ name: a, source_type: url, url: { urls: ["https://a"], metadata: { k: "${KEY}" } } }',
      ),
      '3:74: target "a", url.metadata.k: references (${NAME}) are read only in auth and headers',
    ],
    [
      'a variable of a header is not set',
      withTarget(
        '{ name: a, source_type: url, url: { urls: ["https://a"], headers: { x-k: "b ${NONE}" } } }',
      ),
      '3:73: target "a", url.headers.x-k: the environment variable NONE is not set; export NONE',
    ],
    [
      'a reference stands for a source type',
      withTarget('{ name: a, source_type: "${KEY}", github: { org: a } }'),
      '3:16: target "a", source_type: references (${NAME}) are read only in auth and headers',
    ],
    [
      'a variable is no variable but a method of all objects',
      withTarget(
        '{ name: a, source_type: url, url: { urls: ["https://a"], headers: { x-k: "${toString}" } } }',
      ),
      'url.headers.x-k: the environment variable toString is not set; export toString',
    ],
    [
      'a key is a trap',
      withTarget('{ name: a, source_type: github, github: { __proto__: { org: a } } }'),
      '3:47: target "a", github.__proto__: the key is not allowed; use another name',
    ],
  ])('%s', (_name, text, problem) => {
    const found = problems(text)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(problem)
    expect(found[0]).toMatch(/^muster\.yaml(:\d+:\d+:)? /)
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }))
  })

  test.each<[string, string, string]>([
    ['auth is text', 'auth: S3CRET', '1:1: auth: expected a mapping of names to credentials'],
    [
      'a type is unknown',
      'auth: { gh: { type: azure, config: { token: S3CRET } } }',
      '1:15: auth.gh.type: unknown type "azure"; known: github, s3, none',
    ],
    [
      'a key of s3 is mistyped',
      'auth: { a: { type: s3, config: { access_key_id: a, secret_access_key: b, sesion_token: S3CRET } } }',
      '1:74: auth.a.config.sesion_token: unknown key; did you mean "session_token"?',
    ],
    [
      'a key of s3 is missing',
      'auth: { a: { type: s3, config: { access_key_id: S3CRET } } }',
      '1:24: auth.a.config.secret_access_key: is missing; give it as a reference to the environment, such as ${SECRET_ACCESS_KEY}',
    ],
    [
      'a key of s3 is in camelCase',
      'auth: { a: { type: s3, config: { accessKeyId: S3CRET, secret_access_key: b } } }',
      '1:34: auth.a.config.accessKeyId: unknown key; did you mean "access_key_id"?',
    ],
    [
      'a variable is not set',
      'auth: { gh: { type: github, config: { token: ${NO_TOKEN} } } }',
      '1:39: auth.gh.config.token: the environment variable NO_TOKEN is not set; export NO_TOKEN before you start',
    ],
    [
      'a reference cannot be read',
      'auth: { gh: { type: github, config: { token: "S3CRET${NO-TOKEN}" } } }',
      '1:39: auth.gh.config.token: holds a reference that cannot be read; expected ${NAME}',
    ],
    [
      'a secret is a number',
      'auth: { gh: { type: github, config: { token: 83231 } } }',
      '1:39: auth.gh.config.token: expected text (not shown: it may be secret)',
    ],
    [
      'a secret ends the YAML',
      'auth: { gh: "a" S3CRET }',
      '1:17: this is not valid YAML or JSON: ',
    ],
    [
      'a secret is a key twice',
      'S3CRET: a\nS3CRET: b',
      '2:1: the key is given twice in one mapping',
    ],
    ['a secret has a tag', 'auth: !S3CRET S3CRET', '1:7: tags (!name) are not supported'],
    ['a secret is no alias', 'auth: *S3CRET', '1:1: an alias (*name) has no anchor'],
  ])('and without the secrets: %s', (_name, text, problem) => {
    const targets = '\ntargets: [{ name: a, source_type: github, github: { org: a } }]'
    const found = problems(text + targets)
    expect(found.join('\n')).toContain(problem)
    expect(found.join('\n')).not.toMatch(/S3CRET|83231/)
    expect(found).toHaveLength(1)
  })

  test('all at once, in the order of the file', () => {
    const found = problems(`auth:
  gh: { type: github, config: { token: \${NO_TOKEN} } }
  aws: { type: s4 }
targets:
  - { name: a, source_type: github, auth_ref: gh, github: { orgg: a } }
  - { name: b, source_type: url, auth_ref: aws, url: { urls: [], rate_limit: -1 } }
other: 1
`)
    expect(found.map((line) => /^muster\.yaml:(\d+):\d+: (.*?):/.exec(line)?.slice(1))).toEqual([
      ['2', 'auth.gh.config.token'],
      ['3', 'auth.aws.type'],
      ['5', 'target "a", github.orgg'],
      ['6', 'target "b", url.urls'],
      ['6', 'target "b", url.rate_limit'],
      ['7', 'other'],
    ])
  })

  test('and aliases cannot fill the memory', () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const inner = level === 0 ? 'lol' : `*l${level - 1}`
      return `l${level}: &l${level} [${Array.from({ length: 9 }, () => inner).join(', ')}]`
    })
    expect(problems(levels.join('\n'))).toEqual([
      'muster.yaml:1:1: aliases are followed more than 100 times; write the values out',
    ])
  })

  test('a fault behind an alias is told where it stands', () => {
    const text = `targets:
  - { name: a, source_type: github, github: &part {
      orgg: x } }
  - { name: b, source_type: github, github: *part }
`
    expect(problems(text)).toEqual([
      'muster.yaml:3:7: target "a", github.orgg: unknown key; did you mean "org"?',
      'muster.yaml:3:7: target "b", github.orgg: unknown key; did you mean "org"?',
    ])
  })

  test('places are true beside references', () => {
    const text =
      'auth: { gh: { type: github, config: { token: ${KEY}, tokn: 1 } } }\ntargets: [{ name: a, source_type: github, github: { org: a } }]'
    expect(problems(text)).toEqual([
      'muster.yaml:1:54: auth.gh.config.tokn: unknown key; did you mean "token"?',
    ])
  })
})

describe('loading a config file', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-config-'))
    await mkdir(join(folder, 'lists'))
    await writeFile(join(folder, 'lists', 'repos.txt'), 'a/b\n')
  })
  afterAll(() => rm(folder, { recursive: true }))

  const load = (path: string) => loadConfigFile(path, { sources, env })

  test('finds list files beside it, wherever the process runs', async () => {
    const path = join(folder, 'muster.yaml')
    await writeFile(
      path,
      'targets: [{ name: a, source_type: github, github: { repo_list_file: lists/repos.txt } }]',
    )
    expect((await load(path)).targets[0]?.spec).toEqual({
      repoListFile: join(folder, 'lists', 'repos.txt'),
    })
  })

  test('says when there is none', async () => {
    const none = join(folder, 'none.yaml')
    await expect(load(none)).rejects.toThrow(InvalidInputError)
    await expect(load(none)).rejects.toThrow(`${none} does not exist; check the path`)
    await expect(load(folder)).rejects.toThrow(`${folder} is a folder; give the path of a YAML`)
    const unreadable = join(folder, 'x'.repeat(300))
    await expect(load(unreadable)).rejects.toThrow('cannot be read (ENAMETOOLONG)')
  })

  test('refuses what is too large, or no text', async () => {
    const large = join(folder, 'large.yaml')
    await writeFile(large, Buffer.alloc(16 * 1024 * 1024 + 1, '#'))
    await expect(load(large)).rejects.toThrow('has 16777217 bytes, 16777216 are allowed; put long')
    const packed = join(folder, 'packed.yaml')
    await writeFile(packed, Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]))
    await expect(load(packed)).rejects.toThrow('is not a text file; expected YAML or JSON in UTF-8')
    await writeFile(packed, Buffer.from([0xff, 0xfe, 0x61, 0x62]))
    await expect(load(packed)).rejects.toThrow('is not a text file; expected YAML or JSON in UTF-8')
  })
})

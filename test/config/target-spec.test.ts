import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createCredentialStore } from '../../src/config/secrets.ts'
import { parseTargetSpec } from '../../src/config/target-spec.ts'
import { problemsOf, sources } from './support.ts'

const credentials = createCredentialStore(
  {
    gh: { type: 'github', config: { token: '${TOKEN}' } },
    aws: { type: 's3', config: { accessKeyId: 'a', secretAccessKey: 'b' } },
    open: { type: 'none' },
  },
  { env: {} },
)
const folder = mkdtempSync(join(tmpdir(), 'muster-spec-'))
writeFileSync(join(folder, 'list.txt'), 'a/b\n')
mkdirSync(join(folder, 'below'))
afterAll(() => rmSync(folder, { recursive: true }))

const deps = { sources, credentials, folder }
const parse = (input: unknown) => parseTargetSpec(input, deps)
const acme = { name: 'acme', sourceType: 'github', authRef: 'gh', github: { org: 'acme' } }
const dumps = { name: 'dumps', sourceType: 'url', url: { urls: ['https://example.com/a'] } }

describe('a target spec', () => {
  test('becomes plain JSON', () => {
    expect(parse(acme)).toEqual({
      name: 'acme',
      sourceType: 'github',
      authRef: 'gh',
      spec: { org: 'acme' },
    })
  })

  test('needs no credential for github and url; none and open are as good', () => {
    expect(parse({ ...acme, authRef: undefined }).authRef).toBeNull()
    expect(parse({ ...acme, authRef: null }).authRef).toBeNull()
    expect(parse({ ...acme, authRef: 'open' }).authRef).toBe('open')
    expect(parse(dumps).authRef).toBeNull()
  })

  test('that was parsed parses to itself', () => {
    const { name, sourceType, spec } = parse({
      ...dumps,
      url: { ...dumps.url, headers: { a: '${KEY}', b: 'text' } },
    })
    expect(parse({ name, sourceType, url: spec }).spec).toEqual(spec)
  })

  test('finds its list file from the folder it belongs to', () => {
    const listed = { ...acme, github: { repoListFile: 'list.txt' } }
    expect(parse(listed).spec).toEqual({ repoListFile: join(folder, 'list.txt') })
  })

  test('drops what is undefined, which JSON does not have', () => {
    const { spec } = parse({ ...acme, github: { org: 'acme', user: undefined } })
    expect(Object.keys(spec)).toEqual(['org'])
  })

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'a target spec is a plain object with name, sourceType and'],
    ['text', 'acme', 'source\'s part; got "acme"'],
    ['a list', [acme], "source's part; got a list"],
    ['a map', new Map(), "source's part; got a mapping"],
    ['no name', { ...acme, name: undefined }, 'name: is missing; give the target a name'],
    ['an empty name', { ...acme, name: ' ' }, 'name: is empty, got " "; give the target a name'],
    ['a number for a name', { ...acme, name: 7 }, 'name: expected text, got 7; write it in quotes'],
    [
      'a long name',
      { ...acme, name: 'x'.repeat(201) },
      'name: has 201 characters, 200 are allowed; shorten "xxx',
    ],
    [
      'a name of two lines',
      { ...acme, name: 'a\nb' },
      String.raw`name: holds a line break or another control character: "a\nb"; take it out`,
    ],
    [
      'no source type',
      { ...acme, sourceType: undefined },
      'sourceType: is missing; expected one of github, url, s3',
    ],
    [
      'a mistyped source type',
      { ...acme, sourceType: 'GitHb' },
      'sourceType: "GitHb" is none of github, url, s3; did you mean "github"?',
    ],
    [
      'an unknown source type',
      { ...acme, sourceType: 'ftp' },
      'sourceType: "ftp" is none of github, url, s3',
    ],
    [
      'an undefined credential',
      { ...acme, authRef: 'ghx' },
      'authRef: "ghx" is not defined in auth (auth defines gh, aws, open); did you mean "gh"?',
    ],
    [
      'a credential that is a number',
      { ...acme, authRef: 1 },
      'authRef: expected the name of a credential, got 1; auth defines gh',
    ],
    [
      'a credential of another type',
      { ...acme, authRef: 'aws' },
      'authRef: "aws" is a credential of type s3; sourceType github needs type github',
    ],
    [
      's3 with a URL for a bucket',
      { name: 'logs', sourceType: 's3', authRef: 'aws', s3: { bucket: 's3://logs' } },
      's3.bucket: bucket "s3://logs" is not the name of a bucket',
    ],
    [
      'no part of its source',
      { ...acme, github: undefined },
      'github: is missing; a target with sourceType github needs a github part',
    ],
    [
      'a part that is text',
      { ...acme, github: 'acme' },
      'github: expected a mapping that says what to enumerate; got "acme"',
    ],
    [
      'the part of another source too',
      { ...acme, url: dumps.url },
      'url: belongs to another source, and sourceType is github; take one of them out',
    ],
    ['a mistyped key', { ...acme, authref: 'gh' }, 'authref: unknown key; did you mean "authRef"?'],
    [
      'a mistyped key of its source',
      { ...acme, github: { orgg: 'acme' } },
      'github.orgg: unknown key; did you mean "org"?',
    ],
    [
      'a key of its source like no other',
      { ...acme, github: { depth: 1 } },
      'github.depth: unknown key; known: org, user, repoList',
    ],
    [
      'a mistyped key within',
      { ...dumps, url: { ...dumps.url, retry: { maxWiat: 1 } } },
      'url.retry.maxWiat: unknown key; did you mean "maxWait"?',
    ],
    [
      'a value of another type',
      { ...acme, github: { user: 1234 } },
      'github.user: expected string; got 1234; write it in quotes',
    ],
    [
      'an absurd number',
      { ...dumps, url: { ...dumps.url, rateLimit: -3 } },
      'url.rateLimit: expected a number of requests a second above 0 and up to 10,000; got -3',
    ],
    [
      'a number that is none',
      { ...dumps, url: { ...dumps.url, rateLimit: Number.NaN } },
      'url.rateLimit: is NaN; expected a number that JSON can hold',
    ],
    [
      'a list file that is missing',
      { ...acme, github: { repoListFile: 'none.txt' } },
      `github.repoListFile: ${join(folder, 'none.txt')} does not exist (ENOENT); check the path`,
    ],
    [
      'a list file that is a folder',
      { ...dumps, url: { urlsFile: 'below' } },
      `url.urlsFile: ${join(folder, 'below')} is a folder; give the path of a text file`,
    ],
    [
      'a list file that is a device',
      { ...dumps, url: { urlsFile: '/dev/null' } },
      'url.urlsFile: /dev/null is a pipe or device; give the path of a text file',
    ],
    [
      'a trap for a key',
      JSON.parse(JSON.stringify(acme).replace('"org"', '"__proto__"')),
      'github.__proto__: the key is not allowed; use another name',
    ],
    [
      'a trap within metadata',
      { ...dumps, url: { ...dumps.url, metadata: { a: [{ constructor: 1 }] } } },
      'url.metadata.a[0].constructor: the key is not allowed',
    ],
    [
      'a trap at the top',
      { ...acme, prototype: {} },
      'prototype: the key is not allowed; use another name',
    ],
    [
      'a date',
      { ...dumps, url: { ...dumps.url, metadata: { at: new Date() } } },
      'url.metadata.at: is an instance of Date; expected plain data',
    ],
    [
      'a function',
      { ...acme, github: { org: () => 'acme' } },
      'github.org: is a function; expected plain data',
    ],
    [
      'a bigint',
      { ...acme, github: { perPage: 10n } },
      'github.perPage: is a bigint; expected plain data',
    ],
  ])('with %s is refused', (_name, input, problem) => {
    const problems = problemsOf(() => parse(input))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
    expect(() => parse(input)).toThrow(expect.objectContaining({ code: 'INVALID_SPEC' }))
  })

  test('that holds itself is refused', () => {
    const circle: Record<string, unknown> = {}
    circle['again'] = circle
    const [problem] = problemsOf(() => parse({ ...acme, github: circle }))
    expect(problem).toContain('is nested deeper than 64 levels')
  })

  test('for s3 needs a credential', () => {
    const input = { name: 'logs', sourceType: 's3', s3: { bucket: 'logs' } }
    expect(problemsOf(() => parse(input))[0]).toBe(
      'authRef: is missing; name the credential of type s3 (auth defines gh, aws, open)',
    )
  })

  test('is told all of its faults at once', () => {
    const input = {
      name: '',
      sourceType: 'url',
      authRef: 'x',
      url: { urls: [], rateLimit: 0 },
      a: 1,
    }
    expect(problemsOf(() => parse(input)).map((line) => line.split(':')[0])).toEqual([
      'name',
      'authRef',
      'a',
      'url.urls',
      'url.rateLimit',
    ])
  })
})

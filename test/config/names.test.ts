import { describe, expect, test } from 'vitest'
import { toCamel, toSnake } from '../../src/config/names.ts'
import { carriesCredentials, maskCredentials, redactCredentials } from '../../src/sources/redact.ts'
import { nearestOf, printed, suggest } from '../../src/sources/wording.ts'
import { growth } from '../support/cpu-time.ts'

describe('spelling', () => {
  test.each([
    ['repo_list_file', 'repoListFile'],
    ['org', 'org'],
    ['a_1', 'a1'],
  ])('%s is %s', (snake, camel) => {
    expect(toCamel(snake)).toBe(camel)
    if (snake !== 'a_1') expect(toSnake(camel)).toBe(snake)
  })

  test.each(['__proto__', '_a', 'a__b', 'A_B', 'x-key', ''])('%j is left alone', (name) => {
    expect(toCamel(name)).toBe(name)
  })
})

describe('suggestions', () => {
  const known = ['sourceType', 'authRef', 'name', 'gzip', 'xz']
  test.each([
    ['source_tpye', 'sourceType'],
    ['auth-ref', 'authRef'],
    ['NAME', 'name'],
    ['gz', 'gzip'],
    ['x', 'xz'],
    ['colour', undefined],
    ['', undefined],
  ])('%j means %s', (word, nearest) => {
    expect(nearestOf(word, known)).toBe(nearest)
  })

  test('name the known words when none is near', () => {
    expect(suggest('colour', ['a', 'b'])).toBe('; known: a, b')
    expect(suggest('colour', [])).toBe('')
    expect(suggest('nmae', known)).toBe('; did you mean "name"?')
  })
})

describe('a value in a message', () => {
  test.each<[unknown, string]>([
    ['a"b', String.raw`"a\"b"`],
    ['x'.repeat(81), `"${'x'.repeat(80)}…"`],
    ['https://u:S3CRET@h/', '"https://***@h/"'],
    ['https://h/a?token=S3CRET', '"https://h/a?…"'],
    ['ghp_S3CRETS3CRET', '"***"'],
    [[], 'an empty list'],
    [[1], 'a list'],
    [{}, 'a mapping'],
    [null, 'null'],
    [undefined, 'undefined'],
    [-1.5, '-1.5'],
    [Number.NaN, 'NaN'],
    [() => 1, 'a function'],
  ])('%j is %s', (value, text) => {
    expect(printed(value)).toBe(text)
  })
})

describe('credentials in an address', () => {
  test.each([
    ['https://u:p@h/', true],
    ['https://t@h/', true],
    ['http:u:p@h', true],
    ['redis://:p@h', true],
    ['see https://u:p@h/', true],
    ['ssh://git@h/a', false],
    ['https://h/@scope/a', false],
    ['https://h/a?mail=a@b', false],
    ['team@example.com', false],
    ['mailto:team@example.com', false],
    ['git@h:a/b', false],
  ])('%s: %s', (text, carries) => {
    expect(carriesCredentials(text)).toBe(carries)
  })

  test.each([
    ['https://u:p@h/a@b', 'https://***@h/a@b'],
    ['https://u:p/q@h/a', 'https://***@h/a'],
    ['https://h:80/a@b', 'https://h:80/a@b'],
    ['@acme/web', '@acme/web'],
    ['u@h:a/b', '***@h:a/b'],
    ['git@h:a/b', 'git@h:a/b'],
    ['a/b', 'a/b'],
  ])('%s becomes %s', (text, redacted) => {
    expect(redactCredentials(text)).toBe(redacted)
  })
})

describe('what is shown or stored as rejected', () => {
  test.each([
    ['//me:PW@h/x', '//***@h/x'],
    ['https:\\\\me:PW@h', 'https:\\\\***@h'],
    ['me:a/PW@h', '***@h'],
    ['me:a#PW@h', '***@h'],
    ['curl -u me:PW https://h/x', 'curl -u *** https://h/x'],
    ['see https://me:a@PW@h', 'see https://***@h'],
    ['see https://me:PW/x@h', 'see https://***@h'],
    ['https://me:PW%40h/', 'https://***%40h/'],
    ['x,https://me:PW@h,y', 'x,https://***@h,y'],
    ['https://a.example/path me:PW@x', 'https://a.example/path ***@x'],
  ])('has no password: %s', (text, masked) => {
    expect(maskCredentials(text)).toBe(masked)
  })

  test.each([
    'git@github.com:octokit/rest.js',
    'ssh://git@github.com/octokit/rest.js',
    'https://medium.com/@someone/a-post',
    'http://127.0.0.1:8080/@scope/package',
    'https://github.com/acme/web/tree/main/@acme/core',
  ])('keeps what is none: %s', (text) => {
    expect(maskCredentials(text)).toBe(text)
  })

  test('a long line takes no longer than its length', async () => {
    const work = (pairs: number) => maskCredentials(`${'a:'.repeat(pairs)}@h`)
    expect(await growth(work, 50_000)).toBeLessThan(40)
  })
})

import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ItemRejectedError } from '../../../src/domain/errors.ts'
import { identifyReference } from '../../../src/sources/github/repository-reference.ts'
import { enumerateList } from '../../../src/sources/list.ts'
import { carriesCredentials, redactCredentials } from '../../../src/sources/redact.ts'
import { collect } from '../collect.ts'
import { growth } from '../../support/cpu-time.ts'

const GITHUB = 'github.com'

function reasonFor(text: string, webHost = GITHUB): string {
  try {
    identifyReference(text, webHost)
  } catch (error) {
    if (error instanceof ItemRejectedError) return error.message
    throw error
  }
  return 'accepted'
}

describe('a reference to a repository, however people write it', () => {
  test.each([
    'Acme/Web.App',
    '  Acme/Web.App\t',
    'Acme/Web.App/',
    'Acme/Web.App.git',
    'Acme/Web.App#main',
    'Acme/Web.App/tree/main/src',
    'github:Acme/Web.App',
    'GitHub:Acme/Web.App#semver:^1.2',
    'github.com/Acme/Web.App',
    'www.github.com/Acme/Web.App/',
    'https://github.com/Acme/Web.App',
    'HTTPS://GitHub.COM/Acme/Web.App',
    'http://github.com/Acme/Web.App',
    'http://github.com:80/Acme/Web.App',
    'https://github.com:443/Acme/Web.App.git',
    'https://github.com./Acme/Web.App',
    'https://www.github.com/Acme/Web.App',
    'https://github.com/Acme/Web.App/',
    'https://github.com//Acme//Web.App//',
    'https://github.com/Acme/Web.App.git/',
    'https://github.com/Acme/Web.App.git#readme',
    'https://github.com/Acme/Web.App?tab=readme-ov-file',
    'https://github.com/Acme/Web.App/tree/main',
    'https://github.com/Acme/Web.App/tree/main/packages/@acme/core#readme',
    'https://github.com/Acme/Web.App/blob/v1..v2/src/index.ts#L4-L9',
    'https://github.com/Acme/Web.App/issues/1',
    'https://github.com/Acme/Web.App/pull/7/files',
    'https://github.com/Acme/Web.App/releases/tag/v1',
    'https://github.com/Acme/Web.App/wiki',
    'git+https://github.com/Acme/Web.App.git',
    'git://github.com/Acme/Web.App.git',
    'ssh://git@github.com/Acme/Web.App.git',
    'ssh://git@github.com:22/Acme/Web.App.git',
    'ssh://git@ssh.github.com:443/Acme/Web.App.git',
    'git+ssh://git@github.com/Acme/Web.App.git',
    'git+ssh://git@github.com:Acme/Web.App.git',
    'git@github.com:Acme/Web.App.git',
    'git@github.com:Acme/Web.App',
    'git@github.com:/Acme/Web.App.git',
    'git@github.com/Acme/Web.App.git',
    'git@GITHUB.com:Acme/Web.App.git#feature@2',
    'github.com:Acme/Web.App.git',
    'http://github.com:Acme/Web.App.git',
    'https://https://github.com/Acme/Web.App',
    'git clone https://github.com/Acme/Web.App.git',
    '"https://github.com/Acme/Web.App",',
    '<https://github.com/Acme/Web.App>',
    'Acme/Web.App   # our shop',
    'https://user:token@github.com/Acme/Web.App.git',
    'https://ghp_token@github.com/Acme/Web.App.git',
    'github:user:token@Acme/Web.App',
  ])('%s', (text) => {
    expect(identifyReference(text, GITHUB)).toEqual({
      key: 'github.com/acme/web.app',
      uri: 'https://github.com/Acme/Web.App',
      name: 'Acme/Web.App',
      metadata: { cloneUrl: 'https://github.com/Acme/Web.App.git' },
    })
  })

  test.each([
    ['octocat_acme/tool', 'octocat_acme/tool', 'a managed user of a company'],
    ['git@github.com:rase-/arraybuffer.slice.git', 'rase-/arraybuffer.slice', 'an old account'],
    ['acme/.github', 'acme/.github', 'a name that begins with a dot'],
    ['a/_', 'a/_', 'one character each'],
    ['orgs-club/settings', 'orgs-club/settings', 'a reserved word elsewhere'],
    [`${'o'.repeat(39)}/${'r'.repeat(100)}`, `${'o'.repeat(39)}/${'r'.repeat(100)}`, 'the longest'],
  ])('%s is %s: %s', (text, name) => {
    expect(identifyReference(text, GITHUB).name).toBe(name)
  })

  test.each([
    ['', 'is empty'],
    [' \t ', 'is empty'],
    ['acme', 'the owner "acme" but no repository'],
    ['https://github.com/acme', 'the owner "acme" but no repository'],
    ['https://github.com/acme?tab=repositories', 'the owner "acme" but no repository'],
    ['https://github.com/acme/.git', 'the owner "acme" but no repository'],
    ['https://github.com/', 'neither an owner nor a repository'],
    ['github.com', 'neither an owner nor a repository'],
    ['https://github.com/orgs/acme/repositories', '"orgs" is a page of GitHub'],
    ['https://github.com/topics/security', '"topics" is a page of GitHub'],
    ['sponsors/acme', '"sponsors" is a page of GitHub'],
    ['https://github.com/marketplace/actions/checkout', '"marketplace" is a page of GitHub'],
    ['https://github.com/Settings/tokens', '"Settings" is a page of GitHub'],
    ['https://github.com/apps/dependabot', '"apps" is a page of GitHub'],
    ['https://github.com/features/actions', '"features" is a page of GitHub'],
    ['https://github.com/login/oauth', '"login" is a page of GitHub'],
    ['https://github.com/acme/../root/secret', 'holds ".."'],
    ['acme/..', 'holds ".."'],
    ['https://github.com/acme/%2e%2E/x/y', 'holds ".."'],
    ['git@github.com:../../etc/passwd', 'holds ".."'],
    ['acme/.', '"." cannot be a repository'],
    ['./acme/web', 'path of the file system'],
    ['/srv/git/web.git', 'path of the file system'],
    ['~/web', 'path of the file system'],
    ['file:///srv/git/web.git', 'path of the file system'],
    [String.raw`C:\git\web`, 'path of the file system'],
    ['https://gist.github.com/acme/c2bf76b5', 'a gist'],
    ['gist:c2bf76b5', 'a gist'],
    ['https://acme.github.io/web', '"acme.github.io" is a page of GitHub Pages'],
    ['http://acme.github.com/web', '"acme.github.com" is a page of GitHub Pages'],
    ['https://gitlab.com/acme/web', 'the host is "gitlab.com", this target expects github.com'],
    ['gitlab:acme/web', 'the host is "gitlab.com", this target expects github.com'],
    ['bitbucket.org/acme/web', 'the host is "bitbucket.org", this target expects github.com'],
    ['git@github.com-work:acme/web.git', 'the host is "github.com-work"'],
    ['https://github.com.evil.example/acme/web', 'the host is "github.com.evil.example"'],
    ['https://notgithub.com/acme/web', 'the host is "notgithub.com"'],
    ['https://api.github.com/repos/acme/web', 'the host is "api.github.com"'],
    ['@acme/web', '"@acme" cannot be an owner'],
    ['-acme/web', '"-acme" cannot be an owner'],
    ['https://github.com/仓库/web', '"仓库" cannot be an owner'],
    [`${'o'.repeat(40)}/web`, '40 characters, GitHub allows 39'],
    [`acme/${'r'.repeat(101)}`, '101 characters, GitHub allows 100'],
    ['acme/web$app', '"web$app" cannot be a repository'],
    ['acme/web%2Fapp', '"web/app" cannot be a repository'],
    ['acme/web.git.git', '"web.git" cannot be a repository'],
    ['https://github.com/acme/web.wiki.git', 'is the wiki of a repository; write "acme/web"'],
    ['group/subgroup/project', 'has 3 parts, a repository has two'],
    ['acme/web and acme/api', 'white space'],
    ['javascript:alert(1)', 'no address that git or a browser reads'],
    ['ftp://github.com/acme/web', 'no address that git or a browser reads'],
    ['https://', 'cannot be read as an address'],
    ['http://[::1/acme/web', 'cannot be read as an address'],
  ])('%j is turned away: %s', (text, reason) => {
    expect(reasonFor(text)).toContain(reason)
  })

  test('an entry longer than any address is turned away', () => {
    expect(reasonFor(`acme/web/tree/${'x'.repeat(4096)}`)).toContain(
      'has 4110 characters, no address',
    )
    expect(reasonFor(`acme/web/tree/${'x'.repeat(4000)}`)).toBe('accepted')
  })

  test('a reason ends in what to do', () => {
    expect(reasonFor('acme')).toContain('write owner/name or https://github.com/owner/name')
  })
})

test('a line too long to keep is turned away by its number', async () => {
  const file = join(tmpdir(), `muster-long-${process.pid}.txt`)
  await writeFile(file, `acme/${'x'.repeat(70_000)}`)
  const context = { signal: new AbortController().signal }
  const [page] = await collect(enumerateList({ file }, undefined, context))
  await rm(file)
  expect(reasonFor(page?.items[0] ?? '')).toBe(
    'line 1 is longer than 65,536 bytes; write one entry a line',
  )
})

test.each([':', '.', ' ', ',', '#', '/', '@', 'a', 'a:', '://', 'http:', 'a@', '%2e', '-_'])(
  'a line of %j over and over takes no longer than its length',
  async (part) => {
    const work = (bytes: number) => {
      const long = part.repeat(bytes / part.length)
      for (const text of [long, `a:${long}/@b`, `x${long}y`, `https://${long}`, `${long}@x`]) {
        redactCredentials(text)
        carriesCredentials(text)
        reasonFor(text)
      }
    }
    expect(await growth(work, 6_000)).toBeLessThan(40)
  },
)

describe('a reference on an Enterprise server', () => {
  test.each([
    'Core/Api',
    'https://ghe.example/Core/Api.git',
    'http://ghe.example:8443/Core/Api/tree/main',
    'git@ghe.example:Core/Api.git',
    'ssh://git@ghe.example:2222/Core/Api.git',
    'ghe.example:Core/Api',
    'ghe.example/Core/Api',
  ])('%s', (text) => {
    expect(identifyReference(text, 'ghe.example')).toMatchObject({
      key: 'ghe.example/core/api',
      uri: 'https://ghe.example/Core/Api',
    })
  })

  test('a server with a port keeps it', () => {
    expect(identifyReference('git@ghe.example:Core/Api', 'GHE.example:8443')).toMatchObject({
      key: 'ghe.example:8443/core/api',
    })
  })

  test('a server without a dot in its name', () => {
    expect(identifyReference('http://ghe/Core/Api', 'ghe').key).toBe('ghe/core/api')
    expect(identifyReference('ghe/Core/Api', 'ghe').key).toBe('ghe/core/api')
  })

  test.each(['https://github.com/core/api', 'github:core/api'])('%s is elsewhere', (text) => {
    expect(reasonFor(text, 'ghe.example')).toContain(
      'the host is "github.com", this target expects ghe.example',
    )
  })
})

describe('credentials in a reference', () => {
  const SECRET = 'S3CRET'
  test.each([
    `https://user:${SECRET}@github.com/acme/web`,
    `https://${SECRET}@github.com/acme/web.git`,
    `git+https://x-access-token:${SECRET}@github.com/acme`,
    `https://user:${SECRET}@gitlab.com/acme/web`,
    `https://user:${SECRET}@github.com/topics/x`,
    `https://user:${SECRET}@github.com/acme/..`,
    `https://user:${SECRET}@[::1/acme/web`,
    `https://user:pa/${SECRET}@github.com/acme/web`,
    `https://${SECRET}/x@github.com/acme/web`,
    `https://github.com/user:${SECRET}@acme/web`,
    `https://github.com/user%3A${SECRET}%40acme/web`,
    `user:${SECRET}@github.com:acme/web.git`,
    `github:user:${SECRET}@acme`,
    `user:${SECRET}@acme/web`,
    `https://github.com/acme/web?access_token=${SECRET}`,
    `https://github.com/acme?access_token=${SECRET}`,
    `https://user:${SECRET}@github.com/acme/web oops`,
    `ftp://user:${SECRET}@github.com/acme/web`,
  ])('%s', (text) => {
    let said: string
    try {
      said = JSON.stringify(identifyReference(text, GITHUB))
    } catch (error) {
      expect(error).toBeInstanceOf(ItemRejectedError)
      said = (error as Error).message
    }
    // A host is shown in lower case.
    expect(said.toUpperCase()).not.toContain(SECRET)
  })
})

test('every line of a list that people wrote is a repository or has a reason', () => {
  const file = new URL('../../fixtures/repo-list-messy.txt', import.meta.url)
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  const outcomes = lines.map((line) => ({ line, reason: reasonFor(line) }))
  const kept = outcomes.filter(({ reason }) => reason === 'accepted')
  const elsewhere = outcomes.filter(({ reason }) => reason.startsWith('the host is'))
  const pages = outcomes.filter(({ reason }) => reason.includes('GitHub Pages'))
  expect({
    all: lines.length,
    kept: kept.length,
    elsewhere: elsewhere.length,
    pages: pages.length,
  }).toEqual({ all: 6667, kept: 4718, elsewhere: 1704, pages: 194 })
  // Nothing that plainly is a repository on github.com is lost.
  const plain = /^(?:\w[\w+]*:\/\/)?(?:www\.)?github\.com\/[a-z\d-]{1,39}\/[\w.-]{1,99}\/?$/i
  expect(outcomes.filter(({ line, reason }) => plain.test(line) && reason !== 'accepted')).toEqual(
    [],
  )
  for (const { line } of kept) {
    expect(identifyReference(line, GITHUB).uri).toMatch(/^https:\/\/github\.com\/[\w-]+\/[\w.-]+$/)
  }
})

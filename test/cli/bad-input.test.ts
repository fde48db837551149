import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { APPLICATION_ID } from '../../src/store/sqlite.ts'
import { runMain, type MainOutcome } from '../support/cli-in-process.ts'
import { runCli } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { databaseBytes, dump } from '../support/database.ts'
import { STACK_TRACE } from '../support/stack-trace.ts'
import { tempFolder } from '../support/temp.ts'

/** Secrets of the configs below; none may be repeated, whatever else is wrong. */
const TOKEN = 'ghp_0123456789neverRepeatedAnywhere'
const PASSWORD = 'pa55word-never-repeated'
const HEADER = 'header-value-never-repeated'
const SECRETS = [TOKEN, PASSWORD, HEADER]

const UNSET = 'MUSTER_TEST_VARIABLE_THAT_NOBODY_SETS'

const auth = { gh: { type: 'github', config: { token: TOKEN } } }
// A list, so that a fault that is passed over ends the run at once, and asks nobody anything.
const acme = {
  name: 'acme',
  source_type: 'github',
  auth_ref: 'gh',
  github: { repo_list: ['acme/one'] },
}
const urls = ['https://files.example/a.zip']
const dumps = {
  name: 'dumps',
  source_type: 'url',
  url: { urls, headers: { 'x-key': HEADER } },
}
const GOOD = { auth, targets: [acme, dumps] }

/** The config with the first target changed, and with the github or url part changed. */
const target = (change: object) => ({ auth, targets: [{ ...acme, ...change }, dumps] })
const github = (part: object) => target({ github: part })
const url = (part: object) => ({
  auth,
  targets: [acme, { ...dumps, url: { ...dumps.url, ...part } }],
})
const withAuth = (entries: object) => ({ auth: { ...auth, ...entries }, targets: [acme, dumps] })

/** What is said: the value at fault, what was expected in its place, what to do. */
type Says = readonly [value: string | RegExp, expected: string | RegExp, remedy: string | RegExp]

/** A database with a session, tasks and failed items in it. */
let existing = ''
let folder = ''
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-test-'))
  existing = join(folder, 'existing.db')
  const listed = [...urls, 'no URL at all']
  const config = { targets: [{ name: 'before', source_type: 'url', url: { urls: listed } }] }
  const { code, stderr } = await runMain(['run', writeConfig(folder, config), '--db', existing])
  expect(code, stderr).toBe(3)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function expectRefusal(
  { code, stdout, stderr }: Omit<MainOutcome, 'code'> & { code: unknown },
  says: Says,
) {
  for (const text of says) expect(stderr).toMatch(text)
  expect(stdout, 'nothing is data').toBe('')
  expect(stderr, 'no stack trace').not.toMatch(STACK_TRACE)
  for (const secret of SECRETS) expect(stderr, 'no secret').not.toContain(secret)
  expect(code, stderr).toBe(2)
}

/** Runs a command line against no database and against the existing one; neither is touched. */
async function refuses(argv: (db: string) => string[], says: Says) {
  const none = join(tempFolder(), 'none.db')
  expectRefusal(await runMain(argv(none)), says)
  expect(readdirSync(join(none, '..')), 'no database was made').toEqual([])
  const before = dump(existing)
  expectRefusal(await runMain(argv(existing)), says)
  expect(dump(existing), 'the database is as it was').toEqual(before)
}

describe('a config that cannot be read is refused', () => {
  const at = (name: string) => join(tempFolder(), name)
  const rows: [what: string, path: () => string, says: Says][] = [
    ['missing', () => at('none.yaml'), [/none\.yaml/, 'does not exist', 'check the path']],
    [
      'below a file',
      () => join(writeConfig(tempFolder(), GOOD), 'x.yaml'),
      [/x\.yaml/, 'does not exist', 'check the path'],
    ],
    [
      'a folder',
      () => tempFolder(),
      [/muster-test-/, 'is a folder', 'give the path of a YAML or JSON file'],
    ],
    [
      'unreadable',
      () => {
        // Root may read anything but this; anybody else is also kept out by the mode.
        const path = at('loop.yaml')
        symlinkSync(path, path)
        return path
      },
      [/loop\.yaml/, 'cannot be read (ELOOP)', 'check its permissions'],
    ],
  ]
  test.each(rows)('%s', async (_, path, says) => {
    const config = path()
    await refuses((db) => ['run', config, '--db', db], says)
  })

  test.skipIf(process.getuid?.() === 0)('without permission', async () => {
    const config = writeConfig(tempFolder(), GOOD)
    chmodSync(config, 0o000)
    const says = [/muster\.yaml/, 'cannot be read (EACCES)', 'check its permissions'] as const
    await refuses((db) => ['run', config, '--db', db], says)
  })
})

const RATE = 'expected a number of requests a second above 0 and up to 10,000'
const PER_PAGE = 'expected a whole number from 1 to 100'
const ATTEMPTS = 'expected a whole number of attempts from 1 to 100'
const WAIT = 'expected a time above 0 and up to 24h'
const SUCH_AS = 'such as "500ms", "1m30s"'
const ONE_OF =
  'give exactly one of org, user, authenticated_user, installation, all_orgs, enterprise, gists, repo_list, repo_list_file'
const LOCATED = /muster\.yaml:\d+:\d+: /
const SECRET_LINE = `auth: { gh: { type: github, config: { token: ${TOKEN} } } }\n`
const YAML_TARGET = 'targets: [{ name: a, source_type: github, github: { org: a } }]\n'

const FORM: [what: string, config: unknown, says: Says][] = [
  ['no YAML', `${SECRET_LINE}targets: ][`, [LOCATED, 'not valid YAML or JSON', ':2:10:']],
  [
    'an unclosed quote after a secret',
    `auth: { gh: { type: github, config: { token: "${TOKEN} } } }\n`,
    [LOCATED, 'not valid YAML or JSON', 'Missing closing'],
  ],
  [
    'a secret where a block should begin',
    `token: |${TOKEN}\n`,
    [LOCATED, 'not valid YAML or JSON', 'Block scalar header includes extra characters'],
  ],
  [
    'a secret under a tag',
    SECRET_LINE.replace('token: ', 'token: !env '),
    [LOCATED, 'tags (!name) are not supported', 'write a plain value'],
  ],
  [
    'a secret given twice',
    `auth: { gh: { type: github, config: { token: ${TOKEN}, token: ${PASSWORD} } } }\n${YAML_TARGET}`,
    [LOCATED, 'given twice', 'take one of them out'],
  ],
  ['a tab', `auth:\n\tgh: ${PASSWORD}\n`, [':2:1:', 'tabs cannot indent', 'use spaces']],
  ['words', 'just some words', ['"just some words"', 'expected a mapping', 'auth and targets']],
  ['a list', '- acme\n', ['a list', 'expected a mapping', 'auth and targets']],
  ['empty', '', ['muster.yaml is empty', 'expected a mapping', 'auth and targets']],
  [
    'comments only',
    '# nothing yet\n',
    ['muster.yaml is empty', 'expected a mapping', 'auth and targets'],
  ],
  [
    'binary',
    Buffer.from([0x53, 0x51, 0x4c, 0, 1, 2, 0xff]),
    ['muster.yaml', 'not a text file', 'expected YAML or JSON in UTF-8'],
  ],
  [
    'an image',
    Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'),
    ['muster.yaml', 'not a text file', 'expected YAML or JSON in UTF-8'],
  ],
  [
    'UTF-16',
    Buffer.from('\ufefftargets: []\n', 'utf16le'),
    ['muster.yaml', 'not a text file', 'expected YAML or JSON in UTF-8'],
  ],
]

const KEYS: [what: string, config: unknown, says: Says][] = [
  [
    'at the top',
    { ...GOOD, target: [acme] },
    [' target: ', 'unknown key', 'did you mean "targets"?'],
  ],
  [
    'at the top, near to none',
    { ...GOOD, output: 'x' },
    [' output: ', 'unknown key', 'known: auth, targets'],
  ],
  [
    'in a target',
    target({ authref: 'gh' }),
    ['target "acme", authref', 'unknown key', 'did you mean "auth_ref"?'],
  ],
  [
    'in camelCase',
    target({ sourceType: 'github' }),
    ['sourceType', 'unknown key', 'did you mean "source_type"?'],
  ],
  [
    'in the github part',
    github({ org: 'acme', perpage: 5 }),
    ['github.perpage', 'unknown key', 'did you mean "per_page"?'],
  ],
  [
    'in the url part',
    url({ header: { 'x-key': PASSWORD } }),
    ['target "dumps", url.header', 'unknown key', 'did you mean "headers"?'],
  ],
  [
    'in retry',
    url({ retry: { attempts: 3 } }),
    ['url.retry.attempts', 'unknown key', 'did you mean "max_attempts"?'],
  ],
  [
    'in auth, with a secret beside it',
    withAuth({ ci: { type: 'github', config: { tokn: PASSWORD } } }),
    ['auth.ci.config.tokn', 'unknown key', 'did you mean "token"?'],
  ],
  [
    'in auth, holding the secret',
    withAuth({ ci: { type: 'github', token: PASSWORD } }),
    ['auth.ci.token', 'unknown key', 'known: type, config'],
  ],
  [
    'called __proto__, in YAML',
    `__proto__: { polluted: true }\n${SECRET_LINE}${YAML_TARGET}`,
    ['__proto__', 'unknown key', 'known: auth, targets'],
  ],
  [
    'called __proto__, in JSON',
    `{ "__proto__": { "polluted": true }, "targets": [] }`,
    ['__proto__', 'unknown key', 'known: auth, targets'],
  ],
  [
    'called __proto__ in a target, in JSON',
    `{ "targets": [{ "name": "a", "__proto__": { "polluted": true }, "source_type": "github", "github": { "org": "a" } }] }`,
    ['target "a", __proto__', 'the key is not allowed', 'use another name'],
  ],
  [
    'called __proto__ in a part, in YAML',
    'targets: [{ name: a, source_type: github, github: { org: a, __proto__: { polluted: true } } }]',
    ['github.__proto__', 'the key is not allowed', 'use another name'],
  ],
  [
    'called __proto__ in metadata',
    'targets: [{ name: a, source_type: url, url: { urls: ["https://a.example"], metadata: { __proto__: { polluted: true } } } }]',
    ['url.metadata.__proto__', 'the key is not allowed', 'use another name'],
  ],
  [
    'called __proto__ in auth',
    `{ "auth": { "__proto__": { "type": "github", "config": { "token": "${TOKEN}" } } }, "targets": [{ "name": "a", "source_type": "github", "github": { "org": "a" } }] }`,
    ['auth.__proto__', 'the key is not allowed', 'use another name'],
  ],
]

const VALUES: [what: string, config: unknown, says: Says][] = [
  [
    'a credential that is not defined',
    target({ auth_ref: 'hub' }),
    ['"hub"', 'auth defines gh', 'define it there'],
  ],
  [
    'a credential, and no auth at all',
    { targets: [acme] },
    ['"gh"', 'auth defines none', 'define it there'],
  ],
  [
    'a token where the name of a credential belongs',
    target({ auth_ref: TOKEN }),
    ['auth_ref', 'auth defines gh', 'define it there'],
  ],
  [
    'an unset variable in auth',
    withAuth({ ci: { type: 'github', config: { token: `\${${UNSET}}` } } }),
    ['auth.ci.config.token', `${UNSET} is not set`, `export ${UNSET}`],
  ],
  [
    'an unset variable in a header',
    url({ headers: { 'x-key': `\${${UNSET}}`, 'x-other': HEADER } }),
    ['url.headers.x-key', `${UNSET} is not set`, `export ${UNSET}`],
  ],
  [
    'a variable where none is read',
    github({ org: '${HOME}' }),
    ['github.org', 'only in auth and headers', 'write the value itself'],
  ],
  [
    'auth that is a text',
    { ...GOOD, auth: PASSWORD },
    [' auth: ', 'expected a mapping', 'credentials'],
  ],
  [
    'a token that is a number',
    withAuth({ ci: { type: 'github', config: { token: 12345678 } } }),
    ['auth.ci.config.token', 'expected text', 'write it in quotes'],
  ],
  [
    'a token that is a list',
    withAuth({ ci: { type: 'github', config: { token: [PASSWORD] } } }),
    ['auth.ci.config.token', 'expected text', 'write it in quotes'],
  ],
  ['headers that are a text', url({ headers: PASSWORD }), ['url.headers', 'expected', 'record']],
  [
    'a header that is a list',
    url({ headers: { 'x-key': [PASSWORD] } }),
    ['url.headers.x-key', 'expected text', 'write it in quotes'],
  ],
  [
    'an unknown source type',
    target({ source_type: 'gitlab' }),
    ['"gitlab"', 'none of github, s3, url', 'did you mean "github"?'],
  ],
  [
    'both org and repo_list',
    github({ org: 'acme', repo_list: ['a/b'] }),
    ['found org and repo_list', ONE_OF, 'target "acme"'],
  ],
  ['neither', github({ per_page: 10 }), ['found none', ONE_OF, 'target "acme"']],
  [
    'an empty repo_list',
    github({ repo_list: [] }),
    ['repo_list is empty', 'at least one', 'such as "octokit/rest.js"'],
  ],
  [
    'an empty list of URLs',
    url({ urls: [] }),
    ['url.urls', 'the list is empty', 'give at least one URL'],
  ],
  [
    'no targets',
    { auth, targets: [] },
    ['targets', 'the list is empty', 'list at least one target'],
  ],
  ['targets left out', { auth }, ['targets', 'is missing', 'list at least one target']],
  [
    'a base_url that is none',
    github({ org: 'acme', base_url: 'ghe dot example' }),
    ['"ghe dot example"', 'not an http(s) URL', 'https://HOST/api/v3'],
  ],
  [
    'a base_url of another scheme',
    github({ org: 'acme', base_url: 'ftp://ghe.example' }),
    ['"ftp://ghe.example"', 'not an http(s) URL', 'https://HOST/api/v3'],
  ],
  [
    'a base_url with a password',
    github({ org: 'acme', base_url: `https://me:${PASSWORD}@ghe.example/api/v3` }),
    ['base_url for ghe.example', 'holds credentials', 'auth_ref'],
  ],
  [
    'a base_url of the web site',
    github({ org: 'acme', base_url: 'https://github.com' }),
    ['"https://github.com"', 'not the API', 'give https://api.github.com'],
  ],
  [
    'URLs in a text, with a password',
    url({ urls: `https://me:${PASSWORD}@files.example/` }),
    ['url.urls', 'expected a list of URLs', '@files.example'],
  ],
  [
    'a URL with a password',
    url({ urls: [`https://me:${PASSWORD}@files.example/`] }),
    ['url.urls[0]', 'carries credentials', 'put them in headers by reference'],
  ],
  [
    'a missing repo_list_file',
    github({ repo_list_file: 'none.txt' }),
    [/\/none\.txt/, 'does not exist', 'check the path'],
  ],
  [
    'a missing urls_file',
    url({ urls: undefined, urls_file: 'none.txt' }),
    [/\/none\.txt/, 'does not exist', 'check the path'],
  ],
  [
    'a folder for a urls_file',
    url({ urls: undefined, urls_file: '.' }),
    [/muster-test-/, 'is a folder', 'give the path of a text file'],
  ],
  [
    'two targets of one name',
    { auth, targets: [acme, { ...dumps, name: 'acme' }] },
    ['targets[1].name: the name "acme"', 'is taken by targets[0]', 'names have to differ'],
  ],
  [
    'an s3 target with a path in its bucket',
    {
      auth: {
        aws: {
          type: 's3',
          config: { access_key_id: 'AKIAABCDEFGHIJKLMNOP', secret_access_key: PASSWORD },
        },
      },
      targets: [{ name: 'logs', source_type: 's3', auth_ref: 'aws', s3: { bucket: 'logs/2026' } }],
    },
    ['target "logs", s3.bucket', 'bucket "logs/2026" is not the name', 'goes into prefix'],
  ],
  ...[-1, 0, 10_001, 1e300, '5'].map((v): [string, unknown, Says] => [
    `rate_limit ${JSON.stringify(v)}`,
    url({ rate_limit: v }),
    [`got ${JSON.stringify(v)}`, RATE, 'url.rate_limit'],
  ]),
  [
    'rate_limit .inf',
    'targets: [{ name: a, source_type: url, url: { urls: ["https://a.example"], rate_limit: .inf } }]',
    ['is Infinity', 'expected a number', 'that JSON can hold'],
  ],
  ...[-1, 0, 101, 2.5, 1e99, '10'].map((v): [string, unknown, Says] => [
    `per_page ${JSON.stringify(v)}`,
    github({ org: 'acme', per_page: v }),
    [`per_page is ${JSON.stringify(v)}`, PER_PAGE, 'github.per_page'],
  ]),
  ...[-1, 0, 1.5, 101, 1e99].map((v): [string, unknown, Says] => [
    `max_attempts ${v}`,
    url({ retry: { max_attempts: v } }),
    [`got ${v}`, ATTEMPTS, 'url.retry.max_attempts'],
  ]),
  ...[-1, 0, '-1s', '0s', '99h', 'soon', '1s of junk', 1e99].map((v): [string, unknown, Says] => [
    `initial_wait ${JSON.stringify(v)}`,
    url({ retry: { initial_wait: v } }),
    [`got ${JSON.stringify(v)}`, WAIT, SUCH_AS],
  ]),
  [
    'initial_wait above max_wait',
    url({ retry: { initial_wait: '10s', max_wait: '1s' } }),
    ['got "10s"', 'longer than max_wait', 'make it shorter'],
  ],
]

describe.each([
  ['a config of the wrong form', FORM],
  ['an unknown key', KEYS],
  ['a wrong value', VALUES],
])('%s is refused, and nothing is changed', (_, rows) => {
  test.each(rows)('%s', async (_, config, says) => {
    const path = writeConfig(tempFolder(), config)
    await refuses((db) => ['run', path, '--db', db], says)
    expect(({} as { polluted?: unknown }).polluted, 'the prototype of objects').toBeUndefined()
  })
})

// Promises that are not kept yet; whoever keeps one takes its ".fails" away.
test.each([
  [
    'an address with a password where a login belongs: the password is not repeated',
    github({ org: `me:${PASSWORD}@ghe.example` }),
    ['github.org', 'not a GitHub login', 'expected the name alone'],
  ],
  [
    'a credential called __proto__: its place in the file is told',
    `{ "auth": { "__proto__": { "type": "none" } }, "targets": [{ "name": "a", "source_type": "github", "github": { "org": "a" } }] }`,
    [LOCATED, 'auth.__proto__: the key is not allowed', 'use another name'],
  ],
  [
    'one fault is told once',
    github({ org: 'acme', per_page: 1e99 }),
    [/^muster: [^\n]+per_page is 1e\+99[^\n]+\n$/, PER_PAGE, 'github.per_page'],
  ],
] satisfies [string, unknown, Says][])('%s', async (_, config, says) => {
  const path = writeConfig(tempFolder(), config)
  await refuses((db) => ['run', path, '--db', db], says)
})

test('a config with many faults names them all, each with its place', async () => {
  const config = {
    auth,
    targets: [
      { ...acme, authref: 'gh' },
      { ...dumps, source: 'url' },
    ],
    more: 1,
  }
  const path = writeConfig(tempFolder(), config)
  const { stderr } = await runMain(['run', path, '--db', join(folder, 'none.db')])
  const lines = stderr.trim().split('\n')
  expect(lines.map((line) => /: ([^:]+): unknown key/.exec(line)?.[1])).toEqual([
    'target "acme", authref',
    'target "dumps", source',
    'more',
  ])
  for (const line of lines) expect(line).toMatch(LOCATED)
})

describe('a database that cannot be used is refused, and left as it is', () => {
  const sqlite =
    (name: string, fill: (database: Database.Database) => void) => (folder: string) => {
      const path = join(folder, name)
      const database = new Database(path)
      fill(database)
      database.close()
      return path
    }
  const file = (name: string, content: string) => (folder: string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const damaged = (folder: string) => {
    const path = join(folder, 'damaged.db')
    writeFileSync(
      path,
      Buffer.concat([readFileSync(existing).subarray(0, 8192), Buffer.alloc(65_536, 7)]),
    )
    return path
  }
  const rows: [what: string, make: (folder: string) => string, says: Says][] = [
    [
      'in a folder that is not there',
      (f) => join(f, 'no', 'muster.db'),
      ['no/muster.db', 'does not exist', 'create the folder'],
    ],
    [
      'that is a folder',
      (f) => (mkdirSync(join(f, 'dir')), join(f, 'dir')),
      [/dir is a folder/, 'name a file inside it', 'such as'],
    ],
    [
      'under a file',
      (f) => join(file('a.txt', 'text')(f), 'muster.db'),
      ['a.txt/muster.db', 'cannot be opened or created', 'the folder must exist'],
    ],
    [
      'that is a text file',
      file('diary.db', 'Dear diary,\n'.repeat(400)),
      ['diary.db', 'not a SQLite database', 'name another file'],
    ],
    [
      'that is a file of one letter',
      file('letter.db', 'x'),
      ['letter.db', 'not a SQLite database', 'name another file'],
    ],
    [
      "that is another program's",
      sqlite('other.db', (d) => d.exec('create table t (x); insert into t values (1)')),
      ['other.db', 'belongs to another program', 'name another file'],
    ],
    [
      'of a newer Muster',
      sqlite('newer.db', (d) =>
        d.exec(
          `create table t (x); pragma application_id = ${APPLICATION_ID}; pragma user_version = 99`,
        ),
      ),
      ['schema version 99', 'knows up to', 'update Muster'],
    ],
    ['that is damaged', damaged, ['damaged.db', 'is damaged', 'restore it from a backup']],
  ]
  test.each(rows)('%s', async (_, make, says) => {
    const folder = tempFolder()
    const config = writeConfig(folder, GOOD)
    const path = make(folder)
    const kept = existsSync(path) && !readdirSync(folder).includes('dir') && databaseBytes(path)
    const entries = readdirSync(folder)
    expectRefusal(await runMain(['run', config, '--db', path]), says)
    expect(readdirSync(folder), 'nothing was made beside it').toEqual(entries)
    if (kept) expect(databaseBytes(path).equals(kept), 'its bytes are as they were').toBe(true)
    if (!existsSync(path)) return
    // Looking does not change it either.
    for (const command of ['status', 'tasks']) {
      expectRefusal(await runMain([command, '--db', path]), says)
    }
    if (kept) expect(databaseBytes(path).equals(kept), 'its bytes are as they were').toBe(true)
  })

  const config = (folder: string) => writeConfig(folder, GOOD)
  /** Commands that name a database. */
  const commands = (db: string): [string, (folder: string) => string[]][] => [
    ['run', (f) => ['run', config(f), '--db', db]],
    ['status', () => ['status', '--db', db]],
    ['tasks', () => ['tasks', '--db', db]],
    ['resume', () => ['resume', 'some-session', '--db', db]],
    ['prune', () => ['prune', '--older-than', '1d', '--db', db]],
    ['migrate', () => ['migrate', '--db', db]],
    ['migrate --check', () => ['migrate', '--check', '--db', db]],
    ['copy from it', (f) => ['copy', db, join(f, 'to.db')]],
    ['copy to it', () => ['copy', existing, db]],
  ]

  test.each(commands(`postgres://me:${PASSWORD}@127.0.0.1:1/muster`))(
    'on a server that does not answer: %s',
    async (_, argv) => {
      const says = [
        'postgres://me@127.0.0.1:1/muster',
        'cannot be reached',
        'host and port',
      ] as const
      expectRefusal(await runMain(argv(tempFolder())), says)
    },
  )

  test.each(commands(`postgres://me:${PASSWORD}@127.0.0.1:1/`))(
    'on a server, without its name: %s',
    async (_, argv) => {
      const says = ['database URL', 'names no database', 'postgres://USER:PASSWORD@HOST'] as const
      expectRefusal(await runMain(argv(tempFolder())), says)
    },
  )

  test.each(commands(`mysql://me:${PASSWORD}@127.0.0.1:1/muster`))(
    'on a server of another kind: %s',
    async (_, argv) => {
      const says = ['mysql://', 'not supported', 'a SQLite file, or postgres://'] as const
      expectRefusal(await runMain(argv(tempFolder())), says)
    },
  )

  test.each(['', '  '])('of an empty path (%j)', async (path) => {
    const says = ['--db', 'the path is empty', 'name a file, such as ./muster.db'] as const
    expectRefusal(await runMain(['run', config(tempFolder()), '--db', path]), says)
    expectRefusal(await runMain(['status', '--db', path]), says)
  })
})

describe('a command line that cannot be understood is refused, and nothing is changed', () => {
  const HELP = 'muster --help lists the commands'
  const run =
    (...more: string[]) =>
    (db: string) => {
      return ['run', writeConfig(tempFolder(), GOOD), '--db', db, ...more]
    }
  const line =
    (...argv: string[]) =>
    (db: string) => [...argv, '--db', db]
  const rows: [what: string, argv: (db: string) => string[], says: Says][] = [
    ['an unknown command', () => ['walk'], ["'walk'", 'unknown command', HELP]],
    [
      'a command almost spelled right',
      () => ['rnu'],
      ["'rnu'", 'unknown command', 'Did you mean run?'],
    ],
    ['no command', () => [], [/^Usage: muster/, 'Commands:', 'help [command]']],
    [
      'run without its config',
      (db) => ['run', '--db', db],
      ["'config'", 'missing required argument', HELP],
    ],
    [
      'run with two configs',
      run('second.yaml'),
      ['second.yaml', 'Expected 1 argument but got 2', HELP],
    ],
    [
      'resume without a session',
      (db) => ['resume', '--db', db],
      ["'session-id'", 'missing required argument', HELP],
    ],
    ...['30', 'thirty days', '0d', '-1d', '30d of junk', '1000y', ''].map(
      (v): [string, (db: string) => string[], Says] => [
        `--older-than ${JSON.stringify(v)}`,
        (db) => ['prune', `--older-than=${v}`, '--db', db],
        [`'${v}'`, 'expected an age above 0 and up to 100 years', 'such as 30d'],
      ],
    ),
    [
      'prune without an age',
      (db) => ['prune', '--db', db],
      ["'--older-than <age>'", 'not specified', HELP],
    ],
    ['copy to nowhere', (db) => ['copy', db], ["'to'", 'missing required argument', HELP]],
    [
      'copy to an empty path',
      (db) => ['copy', db, ''],
      ['to: ', 'the path is empty', 'name a file'],
    ],
    ['an unknown option', run('--loudly'), ["'--loudly'", 'unknown option', HELP]],
    [
      'an option almost spelled right',
      run('--jsn'),
      ["'--jsn'", 'unknown option', 'Did you mean --json?'],
    ],
    [
      'an option without its value',
      () => ['status', '--db'],
      ["'--db <path>'", 'argument missing', HELP],
    ],
    [
      'an unknown format',
      () => ['machines', '--format', 'svg'],
      ["'svg'", 'Allowed choices are json, js, mermaid', HELP],
    ],
    [
      'an unknown machine',
      () => ['machines', 'sesion'],
      ['"sesion"', 'there are session, batch', 'did you mean "session"?'],
    ],
    ...['0', '-1', '1.5', '1001', '1e3', '0x10', 'many', ''].map(
      (v): [string, (db: string) => string[], Says] => [
        `--concurrency ${JSON.stringify(v)}`,
        run('--concurrency', v),
        [`'${v}'`, 'expected a whole number from 1 to 1000', HELP],
      ],
    ),
  ]
  test.each(rows)('%s', (_, argv, says) => refuses(argv, says))

  test.each([
    ['resume of an unknown session', line('resume', 'no-such-session')],
    ['tasks of an unknown session', line('tasks', '--session', 'no-such-session')],
  ])('%s', async (_, argv) => {
    const before = dump(existing)
    const says = ['"no-such-session"', 'is not in', '"muster status" lists those that are'] as const
    expectRefusal(await runMain(argv(existing)), says)
    expect(dump(existing), 'the database is as it was').toEqual(before)
  })

  test.each([
    ['status', line('status')],
    ['tasks', line('tasks')],
    ['resume', line('resume', 'some-session')],
    ['prune', line('prune', '--older-than', '1d')],
    ['migrate', line('migrate')],
    ['migrate --check', line('migrate', '--check')],
  ])('%s of a database that is not there, which stays so', async (_, argv) => {
    const none = join(tempFolder(), 'none.db')
    const says = [
      'none.db does not exist',
      'name one with --db',
      'or make one with "muster run"',
    ] as const
    expectRefusal(await runMain(argv(none)), says)
    expect(readdirSync(join(none, '..')), 'no database was made').toEqual([])
  })
})

describe('as a process of its own the tool says the same', () => {
  test('of a config, a database, a command and an option', async () => {
    const folder = tempFolder()
    const none = join(folder, 'none.db')
    const good = writeConfig(folder, GOOD, 'good.yaml')
    const bad = writeConfig(folder, url({ rate_limit: -1 }), 'bad.yaml')
    const entries = readdirSync(folder)
    const [config, database, command, option, looked] = await Promise.all([
      runCli(['run', bad, '--db', none]),
      runCli(['run', good, '--db', join(good, 'muster.db')]),
      runCli(['walk']),
      runCli(['run', good, '--db', none, '--concurrency', '0']),
      runCli(['status'], { cwd: folder }),
    ])
    expectRefusal(config, ['got -1', RATE, 'url.rate_limit'])
    expectRefusal(database, ['good.yaml/muster.db', 'cannot be opened', 'the folder must exist'])
    expectRefusal(command, ["'walk'", 'unknown command', '--help'])
    expectRefusal(option, ["'0'", 'expected a whole number', '--help'])
    expectRefusal(looked, ['./muster.db', 'does not exist', '--db'])
    expect(readdirSync(folder), 'nothing was made').toEqual(entries)
  })
})

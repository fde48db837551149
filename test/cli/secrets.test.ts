import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { createMuster, type BusEventType, type Task } from '../../src/index.ts'
import { runMain } from '../support/cli-in-process.ts'
import { runCli, startCli, type Finished } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { ask, databaseBytes } from '../support/database.ts'
import { collect } from '../support/muster.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { reachableTexts, secretForms, secretsIn } from '../support/secret-forms.ts'
import { tempFolder } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

/** Each with characters that look otherwise in a URL. */
const SECRETS = {
  environment: 'ghp_Environment+Token/0123456789',
  literal: 'ghp_Literal=Token&abcdefghij',
  refused: 'ghp_Refused?Token%klmnopqrst',
  header: 'Header Value/of+the environment',
  literalHeader: 'Literal+Header=Value written out',
  listed: 'pa55word:of+a=list',
  filed: 'hunter2/of/a/file',
  answered: 'pa55word+in-an-answer',
}
const VALID = [SECRETS.environment, SECRETS.literal]

/** Where secrets are looked for: in the database's files as they are, and in all that was printed. */
function expectNoSecret(db: string, outputs: readonly Pick<Finished, 'stdout' | 'stderr'>[]) {
  expect(secretsIn(databaseBytes(db), SECRETS), 'secrets in the database and its log').toEqual([])
  for (const { stdout, stderr } of outputs) {
    expect(secretsIn(stdout, SECRETS), `secrets in the output:\n${stdout}`).toEqual([])
    expect(secretsIn(stderr, SECRETS), `secrets in the messages:\n${stderr}`).toEqual([])
  }
}

/** A server that repeats the credential in its refusals, and passwords in its pages. */
async function startIndiscreetServer() {
  let asked = 0
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    // What is asked by REST has no body.
    const { variables } = JSON.parse(String(Buffer.concat(chunks)) || '{"variables":{}}') as {
      variables: { login: string }
    }
    if (variables.login === 'puzzling') asked += 1
    const credential = request.headers.authorization ?? ''
    const said = `not for "${credential}", nor ${credential.replace(/^\w+ /, '')}`
    const node = (databaseId: number, nameWithOwner: string, url: string) => ({
      databaseId,
      nameWithOwner,
      url,
    })
    const answers: Record<string, [status: number, body: unknown]> = {
      forbidding: [403, { message: said }],
      // Tried again once, so that the reason for trying again is told too.
      puzzling: [asked > 1 ? 451 : 500, { message: said }],
      erring: [200, { data: { owner: null }, errors: [{ type: 'FORBIDDEN', message: said }] }],
      listing: [
        200,
        {
          data: {
            owner: {
              listing: {
                totalCount: 3,
                pageInfo: { hasNextPage: false, endCursor: null },
                nodes: [
                  node(1, 'listing/good', 'https://github.com/listing/good'),
                  node(2, 'listing/bad', `https://me:${SECRETS.answered}@github.com/listing/bad`),
                  node(3, credential, 'https://github.com/listing/worse'),
                ],
              },
            },
          },
        },
      ],
    }
    const [status, body] = answers[variables.login] ?? [404, { message: said }]
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

const startGithub = () =>
  startSandboxGitHub({
    owners: [
      { login: 'first', type: 'Organization', names: itemsNamed('first', 20) },
      { login: 'second', type: 'Organization', names: itemsNamed('second', 200) },
    ],
    tokens: VALID,
    latencyMs: 20,
    faults: ({ body }) => (body.includes('"forbidden"') ? { kind: 'forbidden' } : undefined),
  })

function everyRoad(folder: string, github: string, indiscreet: string): string {
  writeFileSync(
    join(folder, 'repos.txt'),
    [
      'octokit/rest.js',
      `https://me:${SECRETS.listed}@github.com/octokit/core.js`,
      `https://me:${SECRETS.listed}@elsewhere.example/a/b`,
      `ssh://me:${SECRETS.listed}@github.com/only-an-owner`,
      `me:${SECRETS.listed}@github.com:octokit/auth.js`,
    ].join('\n'),
  )
  writeFileSync(
    join(folder, 'urls.txt'),
    [
      'https://files.example/1',
      `https://me:${SECRETS.filed}@files.example/2`,
      `ftp://me:${SECRETS.filed}@files.example/3`,
      `me:${SECRETS.listed}@files.example`,
    ].join('\n'),
  )
  const credential = (token: string) => ({ type: 'github', config: { token } })
  const org = (name: string, auth_ref: string, base_url: string) => ({
    name,
    source_type: 'github',
    auth_ref,
    github: { org: name, base_url, per_page: 10 },
  })
  return writeConfig(folder, {
    auth: {
      env: credential('${GITHUB_TOKEN}'),
      parts: credential('ghp_${TOKEN_END}'),
      literal: credential(SECRETS.literal),
      refused: credential(SECRETS.refused),
    },
    targets: [
      org('first', 'env', github),
      org('second', 'literal', github),
      org('forbidden', 'parts', github),
      { ...org('unauthorised', 'refused', github), github: { org: 'first', base_url: github } },
      ...['forbidding', 'puzzling', 'erring', 'missing', 'listing'].map((name) =>
        org(name, 'literal', indiscreet),
      ),
      { name: 'repos', source_type: 'github', github: { repo_list_file: 'repos.txt' } },
      {
        name: 'urls',
        source_type: 'url',
        url: {
          urls_file: 'urls.txt',
          headers: { 'x-key': '${HEADER_KEY}', authorization: SECRETS.literalHeader },
        },
      },
    ],
  })
}

test('no secret is stored or printed, however a run goes', async () => {
  await using github = await startGithub()
  await using indiscreet = await startIndiscreetServer()
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  const config = everyRoad(folder, github.url, indiscreet.url)
  const env = {
    GITHUB_TOKEN: SECRETS.environment,
    TOKEN_END: SECRETS.environment.slice('ghp_'.length),
    HEADER_KEY: SECRETS.header,
  }

  // Killed in the middle: the log beside the database is all there is.
  const killed = startCli(['run', config, '--db', db], { env })
  await waitUntil(
    'second is under way',
    () => github.requests.filter(({ body }) => body.includes('"second"')).length > 5,
  )
  killed.process.kill('SIGKILL')
  const outputs = [await killed.finished]
  expectNoSecret(db, outputs)

  outputs.push(await runCli(['run', config, '--db', db, '--json'], { env }))
  const rows = JSON.parse(outputs.at(-1)?.stdout ?? '') as {
    target: string
    status: string
    session_id: string
  }[]
  expect(Object.fromEntries(rows.map((row) => [row.target, row.status]))).toEqual({
    first: 'COMPLETED',
    second: 'COMPLETED',
    forbidden: 'FAILED',
    forbidding: 'FAILED',
    puzzling: 'FAILED',
    erring: 'FAILED',
    missing: 'FAILED',
    listing: 'PARTIALLY_COMPLETED',
    repos: 'PARTIALLY_COMPLETED',
    urls: 'PARTIALLY_COMPLETED',
  })
  // A refused token pauses its session, and the reason is as discreet.
  expect(outputs.at(-1)?.stderr).toMatch(/unauthorised: .*credential "refused" was refused/)
  const failed = rows.find((row) => row.target === 'forbidding')
  outputs.push(
    ...(await Promise.all([
      runCli(['status', '--db', db]),
      runCli(['tasks', '--db', db]),
      runCli(['tasks', '--db', db, '--jsonl']),
      runCli(['resume', String(failed?.session_id), '--db', db, '--config', config], { env }),
    ])),
  )
  // It was really used, and the failed items are really there.
  expect(github.requests.filter((request) => request.status === 200).length).toBeGreaterThan(20)
  expect(ask(db, 'select item from failed_items').length).toBeGreaterThanOrEqual(6)
  expectNoSecret(db, outputs)
})

test('a host that watches every actor and every event sees no secret; only a task gives it away, when asked', async () => {
  await using github = await startGithub()
  await using indiscreet = await startIndiscreetServer()
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  const watched: unknown[] = []
  const types: Record<BusEventType, true> = {
    'session.started': true,
    'session.progressed': true,
    'session.ended': true,
    'session.interrupted': true,
    'enumerator.changed': true,
    'task.created': true,
    'task.started': true,
    'task.progressed': true,
    'task.completed': true,
    'task.failed': true,
    'rule.published': true,
  }
  const tasks: Task[] = []
  {
    await using muster = await createMuster({
      database: db,
      auth: {
        literal: { type: 'github', config: { token: SECRETS.literal } },
        vault: { type: 'github', config: { token: async () => SECRETS.environment } },
      },
      inspect: (event) => watched.push(event),
    })
    for (const type of Object.keys(types) as BusEventType[]) {
      muster.bus.subscribe(type, (event) => void watched.push(event))
    }
    const org = (name: string, authRef: string, baseUrl: string) => ({
      name,
      sourceType: 'github',
      authRef,
      github: { org: name, baseUrl },
    })
    const results = [
      org('first', 'vault', github.url),
      org('forbidding', 'literal', indiscreet.url),
      org('listing', 'literal', indiscreet.url),
      {
        name: 'urls',
        sourceType: 'url',
        url: {
          urls: ['https://files.example/1', 'not a URL'],
          headers: { 'x-key': () => SECRETS.header, authorization: SECRETS.literalHeader },
        },
      },
    ].map((spec) => muster.coordinator.enumerateTarget(spec))
    for (const { tasks: found, errors, done } of results) {
      tasks.push(...(await collect(found)))
      watched.push(await collect(errors), await done)
    }
    expect(tasks).toHaveLength(20 + 1 + 1)

    // The one road: asked for, each time anew.
    const credentials = async (prefix: string) =>
      tasks.find(({ resourceUri }) => resourceUri.startsWith(prefix))?.credentials()
    expect(await credentials('https://github.com/first/')).toEqual({
      type: 'GITHUB',
      values: { token: SECRETS.environment },
    })
    expect(await credentials('https://files.example/')).toEqual({
      type: 'UNAUTHENTICATED',
      values: { headers: { 'x-key': SECRETS.header, authorization: SECRETS.literalHeader } },
    })
  }
  expect(watched.length, 'events were watched').toBeGreaterThan(50)
  const texts = reachableTexts([watched, tasks])
  expect(texts, 'the watching reaches what is watched').toContain('https://github.com/listing/good')
  const found = texts.filter((text) => secretsIn(text, SECRETS).length > 0)
  expect(found).toEqual([])
  expect(secretsIn(databaseBytes(db), SECRETS)).toEqual([])
})

/** What people paste around an address: the password in it has to go all the same, and does not yet. */
const PASTED = [
  `git remote add origin https://me:${SECRETS.listed}@github.com/octokit/rest.js`,
  `- https://me:${SECRETS.listed}@github.com/octokit/rest.js`,
  `rest.js,https://me:${SECRETS.listed}@github.com/octokit/rest.js`,
  `https:\\\\me:${SECRETS.listed}@github.com/octokit/rest.js`,
  `//me:${SECRETS.listed}@github.com/octokit/rest.js`,
]

test.each(PASTED)('a password is not stored from a list that has it as %s', async (line) => {
  const folder = tempFolder()
  writeFileSync(join(folder, 'list.txt'), `${line}\n`)
  const target = (name: string, part: object) => ({ name, source_type: 'github', github: part })
  const db = join(folder, 'muster.db')
  const config = writeConfig(folder, {
    targets: [
      target('filed', { repo_list_file: 'list.txt' }),
      target('listed', { repo_list: [line] }),
    ],
  })
  const { code, ...output } = await runMain(['run', config, '--db', db, '--json'])
  expect(code, output.stderr).not.toBe(2)
  expectNoSecret(db, [output])
})

test.each(PASTED)('a password is not printed from a config that has it as %s', async (line) => {
  const folder = tempFolder()
  const targets = [{ name: 'listed', source_type: 'url', url: { urls: [line] } }]
  const config = writeConfig(folder, { targets })
  const { code, ...output } = await runMain(['run', config, '--db', join(folder, 'muster.db')])
  expect(code).toBeGreaterThan(0)
  expectNoSecret(join(folder, 'muster.db'), [output])
})

test('a secret is looked for in each form it can take', () => {
  const secret = SECRETS.literal
  for (const text of [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
    Buffer.from(`Bearer ${secret}, and more`).toString('base64'),
    Buffer.from(`me:${secret}`).toString('base64url'),
    Buffer.from(`x${secret}`).toString('base64'),
  ]) {
    expect(secretsIn(`before ${text} after`, SECRETS), text).toEqual(['literal'])
  }
  expect(secretForms('abcdef').every((form) => form.length > 5)).toBe(true)
  expect(reachableTexts({ a: new Map([['k', [new Error('deep')]]]) })).toContain('deep')
})

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createActor, setup } from 'xstate'
import { beforeAll, expect, test, vi } from 'vitest'
import { startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { recordingOf } from '../../src/cli/replay-command.ts'
import {
  createMuster,
  readRecording,
  recordInspection,
  type MusterOptions,
} from '../../src/index.ts'
import { statelyEvent } from '../../src/observe/stately-replay.ts'
import type { RecordedLine } from '../../src/observe/recording-lines.ts'
import { runMain } from '../support/cli-in-process.ts'
import { collect, QUICK } from '../support/muster.ts'
import {
  itemsNamed,
  scriptedSource,
  scriptedTarget,
  type Scripted,
} from '../support/scripted-source.ts'
import { tempFolder } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const recordingPath = () => join(tempFolder(), 'walk.jsonl')

/** Closed by the test itself: what was recorded is read afterwards. */
const musterOver = (listings: Record<string, Scripted>, options: MusterOptions) =>
  createMuster({ database: ':memory:', ...QUICK, sources: [scriptedSource(listings)], ...options })

async function recordedWalk(file: string, items: readonly string[] = itemsNamed('a', 6)) {
  const muster = await musterOver({ a: { items, pageSize: 2 } }, { record: file })
  const { sessionId } = await muster.coordinator.enumerateTarget(scriptedTarget('a')).done
  await muster.close()
  return sessionId
}

let whole = ''
let sessionOfWhole = ''
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-test-'))
  const file = join(folder, 'walk.jsonl')
  sessionOfWhole = await recordedWalk(file, [...itemsNamed('a', 5), 'bad'])
  whole = readFileSync(file, 'utf8')
  rmSync(folder, { recursive: true })
})

/** The recording of `beforeAll`, in a file of the test's own. */
function written(text = whole): string {
  const file = recordingPath()
  writeFileSync(file, text)
  return file
}

test('a recording plays every actor from state to state, as it went', async () => {
  const { frames, isCut, name, startedAt, endedAt } = await recordingOf(written())
  expect([name, isCut]).toEqual(['walk.jsonl', false])
  expect(endedAt).toBeGreaterThanOrEqual(startedAt)
  const pathOf = (actor: string) =>
    frames.filter((frame) => frame.actor === actor).map(({ to }) => to.at(-1))
  expect(pathOf(`session:${sessionOfWhole}`)).toEqual([
    'session.INITIALIZED',
    'session.IN_PROGRESS',
    'session.PARTIALLY_COMPLETED',
  ])
  expect(pathOf(`batch:${sessionOfWhole}:3`)).toEqual([
    'batch.IN_PROGRESS',
    'batch.PARTIALLY_COMPLETED',
  ])
  const enumerator = frames.filter(({ machine }) => machine === 'enumerator')
  expect(enumerator[0]).toMatchObject({
    event: 'xstate.init',
    from: [],
    to: ['enumerator.fetching', 'enumerator.fetching.queued'],
  })
  expect(enumerator.at(-1)?.to).toEqual(['enumerator.ended'])
  // Each goes on from where it was left.
  for (const [index, { from }] of enumerator.entries()) {
    if (index > 0) expect(from).toEqual(enumerator[index - 1]?.to)
  }
  // The coordinator and the orchestrator are told apart, though XState calls both x:0.
  expect(new Set(frames.map(({ actor }) => actor))).toContain('orchestrator')
  expect(new Set(frames.map(({ actor }) => actor))).toContain('coordinator')
})

test('more transitions than a page can take are cut, and it says so', async () => {
  const all = await recordingOf(written())
  const cut = await recordingOf(written(), 5)
  expect(cut).toMatchObject({ isCut: true, endedAt: all.endedAt })
  expect(cut.frames).toEqual(all.frames.slice(0, 5))
})

test('its lines have the shape of the Stately inspector, with microsteps, and its header the charts', async () => {
  const lines = await collect(readRecording(written()))
  const [header] = lines
  if (header?.type !== 'muster.recording') throw new Error('no header')
  const types = new Set(lines.map(({ type }) => type))
  expect([...types].toSorted()).toEqual([
    '@xstate.actor',
    '@xstate.event',
    '@xstate.microstep',
    '@xstate.snapshot',
    'muster.recording',
  ])
  const sent = lines.map((line) => statelyEvent(line, header)).filter((event) => event !== null)
  const actor = sent.find((event) => 'name' in event && String(event.name).startsWith('session:'))
  expect(actor).toMatchObject({
    type: '@xstate.actor',
    _version: expect.any(String),
    rootId: expect.any(String),
    parentId: expect.any(String),
  })
  const { definition } = actor as unknown as { definition: string }
  const { initial } = JSON.parse(definition) as { initial: string }
  expect(initial).toBe('INITIALIZED')
})

test('--text prints one line a transition', async () => {
  const file = written()
  const { code, stdout } = await runMain(['replay', file, '--text'])
  const lines = stdout.trim().split('\n')
  expect(code).toBe(0)
  expect(lines).toHaveLength((await recordingOf(file)).frames.length)
  expect(lines).toContainEqual(
    expect.stringMatching(
      new RegExp(
        `^\\S+Z session:${sessionOfWhole} INITIALIZED -> IN_PROGRESS \\(session\\.start\\)$`,
      ),
    ),
  )
  const both = await runMain(['replay', file, '--text', '--stately'])
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('give one')])
})

function pipe(): string {
  const file = recordingPath()
  execFileSync('mkfifo', [file])
  return file
}

const refused: readonly (readonly [string, () => string, RegExp])[] = [
  ['a file that is not there', () => '/nowhere/at.jsonl', /cannot be read .*ENOENT.*--record/],
  ['a folder', () => tempFolder(), /(is no file|cannot be read)/],
  ['an empty file', () => written(''), /is empty/],
  ['JSON of something else', () => written('{"a":1}\n{"b":2}\n'), /is no recording/],
  ['garbage', () => written('\0\x07'.repeat(5_000)), /is no recording/],
  ['a first line that is torn', () => written(whole.slice(0, 500)), /first line/],
  [
    'a line in its middle that is damaged',
    () => written(whole.split('\n').with(7, '{"type":"@xstate.ev').join('\n')),
    /line 8 is no line/,
  ],
  [
    'a line that lacks what it must have',
    () => written(whole.split('\n').with(4, '{"type":"@xstate.actor"}').join('\n')),
    /line 5 is no line/,
  ],
  [
    'a time that no date has',
    () => written(whole.replace(/"createdAt":"\d+"/, '"createdAt":"9999999999999999"')),
    /line 2 is no line/,
  ],
  [
    'a line without an end',
    () => written(`${whole}${'a'.repeat(2_000_000)}`),
    /line \d+ is longer than any/,
  ],
  ['a pipe', pipe, /is no file/],
  [
    'a newer format',
    () => written(whole.replace('"format":1,"muster":"', '"format":2,"muster":"9.')),
    /newer Muster \(9\./,
  ],
]

const deep = (levels: number) => '{"a":'.repeat(levels) + '"x"' + '}'.repeat(levels)

test('states within states without end are no end of the replay', async () => {
  const base = { sessionId: '0.x:1', rootId: '0.x:0', createdAt: '1' }
  const [header = ''] = whole.split('\n')
  const actor = {
    type: '@xstate.actor',
    name: 'session:1',
    ...base,
    machine: 'session',
    snapshot: { status: 'active' },
  }
  const snapshot = {
    type: '@xstate.snapshot',
    ...base,
    event: { type: 'e' },
    snapshot: { status: 'active', value: '' },
  }
  const lines = [header, JSON.stringify(actor), JSON.stringify(snapshot)]
  const file = written(lines.join('\n').replace('"value":""', `"value":${deep(50_000)}`))
  const { code, stderr } = await runMain(['replay', file, '--text'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test.each(refused)('%s is refused with words that help', async (_, file, message) => {
  const { code, stderr } = await runMain(['replay', file(), '--text'])
  expect(stderr).toMatch(message)
  expect(code).toBe(2)
})

test('a torn last line is passed over, and the next process goes on in a line of its own', async () => {
  const file = written(whole.slice(0, -20))
  const before = await collect(readRecording(file))
  expect(before).toHaveLength(whole.trim().split('\n').length - 1)
  const sessionId = await recordedWalk(file)
  const { frames } = await recordingOf(file)
  const sessions = frames.filter(({ machine }) => machine === 'session')
  expect(sessions.filter(({ actor }) => actor === `session:${sessionOfWhole}`)).toHaveLength(3)
  expect(sessions.filter(({ actor }) => actor === `session:${sessionId}`)).toHaveLength(3)
})

test('a file that is something else is not written to, and no database is made', async () => {
  const folder = tempFolder()
  const [file, database] = [join(folder, 'notes.txt'), join(folder, 'muster.db')]
  writeFileSync(file, 'my notes\n')
  await expect(createMuster({ database, record: file })).rejects.toThrow(/is no recording/)
  await expect(createMuster({ database, record: join(folder, 'no/where') })).rejects.toThrow(
    /cannot be written/,
  )
  expect(readFileSync(file, 'utf8')).toBe('my notes\n')
  expect(() => statSync(database)).toThrow(/ENOENT/)
})

test('a disk that is full, a pipe and the database itself are refused before anything is made', async () => {
  const folder = tempFolder()
  const [config, database] = [join(folder, 'c.yaml'), join(folder, 'muster.db')]
  const list = { name: 'x', source_type: 'url', url: { urls: ['https://a.example/1'] } }
  writeFileSync(config, JSON.stringify({ targets: [list] }))
  for (const [record, words] of [
    ['/dev/full', 'record: /dev/full cannot be written (ENOSPC'],
    [pipe(), 'is no file: name another file'],
    [database, 'is the database: name another file'],
  ] as const) {
    const args = ['run', config, '--db', database, '--record', record]
    const { code, stderr } = await runMain(args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)])
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(readdirSync(folder)).toEqual(['c.yaml'])
  }
})

const SECRETS = {
  token: 'ghp_0123456789abcdefghijABCDEFGHIJ012345',
  header: 'header-secret-9f8e7d6c5b',
  password: 'hunter2-in-the-address',
  thrown: 'quoted-by-an-error-77',
  cursor: 'cursor-of-the-source-42',
}

/** Quotes the header that it is sent wherever an answer can. */
async function startIndiscreetServer() {
  const keys: string[] = []
  const server = createServer(({ headers }, response) => {
    const key = String(headers['x-key'])
    keys.push(key)
    response.writeHead(403, `no ${key}`, { location: `/${key}` }).end(`the key ${key} is wrong`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    async [Symbol.asyncDispose]() {
      server.close()
    },
  }
}

test('no secret is in a recording: not of credentials, headers, addresses, errors, items or cursors', async () => {
  const file = recordingPath()
  await using github = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: ['private-name-of-a-repo'] }],
    faults: [{ kind: 'bad-credentials' }],
  })
  let calls = 0
  const muster = await musterOver(
    {
      a: {
        items: [...itemsNamed('item-text', 3), `bad https://u:${SECRETS.password}@host/x`],
        pageSize: 2,
        async before(_, { credentials }) {
          calls += 1
          if (calls > 1) return
          await credentials()
          throw new Error(
            `503 from https://u:${SECRETS.password}@host with ${SECRETS.token} and ${SECRETS.thrown}`,
          )
        },
        // The same cursor twice is a fault, whose message quotes it.
        page: () => ({ cursor: SECRETS.cursor }),
      },
    },
    {
      record: file,
      auth: {
        gh: { type: 'github', config: { token: SECRETS.token } },
        own: { type: 'github', config: { token: SECRETS.thrown } },
      },
    },
  )
  await muster.coordinator
    .enumerateTarget({ ...scriptedTarget('a'), authRef: 'own' })
    .done.catch(() => undefined)
  await muster.coordinator
    .enumerateTarget({
      name: 'acme',
      sourceType: 'github',
      authRef: 'gh',
      github: { org: 'acme', baseUrl: github.url },
    })
    .done.catch(() => undefined)
  const list = join(tempFolder(), 'urls.txt')
  writeFileSync(list, `https://user:${SECRETS.password}@files.example/a.zip\n`)
  await using indiscreet = await startIndiscreetServer()
  vi.stubEnv('KEY', SECRETS.header)
  const headers = { 'x-key': '${KEY}' }
  for (const url of [
    { urlsFile: list, headers },
    { listUrl: `${indiscreet.url}/list.txt`, allowHosts: ['127.0.0.1'], headers },
  ]) {
    await muster.coordinator
      .enumerateTarget({ name: `urls ${Object.keys(url)[0]}`, sourceType: 'url', url })
      .done.catch(() => undefined)
  }
  await muster.close()
  expect(indiscreet.keys).toContain(SECRETS.header)
  const text = readFileSync(file, 'utf8')
  // It is a recording of all that, and of the reason of the wait.
  expect(text.includes('backingOff')).toBe(true)
  expect(/503 from https:\/\/\*\*\*@host/.test(text)).toBe(true)
  expect(Object.values(SECRETS).filter((secret) => text.includes(secret))).toEqual([])
  const contents = ['item-text-0', 'private-name', 'files.example']
  expect(contents.filter((content) => text.includes(content))).toEqual([])
})

test('a kill -9 takes the last lines at the most', async () => {
  const file = recordingPath()
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./children/recorded-walk.ts', import.meta.url)), file],
    { env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let committed = 0
  child.stdout.on('data', (text: Buffer) => (committed += text.toString().split('\n').length - 1))
  const batches = async () =>
    (await recordingOf(file)).frames.filter(({ to }) => to[0] === 'batch.SUCCEEDED').length
  await waitUntil('pages are committed', () => committed >= 30)
  const atLeast = 10
  child.kill('SIGKILL')
  await once(child, 'close')
  const recorded = await batches()
  expect(recorded).toBeGreaterThanOrEqual(atLeast)
})

test('a recording ends at its greatest size, and a disk that is slow costs lines and not memory', async () => {
  const file = recordingPath()
  const recorder = await recordInspection(file, { maxBytes: 2_000 })
  const machine = setup({}).createMachine({ id: 'session', on: { go: {} } })
  const actor = createActor(machine, {
    id: 'session:1',
    inspect: (event) => recorder.inspect(event),
  })
  actor.start()
  const before = statSync(file).size
  for (let i = 0; i < 500; i += 1) actor.send({ type: 'go' })
  await recorder.close()
  expect(statSync(file).size - before).toBeLessThan(3_000)
  const last = (await collect(readRecording(file))).at(-1) as RecordedLine
  expect(last).toEqual({ type: 'muster.cut', maxBytes: 2_000 })
  // What comes after it was closed is nobody's.
  actor.send({ type: 'go' })

  const slow = recordingPath()
  const flooded = await recordInspection(slow)
  const flood = createActor(machine, {
    id: 'session:1',
    inspect: (event) => flooded.inspect(event),
  })
  flood.start()
  for (let i = 0; i < 30_000; i += 1) flood.send({ type: 'go' })
  await waitUntil('the first of it is written', () => statSync(slow).size > 4_000_000)
  flood.send({ type: 'go' })
  await flooded.close()
  const gaps = (await collect(readRecording(slow))).filter(({ type }) => type === 'muster.gap')
  expect(gaps).toEqual([{ type: 'muster.gap', lines: expect.any(Number) }])
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startSandboxGitHub } from '../examples/sandbox/github.ts'
import { openStore } from '../src/index.ts'
import { describeChromium, startChromium } from './dashboard/support/chromium.ts'
import { PROJECT } from './support/cli.ts'
import { askNumber } from './support/database.ts'
import { itemsNamed } from './support/scripted-source.ts'
import { tempFolder } from './support/temp.ts'
import { waitUntil } from './support/wait-until.ts'

function start(example: string, args: readonly string[], options: { cwd?: string; env?: object }) {
  const child = spawn(process.execPath, [join(PROJECT, 'examples', example), ...args], {
    cwd: options.cwd ?? PROJECT,
    env: { ...process.env, NODE_OPTIONS: '', ...options.env },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => (output.stdout += text))
  child.stderr.on('data', (text: Buffer) => (output.stderr += text))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }))
  return { child, output, ended }
}

test('the quickstart kills itself on the way, resumes, and proves that nothing is lost or doubled', async () => {
  const cwd = tempFolder()
  const { code, stdout, stderr } = await start('quickstart/main.ts', [], { cwd }).ended
  expect(code, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/kill -9: \d+ tasks are in the database/)
  expect(stdout).toMatch(/targets in the source +11303\n *tasks in the database +11303\n/)
  expect(stdout).toMatch(/duplicates +0\n *lost +0\n/)
  const takenOver = `select count(*) from audit where event = 'taken-over'`
  expect(askNumber(join(cwd, 'quickstart/muster.db'), takenOver)).toBeGreaterThan(0)
  expect(stdout).toContain('export GITHUB_TOKEN')
}, 120_000)

test('the host program goes on where it was killed, and scans nothing again that it had finished', async () => {
  await using github = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: itemsNamed('repo', 400) }],
  })
  const folder = tempFolder()
  const env = { GITHUB_TOKEN: 'ghp_forTheExample', MUSTER_DB: join(folder, 'host.db') }
  const first = start('host/main.ts', ['acme', github.url], { env })
  while (first.output.stdout.split('\n').length < 60) await sleep(5)
  first.child.kill('SIGKILL')
  const { stdout: before } = await first.ended
  const second = await start('host/main.ts', ['acme', github.url], { env }).ended
  expect(second.code, second.stderr).toBe(0)
  const scanned = (text: string) => text.split('\n').filter((line) => line.startsWith('scanning '))
  const [done, rest] = [scanned(before), scanned(second.stdout)]
  expect(new Set([...done, ...rest]).size).toBe(400)
  // Only the task in hand at the kill may come twice (its line may also have been on its way).
  expect(done.length + rest.length).toBeLessThanOrEqual(402)
  expect(second.stdout).toContain('acme: COMPLETED, COMPLETE, 400 repositories')
  const store = await openStore({ path: env.MUSTER_DB })
  const targets = await store.repositories.scanTargets.list(1_000, 0)
  expect(targets.filter((target) => target.lastScanTime !== null)).toHaveLength(400)
  await store.close()
})

test('the inspector sees every kind of actor', async () => {
  const port = await freePort()
  const example = start('inspect/main.ts', [String(port)], {})
  while (!example.output.stdout.includes('Open http')) await sleep(20)
  const seen = new Set<string>()
  const socket = new WebSocket(`ws://127.0.0.1:${port}`)
  socket.addEventListener('message', ({ data }) => {
    const event = JSON.parse(String(data)) as { type?: string; name?: string }
    if (event.type === '@xstate.actor') seen.add(event.name?.split(':')[0] ?? '')
  })
  const wanted = ['coordinator', 'orchestrator', 'session', 'enumerator', 'batch', 'fetchPage']
  while (!wanted.every((name) => seen.has(name))) await sleep(20)
  socket.close()
  example.child.kill('SIGTERM')
  expect((await example.ended).code).toBe(0)
})

/** A page in the place of Stately's: it says that it is there, and keeps what it is sent. */
const STAND_IN = `<!doctype html><title>Stand-in</title><script>
  window.seen = { actors: {}, states: {} }
  addEventListener('message', ({ data }) => {
    const { actors, states } = window.seen
    if (data.type === '@xstate.actor') actors[data.sessionId] = data.name.split(':')[0]
    const name = data.type === '@xstate.snapshot' ? actors[data.sessionId] : undefined
    if (name !== undefined && data.snapshot.value !== undefined) states[name] = data.snapshot.value
  })
  parent.postMessage({ type: '@statelyai.connected' }, '*')
</script>`

interface StandIn {
  readonly seen: { readonly actors: Record<string, string>; readonly states: object }
}

describeChromium('in a browser', () => {
  test('the inspector shows the actors and the states that they come to', async () => {
    const page = createHttpServer((_, response) => {
      response.setHeader('content-type', 'text/html').end(STAND_IN)
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void page.close())
    await once(page, 'listening')
    const url = `http://127.0.0.1:${(page.address() as AddressInfo).port}/`
    const port = await freePort()
    const example = start('inspect/main.ts', [String(port), url], {})
    onTestFinished(() => void example.child.kill('SIGKILL'))
    const browser = await startChromium()
    onTestFinished(() => browser.close())
    await waitUntil('the example serves', () => example.output.stdout.includes('Open http'))
    const tab = await browser.newPage()
    await tab.goto(`http://localhost:${port}`)
    const frame = tab.frame({ url })
    if (frame === null) throw new Error('the page is not in the frame')
    const seen = () => frame.evaluate(() => (globalThis as unknown as StandIn).seen)
    const wanted = ['batch', 'enumerator', 'session']
    await frame.waitForFunction(
      (names) => names.every((name) => name in (globalThis as unknown as StandIn).seen.states),
      wanted,
    )
    const { actors, states } = await seen()
    expect(Object.values(actors)).toEqual(expect.arrayContaining([...wanted, 'fetchPage']))
    expect(states).toMatchObject({ session: expect.stringMatching(/^[A-Z_]+$/) as unknown })
    example.child.kill('SIGTERM')
    expect((await example.ended).code).toBe(0)
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

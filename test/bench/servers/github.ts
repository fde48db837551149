/**
 * A process of its own that serves a made-up organisation as GitHub does, so
 * that making the pages is none of the work that is measured:
 * `node github.ts '{"repositories":3000,"latencyMs":50}'`. It prints its base
 * URL. Each answer is the sandbox's own, kept from the first time on: the
 * second and every later one costs no more than its sending.
 */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { childInput } from '../child.ts'
import { BENCH_OWNER, BENCH_TOKEN, type GithubServerInput } from './started.ts'

interface Kept {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Of a request: what its answer depends on. */
const ASKED = ['accept', 'accept-encoding', 'authorization', 'content-type', 'if-none-match']
/** Of an answer: what belongs to the connection, or has another value each time. */
const UNKEPT = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date'])

const { repositories, latencyMs } = childInput<GithubServerInput>()
const names = Array.from(
  { length: repositories },
  (_, i) => `service-number-${String(i).padStart(6, '0')}`,
)
const sandbox = await startSandboxGitHub({
  owners: [{ login: BENCH_OWNER, type: 'User', names }],
  accounts: { [BENCH_TOKEN]: { login: BENCH_OWNER, scopes: ['repo'] } },
})
const kept = new Map<string, Promise<Kept>>()

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Asks the sandbox, under the name that the caller used: its pages' links lead back here. */
async function askSandbox(incoming: IncomingMessage, body: Buffer): Promise<Kept> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { method = 'GET', headers, url = '/' } = incoming
  request(new URL(url, sandbox.url), { method, headers }, resolve).once('error', reject).end(body)
  const answer = await promise
  const told = Object.entries(answer.headers).filter(([name]) => !UNKEPT.has(name))
  return {
    status: answer.statusCode ?? 500,
    headers: Object.fromEntries(told.map(([name, value]) => [name, String(value)])),
    body: await bodyOf(answer),
  }
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const due = sleep(latencyMs)
  const body = await bodyOf(incoming)
  const key = [incoming.method, incoming.url, ...ASKED.map((name) => incoming.headers[name]), body]
    .map(String)
    .join('\n')
  const known = kept.get(key) ?? askSandbox(incoming, body)
  kept.set(key, known)
  const { status, headers, body: bytes } = await known
  if (latencyMs > 0) await due
  outgoing.writeHead(status, headers).end(bytes)
}

const server = createServer((incoming, outgoing) => {
  answer(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error))
})
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
// Whoever started it has gone: a server that nobody asks must not stay behind.
process.stdin.resume().once('end', () => process.exit(0))

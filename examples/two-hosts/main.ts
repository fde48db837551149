/**
 * Two hosts and a scanner on this machine, over a PostgreSQL and a NATS server:
 * they walk a sandbox GitHub together, one host is killed with `kill -9` on the
 * way and not started again, and what was scanned is held against the truth.
 *
 *   DATABASE_URL=postgres://… NATS_URL=nats://… node examples/two-hosts/main.ts
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startSandboxGitHub } from '../sandbox/github.ts'

const TOKEN = 'sandbox-token-of-two-hosts'
const OWNERS = ['aurora', 'basalt', 'cedar', 'delta', 'ember', 'fjord', 'garnet', 'harbor']
const REPOSITORIES = 120
/** Small pages: there is still something to walk when the host is killed. */
const PER_PAGE = 15
const FOLDER = join(process.cwd(), 'two-hosts')
const say = (line: string) => process.stdout.write(`${line}\n`)

function refuse(): never {
  process.stderr.write(
    'Two servers are needed: set DATABASE_URL=postgres://USER@HOST/DATABASE to an empty\n' +
      'database, and NATS_URL=nats://HOST:PORT to a NATS server with JetStream (nats-server -js).\n',
  )
  process.exit(2)
}

interface Program {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
}

function start(name: string, file: string, onLine: (line: string) => void, ...args: string[]) {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], {
    env: { ...process.env, SANDBOX_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  createInterface({ input: child.stdout }).on('line', onLine)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { name, child, ended } satisfies Program & { name: string }
}

async function main(): Promise<number> {
  if (!process.env['DATABASE_URL'] || !process.env['NATS_URL']) refuse()
  await using github = await startSandboxGitHub({
    tokens: [TOKEN],
    latencyMs: 150,
    owners: OWNERS.map((login) => ({
      login,
      type: 'Organization',
      names: Array.from({ length: REPOSITORIES }, (_, i) => `repository-${i}`),
    })),
  })
  mkdirSync(FOLDER, { recursive: true })
  const config = join(FOLDER, 'muster.yaml')
  writeFileSync(config, configText(github.url))

  const scanned = new Map<string, number>()
  const scanner = start('scanner', './scanner.ts', (line) => {
    const [, , uri = ''] = line.split(' ')
    scanned.set(uri, (scanned.get(uri) ?? 0) + 1)
  })
  const hosts = ['host A', 'host B'].map((name) =>
    start(name, './host.ts', (line) => say(`${name} ${line}`), config),
  )
  const expected = OWNERS.length * REPOSITORIES
  const [first, second] = hosts
  while (scanned.size < expected * 0.1 && first?.child.exitCode === null) await sleep(20)
  first?.child.kill('SIGKILL')
  say(`kill -9: host A, when ${scanned.size} of ${expected} repositories were scanned`)
  const code = await second?.ended
  while (scanned.size < expected && code === 0) await sleep(50)
  scanner.child.kill('SIGTERM')
  await scanner.ended
  return report(expected, scanned)
}

function report(expected: number, scanned: ReadonlyMap<string, number>): number {
  const times = [...scanned.values()].reduce((sum, n) => sum + n, 0)
  say(`  repositories            ${String(expected).padStart(6)}`)
  say(`  scanned                 ${String(scanned.size).padStart(6)}`)
  say(`  scanned more than once  ${String(times - scanned.size).padStart(6)}`)
  return scanned.size === expected ? 0 : 1
}

const configText = (url: string): string =>
  [
    'auth:',
    '  sandbox: { type: github, config: { token: "${SANDBOX_TOKEN}" } }',
    'targets:',
    ...OWNERS.map(
      (org) =>
        `  - { name: ${org}, source_type: github, auth_ref: sandbox, github: { org: ${org}, per_page: ${PER_PAGE}, base_url: "${url}" } }`,
    ),
    '',
  ].join('\n')

process.exitCode = await main()

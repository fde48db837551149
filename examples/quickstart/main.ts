/**
 * The whole promise in one command, with no network: a sandbox GitHub on this
 * machine is walked, the walk is killed with `kill -9` on the way, started
 * again, and its database is held against what the sandbox really has.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { spawn, type ChildProcess } from 'node:child_process'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startSandboxGitHub, type SandboxGitHub } from '../sandbox/github.ts'
import { AIM_AT_GITHUB, configText, OWNERS, TOKEN, URLS } from './targets.ts'
import { countTasks, prove } from './proof.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const FOLDER = join(process.cwd(), 'quickstart')
const DATABASE = join(FOLDER, 'muster.db')
const CONFIG = join(FOLDER, 'muster.yaml')
const say = (line = '') => process.stdout.write(`${line}\n`)

function prepare(github: SandboxGitHub): void {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER)
  writeFileSync(join(FOLDER, 'urls.txt'), `${URLS.join('\n')}\n`)
  writeFileSync(CONFIG, configText(github.url))
}

function startWalk(): { process: ChildProcess; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [CLI, 'run', CONFIG, '--db', DATABASE], {
    env: { ...process.env, SANDBOX_TOKEN: TOKEN },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return { process: child, ended: new Promise((resolve) => child.once('close', resolve)) }
}

/** Kills the walk when it is somewhere in its middle, wherever that happens to be. */
async function killMidway(expected: number): Promise<void> {
  const walk = startWalk()
  let over = false
  void walk.ended.then(() => (over = true))
  while (!over && (await countTasks(DATABASE)) < expected * 0.4) await sleep(20)
  walk.process.kill('SIGKILL')
  await walk.ended
}

async function main(): Promise<number> {
  await using github = await startSandboxGitHub({ tokens: [TOKEN], latencyMs: 60 })
  prepare(github)
  const repositories = OWNERS.flatMap((login) =>
    github.repositories(login).map((r) => `https://github.com/${r.full_name}`),
  )
  const expected = [...repositories, ...URLS]
  say(`A sandbox GitHub is listening on ${github.url}: ${OWNERS.length} owners,`)
  say(`${repositories.length} repositories; and there is a list of ${URLS.length} URLs.`)
  say()
  say('muster run quickstart/muster.yaml --db quickstart/muster.db')
  await killMidway(expected.length)
  say()
  say(`kill -9: ${await countTasks(DATABASE)} tasks are in the database. The same command again:`)
  say()
  const code = await startWalk().ended
  const proof = await prove(DATABASE, expected)
  say()
  say(`  targets in the source   ${String(proof.expected).padStart(6)}`)
  say(`  tasks in the database   ${String(proof.tasks).padStart(6)}`)
  say(`  duplicates              ${String(proof.duplicates).padStart(6)}`)
  say(`  lost                    ${String(proof.lost).padStart(6)}`)
  say()
  say(AIM_AT_GITHUB(relative(process.cwd(), DATABASE)))
  return code === 0 && proof.holds ? 0 : 1
}

process.exitCode = await main()

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { PROJECT } from './support/cli.ts'
import { describeNats } from './support/nats.ts'
import { describePostgres, postgresUrl } from './support/postgres.ts'
import { startNats } from './support/servers/nats.ts'
import { tempFolder } from './support/temp.ts'

const MAIN = join(PROJECT, 'examples/two-hosts/main.ts')

async function play(env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN], {
    cwd: tempFolder(),
    env: { ...process.env, NODE_OPTIONS: '', DATABASE_URL: '', NATS_URL: '', ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => (output += text))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

describePostgres('two hosts', () => {
  describeNats('and a scanner', () => {
    test('walk everything between them, though one of them is killed on the way', async () => {
      // Its streams have the names that everybody's have: the server is its own.
      const nats = await startNats()
      onTestFinished(() => nats.stop())
      const { code, output } = await play({
        DATABASE_URL: await postgresUrl(),
        NATS_URL: nats.url,
      })
      expect(code, output).toBe(0)
      expect(output).toMatch(/kill -9: host A, when \d+ of 960/)
      expect(output).toMatch(/host A begins/)
      expect(output).toMatch(/host B goes on with/)
      expect(output).toMatch(/host B the round is over: 8 sessions, 0 failures/)
      expect(output).toMatch(/repositories +960\n +scanned +960\n/)
    }, 120_000)
  })
})

test('two hosts without servers say what is needed', async () => {
  const { code, output } = await play({})
  expect(code).toBe(2)
  expect(output).toMatch(/set DATABASE_URL=.* and NATS_URL=/s)
})

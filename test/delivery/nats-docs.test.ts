import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { createNatsBus } from '../../src/nats.ts'
import { PROJECT } from '../support/cli.ts'
import { tempFolder } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'
import { ownNats, taskOf } from './nats.ts'

const nats = ownNats()

test('the scanner of docs/events.md takes tasks and reports of them, until it is told to end', async () => {
  const text = readFileSync(join(PROJECT, 'docs/events.md'), 'utf8')
  const program = /^```ts\n([^]*?)^```/m.exec(text)?.[1] ?? ''
  const folder = tempFolder()
  writeFileSync(join(folder, 'scan.ts'), 'export const scan = async (uri: string) => uri.length\n')
  const file = join(folder, 'scanner.ts')
  writeFileSync(
    file,
    program
      .replace("'muster/nats'", `'${pathToFileURL(join(PROJECT, 'src/nats.ts')).href}'`)
      .replace('nats://127.0.0.1:4222', nats.server.url),
  )
  const bus = await createNatsBus({ servers: nats.server.url })
  onTestFinished(() => bus.close())
  const completed: unknown[] = []
  bus.subscribe('task.completed', (report) => void completed.push(report))
  const scanner = spawn(process.execPath, [file], { env: { ...process.env, NODE_OPTIONS: '' } })
  onTestFinished(() => void scanner.kill('SIGKILL'))
  const task = taskOf('a', 1)
  await bus.publish('task.created', { task }, { id: task.taskId })
  await waitUntil('it has reported', () => completed.length === 1)
  expect(completed).toEqual([{ taskId: task.taskId, itemsProcessed: task.resourceUri.length }])
  const ended = once(scanner, 'exit')
  scanner.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})

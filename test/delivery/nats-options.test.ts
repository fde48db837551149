import { RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { describe, expect, test } from 'vitest'
import { createNatsBus } from '../../src/nats.ts'
import { freePort } from '../support/servers/port.ts'
import { ownNats, Space } from './nats.ts'

const nats = ownNats()

const problemsOf = async (options: unknown): Promise<string[]> => {
  const thrown = await createNatsBus(options as never).then(
    () => new Error('it was made'),
    (reason: unknown) => reason as Error & { code: string; problems: string[] },
  )
  expect(thrown).toMatchObject({ code: 'INVALID_OPTIONS' })
  return (thrown as { problems: string[] }).problems
}

describe('the options of a NATS bus', () => {
  test.each([
    [{}, 'servers'],
    [{ servers: [] }, 'servers'],
    [{ servers: 'x', stream: 'a.b' }, `stream is 'a.b': expected letters, digits, "-" and "_"`],
    [{ servers: 'x', prefix: 'a.*' }, `prefix is 'a.*': expected a subject without wildcards`],
    [{ servers: 'x', maxPending: 0 }, 'maxPending is 0: '],
    [{ servers: 'x', clock: {} }, 'clock is {}: expected a clock with now'],
    [{ servers: 'x', dedupe: 1 }, 'unknown option dedupe; known are servers, connection, '],
    [
      { servers: 'x', dedupeMs: 90_000, keepMs: 60_000 },
      'dedupeMs is 90000: expected at most keepMs, which is 60000',
    ],
  ])('%j are refused with the remedy', async (options, problem) => {
    const problems = await problemsOf(options)
    expect(problems).toEqual([expect.stringContaining(problem)])
  })

  test('hold no password where it would be printed, and it is not', async () => {
    for (const servers of ['nats://me:hunter2@nats:4222', ['a', 'nats://hunter2@nats']]) {
      const [problem = ''] = await problemsOf({ servers })
      expect(problem).toContain('a user and password belong into connection')
      expect(problem).not.toContain('hunter2')
    }
  })

  test('name a server that answers', async () => {
    const servers = `nats://127.0.0.1:${await freePort()}`
    const [problem = ''] = await problemsOf({ servers })
    expect(problem).toContain(`${servers} cannot be used`)
    expect(problem).toContain('expected a NATS server that runs, with JetStream')
  })
})

describe('a stream', () => {
  test('is brought to what is wanted; what an operator has set stays', async () => {
    const space = new Space(nats.server)
    await space.bus()
    const jsm = await space.manager()
    const { config } = await jsm.streams.info(space.stream)
    expect(config).toMatchObject({
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      max_age: 0,
      duplicate_window: nanos(600_000),
    })
    await jsm.streams.update(space.stream, { ...config, max_bytes: 1_000_000 })
    await space.bus({ dedupeMs: 300_000, keepMs: 3_600_000 })
    expect((await jsm.streams.info(space.stream)).config).toMatchObject({
      max_bytes: 1_000_000,
      duplicate_window: nanos(300_000),
      max_age: 0,
    })
    expect((await jsm.streams.info(space.sessions)).config).toMatchObject({
      retention: RetentionPolicy.Limits,
      duplicate_window: nanos(300_000),
      max_age: nanos(3_600_000),
    })
  })

  test('that is another’s is left alone', async () => {
    const space = new Space(nats.server)
    const jsm = await space.manager()
    await jsm.streams.add({ name: space.stream, subjects: [`${space.prefix}.theirs`] })
    const { server, stream, prefix } = space
    expect(await problemsOf({ servers: server.url, stream, prefix })).toEqual([
      `stream "${stream}" has retention "limits" on file: expected "workqueue" on file; give another name as stream, or delete it`,
    ])
    expect((await jsm.streams.info(stream)).config.subjects).toEqual([`${prefix}.theirs`])
  })
})

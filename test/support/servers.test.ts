import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { connect as connectNats } from '@nats-io/transport-node'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { describeNats, natsPlace } from './nats.ts'
import { describePostgres, freshDatabase, postgresUrl } from './postgres.ts'
import { Keeper } from './servers/keeper.ts'
import { missingNats, startNats } from './servers/nats.ts'
import { missingPostgres, startPostgres } from './servers/postgres.ts'
import { startProgram } from './servers/program.ts'
import { redisServer } from './servers/redis.ts'
import { OnDemand } from './servers/server.ts'
import { decide, sharedUrl } from './servers/shared.ts'

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

const portOf = (url: string): number => Number(new URL(url).port)

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

async function withStreams<T>(url: string, use: (m: JetStreamManager) => Promise<T>): Promise<T> {
  const connection = await connectNats({ servers: url })
  try {
    return await use(await jetstreamManager(connection))
  } finally {
    await connection.close()
  }
}

afterEach(() => {
  vi.unstubAllEnvs()
})

describePostgres('PostgreSQL for tests', () => {
  let previous = ''

  test.for(['first', 'second'])('gives the %s test an empty database of its own', async () => {
    const url = await postgresUrl()
    expect(url).not.toBe(previous)
    previous = url
    expect(await query(url, 'create table made (n int)')).toEqual([])
    expect(await query(url, 'select * from made')).toEqual([])
  })

  test('drops the database of a test that is over', async () => {
    expect(previous).not.toBe('')
    const name = new URL(previous).pathname.slice(1)
    const left = `select datname from pg_database where datname = '${name}'`
    expect(await query(await sharedUrl('postgres'), left)).toEqual([])
  })

  test('drops a database that somebody is still connected to', async () => {
    const { url, drop } = await freshDatabase()
    const client = new pg.Client({ connectionString: url })
    const cut = vi.fn()
    // One for the server's last words and one for the closed connection.
    client.on('error', cut)
    await client.connect()
    await drop()
    await vi.waitFor(() =>
      expect(cut).toHaveBeenCalledWith(expect.objectContaining({ code: '57P01' })),
    )
    await expect(query(url, 'select 1')).rejects.toThrow('does not exist')
  })

  test('takes two hundred connections', async () => {
    const [shown] = await query(await sharedUrl('postgres'), 'show max_connections')
    expect(Number(shown?.['max_connections'])).toBeGreaterThanOrEqual(200)
  })
})

describe.skipIf(missingPostgres() !== undefined)('a PostgreSQL of the test’s own', () => {
  test('keeps its port and what was committed through a restart and a kill', async () => {
    vi.stubEnv('DATABASE_URL', '')
    const server = await startPostgres()
    onTestFinished(() => server.stop())
    await query(server.url, 'create table kept as select 1 as n')
    await server.restart()
    await query(server.url, 'insert into kept values (2)')
    await server.kill()
    expect(await answers(portOf(server.url))).toBe(false)
    await server.restart()
    expect(await query(server.url, 'select n from kept order by n')).toEqual([{ n: 1 }, { n: 2 }])
    const [folder] = await query(server.url, 'show data_directory')
    await server.stop()
    expect(existsSync(join(String(folder?.['data_directory']), '..'))).toBe(false)
  })

  test.for([true, false])('is durable when asked for: %s', async (durable) => {
    const server = await startPostgres({ durable })
    onTestFinished(() => server.stop())
    const settings = ['fsync', 'full_page_writes']
    const sql = `select distinct setting from pg_settings where name in ('${settings.join(`','`)}')`
    expect(await query(server.url, sql)).toEqual([{ setting: durable ? 'on' : 'off' }])
  })
})

describeNats('NATS for tests', () => {
  let before = ''

  test('takes streams under a prefix of the test’s own', async () => {
    const { url, prefix } = await natsPlace()
    before = prefix
    const name = `${prefix}-events`
    const found = await withStreams(url, async (manager) => {
      await manager.streams.add({ name, subjects: [`${prefix}.>`] })
      return await manager.streams.info(name)
    })
    expect(found.config.name).toBe(name)
  })

  test('deletes the streams of a test that is over', async () => {
    const { url, prefix } = await natsPlace()
    expect(before).not.toBe('')
    expect(prefix).not.toBe(before)
    const info = withStreams(url, (manager) => manager.streams.info(`${before}-events`))
    await expect(info).rejects.toThrow('stream not found')
  })
})

describe.skipIf(missingNats() !== undefined)('a NATS of the test’s own', () => {
  async function publish(url: string, said: string): Promise<void> {
    const connection = await connectNats({ servers: url })
    await jetstream(connection).publish('kept.said', said)
    await connection.close()
  }

  test('keeps its port and what it acknowledged through a restart and a kill', async () => {
    const server = await startNats()
    onTestFinished(() => server.stop())
    await withStreams(server.url, (manager) =>
      manager.streams.add({ name: 'kept', subjects: ['kept.>'] }),
    )
    await publish(server.url, 'one')
    await server.restart()
    await publish(server.url, 'two')
    await server.kill()
    expect(await answers(portOf(server.url))).toBe(false)
    await server.restart()
    const { state } = await withStreams(server.url, (manager) => manager.streams.info('kept'))
    expect(state.messages).toBe(2)
  })
})

describe('the servers of a run', () => {
  test('are started once, however many ask', async () => {
    const start = vi.fn(async () => ({ url: 'one', stop: async () => {} }))
    const servers = new OnDemand({ one: start })
    expect(await Promise.all([servers.url('one'), servers.url('one')])).toEqual(['one', 'one'])
    expect(start).toHaveBeenCalledTimes(1)
  })

  test('are stopped although one was still starting and another did not start', async () => {
    const stop = vi.fn(async () => {})
    const starting = Promise.withResolvers<void>()
    const servers = new OnDemand({
      slow: async () => {
        await starting.promise
        return { url: 'slow', stop }
      },
      broken: () => Promise.reject(new Error('broken')),
    })
    const asked = Promise.allSettled([servers.url('slow'), servers.url('broken')])
    const stopped = servers.stop()
    starting.resolve()
    await Promise.all([stopped, asked])
    expect(stop).toHaveBeenCalledTimes(1)
  })
})

describe('tests without their server', () => {
  test('run where the variable names one', () => {
    vi.stubEnv('DATABASE_URL', 'postgres://127.0.0.1/there')
    vi.stubEnv('NATS_URL', 'nats://127.0.0.1')
    expect(decide('the tests', missingPostgres())).toEqual({ isSkipped: false })
    expect(decide('the tests', missingNats())).toEqual({ isSkipped: false })
  })

  test('are skipped with a line that says why and how to get one', () => {
    vi.stubEnv('MUSTER_REQUIRE_SERVERS', '')
    expect(decide('the tests', 'none: install one')).toEqual({
      isSkipped: true,
      line: 'skipped: the tests: none: install one\n',
    })
  })

  test('fail a run that requires the servers', () => {
    vi.stubEnv('MUSTER_REQUIRE_SERVERS', '1')
    expect(() => decide('the tests', 'none: install one')).toThrow(/the tests.*none: install one/)
  })

  test('name the remedy where there is no program', async () => {
    vi.stubEnv('PATH', '')
    vi.stubEnv('REDIS_URL', '')
    await expect(redisServer()).rejects.toThrow('REDIS_URL')
  })
})

describe('a program', () => {
  test('that ends at once says what it printed, and leaves no folder', async () => {
    const keeper = new Keeper('pretended')
    const args = ['-e', 'console.error("no room"); process.exit(3)']
    const program = { path: process.execPath, args, keeper, ready: 'ready' }
    await expect(startProgram(program, 'none')).rejects.toThrow(/ended with 3.*no room/s)
    expect(existsSync(keeper.folder)).toBe(false)
  })

  test.for(['SIGINT', 'SIGKILL'] as const)('ends with its process on %s', async (signal) => {
    const path = fileURLToPath(new URL('servers/fixtures/interrupted.ts', import.meta.url))
    const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { folder, port } = JSON.parse(line.toString()) as { folder: string; port: number }
    expect(await answers(port)).toBe(true)
    const closed = once(child, 'close')
    child.kill(signal)
    expect((await closed)[1]).toBe(signal)
    await vi.waitFor(() => expect(existsSync(folder)).toBe(false), { timeout: 10_000 })
    expect(await answers(port)).toBe(false)
  })
})

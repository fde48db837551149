import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { availablePeers, PAGE, pageAt, recovery, type Subject } from './index.ts'
import { startProgram } from './servers/process.ts'
import { startRedis } from './servers/redis.ts'

function pathOf(file: string): string {
  return fileURLToPath(new URL(`fixtures/${file}`, import.meta.url))
}

function fake(way: 'again' | 'stuck' | 'ends', keys: Subject['keys'] = 'optional'): Subject {
  return {
    name: 'fake',
    child: pathOf('fake-child.ts'),
    keys,
    create: async () => {
      const folder = mkdtempSync(join(tmpdir(), 'muster-bench-fake-'))
      return {
        settings: { file: join(folder, 'rows'), way },
        remove: () => rm(folder, { recursive: true }),
      }
    },
  }
}

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

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('the items', () => {
  test('are a hundred a page, each with a key of its own, and the same at every call', () => {
    const items = [...pageAt(0), ...pageAt(1)]
    expect(new Set(items.map((item) => item.key)).size).toBe(2 * PAGE)
    expect(pageAt(1)).toEqual(items.slice(PAGE))
  })
})

describe('recovery', () => {
  test('counts the pages that a child repeats, and none that go by key', async () => {
    const found = await recovery(fake('again'), { runs: 2, afterMs: 100 })
    expect(found.withKeys.duplicates).toBe(0)
    // The fake goes back two pages, where there were so many.
    const repeated = found.withoutKeys?.pagesAtKill.map((pages) => Math.min(2, pages)) ?? []
    expect(repeated).toHaveLength(2)
    expect(Math.min(...repeated)).toBeGreaterThan(0)
    expect(found.withoutKeys?.duplicates).toBe(PAGE * repeated.reduce((a, b) => a + b, 0))
    expect(found.withKeys.firstNewPageMs).toHaveLength(2)
  })

  test('takes a page that was there before for no new one', async () => {
    const measured = recovery(fake('stuck'), { runs: 1, afterMs: 100, patienceMs: 1500 })
    await expect(measured).rejects.toThrow('nothing came within 1500 ms')
  })

  test('says what a child printed that ended by itself', async () => {
    const measured = recovery(fake('ends'), { runs: 1, afterMs: 100 })
    await expect(measured).rejects.toThrow('the fake gives up')
  })

  test('measures a subject once that always goes by key', async () => {
    const found = await recovery(fake('again', 'always'), { runs: 1, afterMs: 50 })
    expect(found.withoutKeys).toBeUndefined()
  })

  test('refuses a number of runs that measures nothing', async () => {
    await expect(recovery(fake('again'), { runs: 0 })).rejects.toThrow('runs is 0')
  })
})

describe('the servers', () => {
  test('name the remedy where there is no program', async () => {
    vi.stubEnv('PATH', '')
    vi.stubEnv('REDIS_URL', '')
    await expect(startRedis()).rejects.toThrow('REDIS_URL')
  })

  test('are left out with a reason where they cannot be reached', async () => {
    vi.stubEnv('REDIS_URL', 'redis://127.0.0.1:1')
    vi.stubEnv('DATABASE_URL', 'postgres://nobody@127.0.0.1:1/none')
    const { peers, missing, stop } = await availablePeers()
    await stop()
    const names = [...peers, ...missing].map((peer) => peer.name)
    expect(names).toHaveLength(5)
    expect(missing.map((peer) => peer.name)).toEqual(
      expect.arrayContaining(['BullMQ addBulk', 'pg-boss insert']),
    )
    for (const { why } of missing) expect(why).toMatch(/ECONNREFUSED|not installed|closed/)
  })

  test('that end at once say what they printed, and leave no folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'muster-bench-pretended-'))
    const args = ['-e', 'console.error("no room"); process.exit(3)']
    const program = { path: process.execPath, args, folder, ready: 'ready' }
    await expect(startProgram(program, 'none')).rejects.toThrow(/ended with 3.*no room/s)
    expect(existsSync(folder)).toBe(false)
  })

  test('end with the benchmark that is interrupted', async () => {
    const child = spawn(process.execPath, [pathOf('interrupted.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const { folder, port } = JSON.parse(line.toString()) as { folder: string; port: number }
    expect(await answers(port)).toBe(true)
    const closed = once(child, 'close')
    child.kill('SIGINT')
    expect((await closed)[1]).toBe('SIGINT')
    expect(existsSync(folder)).toBe(false)
    await vi.waitFor(async () => expect(await answers(port)).toBe(false))
  })
})

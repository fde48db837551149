import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { availablePeers, PAGE, pageAt, recovery, type Subject } from './index.ts'

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
})

import { randomInt } from 'node:crypto'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// Node resolves XState to its production build, which drops the safety checks
// that catch a dead child or an unknown actor; the condition brings them back.
const conditions = ['--conditions=development']

// The usual run draws the same cases every time; the long one draws anew, and says from what.
const isLong = process.env['MUSTER_LONG'] === '1'
const seed = process.env['MUSTER_SEED'] ?? (isLong ? String(randomInt(2 ** 31)) : '1')
if (isLong) console.log(`seed ${seed}: MUSTER_SEED=${seed} npm run test:long draws the same again`)

// A file is tested in a process of its own, and many start others: modules need compiling once for all of them.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'muster-test-compiled')

export default defineConfig({
  resolve: { conditions: ['development'] },
  ssr: { resolve: { conditions: ['development'], externalConditions: ['development'] } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/servers/global.ts'],
    pool: 'forks',
    // Many tests wait for processes, leases and limits: one more than there are cores keeps those busy.
    maxWorkers: availableParallelism() + 1,
    execArgv: conditions,
    env: { MUSTER_SEED: seed },
    testTimeout: isLong ? 900_000 : 60_000,
    hookTimeout: 60_000,
  },
})

import { defineConfig } from 'vitest/config'

// Node resolves XState to its production build, which drops the safety checks
// that catch a dead child or an unknown actor; the condition brings them back.
const conditions = ['--conditions=development']

export default defineConfig({
  resolve: { conditions: ['development'] },
  ssr: { resolve: { conditions: ['development'], externalConditions: ['development'] } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    execArgv: conditions,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

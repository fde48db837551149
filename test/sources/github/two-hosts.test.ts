/** Two hosts with one credential and one database, against a GitHub that counts. */
import { expect, onTestFinished, test } from 'vitest'
import { startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { createMuster, openStore } from '../../../src/index.ts'
import { ask } from '../../support/database.ts'
import { QUICK } from '../../support/muster.ts'
import { quickDatabase } from '../../support/temp.ts'
import { tokenOf } from './access-support.ts'
import { madeUpNames } from './walk.ts'

const token = tokenOf('shared')
const REPOSITORIES = 1_250
const HOSTS = ['alpha', 'beta'] as const
const owners = HOSTS.map((login) => ({
  login,
  type: 'Organization' as const,
  names: madeUpNames(REPOSITORIES),
}))

/** A host over the file; what it knows of the other it has from there alone. */
async function hostOver(path: string, isShared: boolean) {
  // Of a clock of its own: hosts of one clock and process know of each other without a store.
  const clock = { now: () => Date.now() }
  const store = await openStore({ path, clock })
  const muster = await createMuster({
    ...QUICK,
    database: { ...store, isShared },
    clock,
    auth: { ci: { type: 'github', config: { token, reserve: 0 } } },
  })
  onTestFinished(() => muster.close())
  return muster
}

/** Each host walks an organization, both at once. */
async function walkBoth(isShared: boolean) {
  const rateLimit = { limit: 12, windowSeconds: 2 }
  const sandbox = await startSandboxGitHub({ owners, rateLimit, latencyMs: 5 })
  onTestFinished(() => sandbox.close())
  const path = quickDatabase()
  const walks = await Promise.all(
    HOSTS.map(async (org) => {
      const { coordinator } = await hostOver(path, isShared)
      return { coordinator, org }
    }),
  )
  const results = await Promise.all(
    walks.map(({ coordinator, org }) => {
      const github = { org, baseUrl: sandbox.url }
      const target = { name: org, sourceType: 'github', authRef: 'ci', github }
      return coordinator.enumerateTarget(target).done
    }),
  )
  return { path, sandbox, results }
}

test('hosts that share a credential’s budget ask for nothing that GitHub would turn away', async () => {
  const { path, sandbox, results } = await walkBoth(true)
  for (const { status, metrics } of results) {
    expect(status).toBe('COMPLETED')
    expect(metrics.itemsProcessed).toBe(REPOSITORIES)
  }
  expect(ask(path, 'select uri from tasks')).toHaveLength(HOSTS.length * REPOSITORIES)
  expect(sandbox.requests.length).toBeGreaterThan(24)
  expect(sandbox.requestsWhileLimited).toBe(0)
  // The database knows the credential by its fingerprint alone.
  const rows = ask<{ credential: string }>(path, 'select * from budgets')
  expect(new Set(rows.map(({ credential }) => credential)).size).toBe(1)
  expect(JSON.stringify(rows)).not.toContain(token.slice(4, 10))
}, 40_000)

test('hosts that do not share it are turned away', async () => {
  const { path, sandbox } = await walkBoth(false)
  expect(sandbox.requestsWhileLimited).toBeGreaterThan(0)
  // What people are shown is noted; what all processes count by is not there.
  expect(ask(path, `select * from budgets where name not like 'limit %' or spent > 0`)).toEqual([])
}, 40_000)

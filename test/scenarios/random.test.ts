import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Fault, SandboxGitHub } from '../../examples/sandbox/github.ts'
import { effort, seed } from '../support/effort.ts'
import { walkThrough, type Walked, type WalkParams } from './walk.ts'

/**
 * Walks through drift, faults and restarts at once, as they come. No account
 * of the walk may be wrong: what is called complete is complete, and nothing
 * is called incomplete that need not be.
 */

const CHANGES = ['create', 'delete', 'rename', 'leave', 'arrive', 'push', 'expireCursors'] as const

interface Change {
  readonly request: number
  readonly kind: (typeof CHANGES)[number]
  /** Which repository, as a share of those that are there. */
  readonly where: number
}

interface Plan {
  readonly size: number
  readonly perPage: number
  readonly api: 'GraphQL' | 'REST'
  readonly changes: readonly Change[]
  readonly faults: readonly { readonly request: number; readonly fault: Fault }[]
  readonly restartAt: readonly number[]
  readonly heavyAbove: number | null
}

const FAULTS: readonly Fault[] = [
  { kind: 'primary-limit', resetSeconds: 900 },
  { kind: 'secondary-limit', retryAfterSeconds: 45 },
  { kind: 'secondary-limit' },
  { kind: 'server-error', status: 500 },
  { kind: 'server-error', status: 502 },
  { kind: 'reset' },
  { kind: 'reset-in-body' },
  { kind: 'truncated-json' },
  { kind: 'empty' },
  { kind: 'html' },
]
const GRAPHQL_FAULTS: readonly Fault[] = [
  ...FAULTS,
  { kind: 'graphql-limit' },
  { kind: 'partial-data' },
  { kind: 'same-cursor' },
]

const request = fc.integer({ min: 1, max: 25 })

const plans: fc.Arbitrary<Plan> = fc
  .constantFrom('GraphQL' as const, 'REST' as const)
  .chain((api) =>
    fc.record({
      api: fc.constant(api),
      size: fc.integer({ min: 0, max: 260 }),
      perPage: fc.integer({ min: 10, max: 100 }),
      changes: fc.array(
        fc.record({
          request,
          kind: fc.constantFrom(...CHANGES),
          where: fc.double({ min: 0, max: 0.999, noNaN: true }),
        }),
        { maxLength: 8 },
      ),
      faults: fc.array(
        fc.record({
          request,
          fault: fc.constantFrom(...(api === 'REST' ? FAULTS : GRAPHQL_FAULTS)),
        }),
        { maxLength: 6 },
      ),
      restartAt: fc
        .uniqueArray(request, { maxLength: 3 })
        .map((list) => list.toSorted((a, b) => a - b)),
      heavyAbove: api === 'REST' ? fc.constant(null) : fc.option(fc.integer({ min: 1, max: 60 })),
    }),
  )

/**
 * What leaves behind the reader while another comes in ahead of it shifts the
 * pages of REST without changing their count: that no count can tell. It is
 * left to GraphQL, which has no such pages.
 */
const isTellable = ({ api, changes }: Plan): boolean =>
  api === 'GraphQL' || !changes.some(({ kind }) => kind === 'arrive')

function apply(sandbox: SandboxGitHub, { kind, where }: Change, at: number, serial: number): void {
  const rows = sandbox.repositories('acme')
  const row = rows[Math.floor(where * rows.length)]
  if (kind === 'expireCursors') return sandbox.expireCursors()
  if (kind === 'create') {
    const created_at = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
    sandbox.add('acme', `newborn-${serial}`, { created_at })
    return
  }
  if (kind === 'arrive') {
    const [first] = sandbox.repositories('elsewhere')
    if (first !== undefined) sandbox.transfer(first.full_name, 'acme')
    return
  }
  if (row === undefined) return
  if (kind === 'delete') sandbox.remove(row.full_name)
  else if (kind === 'rename') sandbox.rename(row.full_name, `renamed-${serial}`)
  else if (kind === 'leave') sandbox.transfer(row.full_name, 'elsewhere', `left-${serial}`)
  else sandbox.push(row.full_name)
}

const namesOf = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`)

function paramsOf(plan: Plan): WalkParams {
  const { size, perPage, api, changes, faults, restartAt, heavyAbove } = plan
  return {
    sandbox: {
      owners: [
        { login: 'acme', type: 'Organization', names: namesOf('repo', size) },
        { login: 'elsewhere', type: 'Organization', names: namesOf('far', 20) },
      ],
      faults: (_, count) => faults.find((f) => f.request === count - 1)?.fault,
      ...(heavyAbove !== null && { heavy: { above: heavyAbove, answer: '502' } }),
    },
    github: { org: 'acme', perPage },
    ...(api === 'REST' && { auth: null }),
    restartAt,
    during(sandbox, index, { at }) {
      for (const [serial, change] of changes.entries()) {
        if (change.request === index) apply(sandbox, change, at, serial)
      }
    },
  }
}

/** REST may have to say that the place was never at rest; an empty one cannot be told from a hidden one without a token. */
function excuses({ api, changes, size }: Plan, { expected }: Walked): readonly string[] {
  // What comes in behind the reader, in each of its passes, is there and not listed.
  const arrivals = changes.filter(({ kind }) => kind === 'arrive')
  if (api === 'GraphQL') return arrivals.length > 1 ? ['count_mismatch'] : []
  const moves = changes.filter(({ kind }) => kind !== 'push' && kind !== 'expireCursors')
  return [
    ...(moves.length > 0 ? ['drift', 'count_mismatch'] : []),
    ...(size === 0 || expected.size === 0 ? ['filtered_by_scope'] : []),
  ]
}

test('whatever happens at once, no account is wrong', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(plans.filter(isTellable), async (plan) => {
      const walked = await walkThrough(paramsOf(plan))
      await using _ = walked.sandbox
      const { session, expected, found, error } = walked
      const unexcused = session.shortfalls.filter(
        ({ code }) => !excuses(plan, walked).includes(code),
      )
      expect({
        error: error?.message ?? session.failureReason,
        unexcused,
        duplicates: walked.duplicates,
        strangers: walked.strangers,
        whileLimited: walked.requestsWhileLimited,
        lost: session.completeness === 'COMPLETE' ? expected.size - found : 0,
      }).toEqual({
        error: null,
        unexcused: [],
        duplicates: 0,
        strangers: 0,
        whileLimited: 0,
        lost: 0,
      })
    }),
    { numRuns: effort(15, 2_000), seed },
  )
})

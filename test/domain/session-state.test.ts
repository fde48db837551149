import { describe, expect, test } from 'vitest'
import type { SessionStatus } from '../../machines/index.ts'
import type { Batch } from '../../src/domain/batch.ts'
import { isTemporary, newCheckpoint, withId } from '../../src/domain/checkpoint.ts'
import { MusterError } from '../../src/domain/errors.ts'
import {
  ACTIVE_STATUSES,
  completenessOf,
  isActive,
  isStalled,
  markCompleted,
  markFailed,
  markInProgress,
  processCompletedBatch,
  type SessionState,
} from '../../src/domain/session-state.ts'

const STATUSES: readonly SessionStatus[] = [
  'INITIALIZED',
  'IN_PROGRESS',
  'STALLED',
  'COMPLETED',
  'PARTIALLY_COMPLETED',
  'FAILED',
]

const clockAt = (now: number) => ({ now: () => now })
const clock = clockAt(2_000)

const session = (status: SessionStatus, overrides: Partial<SessionState> = {}): SessionState => ({
  sessionId: 's',
  jobId: 'j',
  targetName: 'acme',
  sourceType: 'github',
  status,
  failureReason: null,
  completeness: 'UNKNOWN',
  shortfalls: [],
  total: null,
  comparison: null,
  waiting: null,
  asked: null,
  lastCheckpoint: null,
  position: { at: 'start' },
  timeline: { startedAt: new Date(1_000), lastUpdate: new Date(1_000), completedAt: null },
  metrics: {
    totalBatches: 0,
    failedBatches: 0,
    itemsFound: 0,
    itemsProcessed: 0,
    itemsSkipped: 0,
    itemsFailed: 0,
  },
  config: { name: 'acme', sourceType: 'github', authRef: null, spec: { org: 'acme' } },
  ...overrides,
})

const batch = (overrides: Partial<Batch> = {}, processed = 3, failed = 0): Batch => ({
  batchId: 'b',
  sessionId: 's',
  number: 1,
  status: 'SUCCEEDED',
  position: { at: 'after', cursor: 'c1' },
  timeline: { startedAt: new Date(1), lastUpdate: new Date(2), completedAt: new Date(2) },
  metrics: {
    expectedItems: processed + failed,
    itemsProcessed: processed,
    itemsSkipped: 0,
    itemsFailed: failed,
    errorDetails: null,
  },
  ...overrides,
})

const counted = (itemsProcessed: number, itemsFailed: number, itemsSkipped = 0) => ({
  metrics: {
    totalBatches: 1,
    failedBatches: 0,
    itemsFound: itemsProcessed + itemsSkipped + itemsFailed,
    itemsProcessed,
    itemsSkipped,
    itemsFailed,
  },
})

describe('a step that the session’s status does not allow is refused, and says so', () => {
  const steps = {
    'session.start': (state: SessionState) => markInProgress(state, clock),
    'listing.exhausted': (state: SessionState) => markCompleted(state, clock),
    'session.fail': (state: SessionState) => markFailed(state, 'gone', clock),
    'batch.committed': (state: SessionState) => processCompletedBatch(state, batch(), clock),
  }
  const allowed: Record<keyof typeof steps, readonly SessionStatus[]> = {
    'session.start': ['INITIALIZED'],
    'listing.exhausted': ['IN_PROGRESS', 'STALLED'],
    'session.fail': ['IN_PROGRESS', 'STALLED'],
    'batch.committed': ['IN_PROGRESS', 'STALLED'],
  }
  const cases = (Object.keys(steps) as (keyof typeof steps)[]).flatMap((step) =>
    STATUSES.map((status) => ({ step, status, may: allowed[step].includes(status) })),
  )

  test.each(cases)('$step in $status: $may', ({ step, status, may }) => {
    const state = session(status)
    if (may) {
      expect(steps[step](state).sessionId).toBe('s')
      return
    }
    let thrown: unknown
    try {
      steps[step](state)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(MusterError)
    expect(thrown).toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      retryable: false,
      message: `session s is ${status}: "${step}" is not possible there`,
    })
    expect(state).toEqual(session(status))
  })
})

describe('a session', () => {
  test('that is taken up is IN_PROGRESS from that moment on', () => {
    const taken = markInProgress(session('INITIALIZED'), clock)
    expect(taken).toEqual(
      session('IN_PROGRESS', {
        timeline: { startedAt: new Date(1_000), lastUpdate: new Date(2_000), completedAt: null },
      }),
    )
  })

  test.each([
    ['nothing was there', {}, 'COMPLETED', 'COMPLETE'],
    ['everything was kept', counted(5, 0), 'COMPLETED', 'COMPLETE'],
    ['some items were left out on purpose', counted(4, 0, 3), 'COMPLETED', 'COMPLETE'],
    ['some items failed', counted(4, 1), 'PARTIALLY_COMPLETED', 'INCOMPLETE'],
    ['every item failed', counted(0, 5), 'FAILED', 'INCOMPLETE'],
    [
      'the source left something out',
      { ...counted(5, 0), shortfalls: [{ code: 'sso', detail: 'three repositories' }] },
      'PARTIALLY_COMPLETED',
      'INCOMPLETE',
    ],
  ] as const)('whose listing has ended and %s is judged then', (_, found, status, completeness) => {
    const ended = markCompleted(session('IN_PROGRESS', found), clock)
    expect(ended).toMatchObject({
      status,
      completeness,
      position: { at: 'end' },
      failureReason: status === 'FAILED' ? 'every item failed' : null,
    })
    expect(ended.timeline.completedAt).toEqual(new Date(2_000))
  })

  test('that failed says why, and stays where it was', () => {
    const position = { at: 'after', cursor: null } as const
    const failed = markFailed(session('IN_PROGRESS', { position }), 'the token expired', clock)
    expect(failed).toMatchObject({
      status: 'FAILED',
      completeness: 'INCOMPLETE',
      failureReason: 'the token expired',
      position,
    })
  })

  test('keeps what its machine does not decide', () => {
    const state = session('IN_PROGRESS', { total: 12, targetName: 'other', jobId: 'k' })
    const { jobId, targetName, config, total } = markCompleted(state, clock)
    expect({ jobId, targetName, config, total }).toEqual({
      jobId: 'k',
      targetName: 'other',
      config: state.config,
      total: 12,
    })
  })

  test('never lets time run backwards', () => {
    const taken = markInProgress(session('INITIALIZED'), clockAt(10))
    expect(taken.timeline.lastUpdate).toEqual(new Date(1_000))
  })
})

describe('a batch', () => {
  test('moves its session’s position and counters', () => {
    const first = processCompletedBatch(session('IN_PROGRESS'), batch({}, 3, 0), clock)
    expect(first.position).toEqual({ at: 'after', cursor: 'c1' })
    expect(first.metrics).toEqual({
      totalBatches: 1,
      failedBatches: 0,
      itemsFound: 3,
      itemsProcessed: 3,
      itemsSkipped: 0,
      itemsFailed: 0,
    })
    expect(first.timeline.lastUpdate).toEqual(new Date(2_000))
    const second = processCompletedBatch(
      first,
      batch({ status: 'PARTIALLY_COMPLETED', position: { at: 'after', cursor: 'c2' } }, 2, 1),
      clock,
    )
    expect(second.position).toEqual({ at: 'after', cursor: 'c2' })
    expect(second.metrics).toEqual({
      totalBatches: 2,
      failedBatches: 0,
      itemsFound: 6,
      itemsProcessed: 5,
      itemsSkipped: 0,
      itemsFailed: 1,
    })
    expect(second.status).toBe('IN_PROGRESS')
  })

  test('that failed is counted, and does not end its session', () => {
    const after = processCompletedBatch(
      session('IN_PROGRESS'),
      batch({ status: 'FAILED' }, 0, 4),
      clock,
    )
    expect(after.status).toBe('IN_PROGRESS')
    expect(after.metrics).toMatchObject({ totalBatches: 1, failedBatches: 1, itemsFailed: 4 })
  })

  test('that could not be had leaves the position where it was', () => {
    const position = { at: 'after', cursor: 'c0' } as const
    const after = processCompletedBatch(
      session('IN_PROGRESS', { position }),
      batch({ status: 'FAILED', position: null }, 0, 0),
      clock,
    )
    expect(after.position).toEqual(position)
  })

  test('that comes after all wakes a stalled session', () => {
    expect(processCompletedBatch(session('STALLED'), batch(), clock).status).toBe('IN_PROGRESS')
  })

  test.each([
    [{ sessionId: 'other' }, 'batch b of session other is SUCCEEDED'],
    [{ status: 'IN_PROGRESS' }, 'batch b of session s is IN_PROGRESS'],
  ] as const)('that is not a settled one of its session is refused: %o', (wrong, said) => {
    expect(() => processCompletedBatch(session('IN_PROGRESS'), batch(wrong), clock)).toThrow(
      `${said}: expected a settled batch of session s`,
    )
  })
})

describe('a session is stalled', () => {
  test.each([
    ['IN_PROGRESS', 1_500, false],
    ['IN_PROGRESS', 1_501, true],
    ['IN_PROGRESS', 10, false],
    ['STALLED', 1_000, true],
    ['INITIALIZED', 99_999, false],
    ['COMPLETED', 99_999, false],
    ['FAILED', 99_999, false],
    ['PARTIALLY_COMPLETED', 99_999, false],
  ] as const)('%s at %i with a threshold of 500 after 1000: %s', (status, now, stalled) => {
    expect(isStalled(session(status), 500, clockAt(now))).toBe(stalled)
  })
})

describe('statuses', () => {
  test('are active until the session is at its end, and judged complete only when it is', () => {
    expect(STATUSES.filter(isActive)).toEqual(ACTIVE_STATUSES)
    expect(STATUSES.map(completenessOf)).toEqual([
      'UNKNOWN',
      'UNKNOWN',
      'UNKNOWN',
      'COMPLETE',
      'INCOMPLETE',
      'INCOMPLETE',
    ])
  })
})

describe('a checkpoint', () => {
  test('is temporary until the store gives it an id', () => {
    const made = newCheckpoint('s', { v: 1 }, new Date(5))
    expect(isTemporary(made)).toBe(true)
    const stored = withId(made, 7)
    expect(isTemporary(stored)).toBe(false)
    expect(stored).toEqual({ id: 7, targetId: 's', data: { v: 1 }, updatedAt: new Date(5) })
    expect(made.id).toBe(0)
  })
})

import { describe, expect, test } from 'vitest'
import type { SessionEvent } from '../../machines/index.ts'
import { LeaseError, PauseError, type SessionState } from '../../src/index.ts'
import { unstarted } from '../../src/enumeration/new-session.ts'
import { leftBecause, noteOf } from '../../src/enumeration/notes.ts'

const CONFIG = { name: 'list', sourceType: 'puppet', authRef: null, spec: {} }

const session = (over: Partial<SessionState>): SessionState => ({
  ...unstarted({ sessionId: 's', config: CONFIG }, { now: () => 0 }),
  ...over,
})

const counts = (over: Partial<SessionState['metrics']>): Pick<SessionState, 'metrics'> => ({
  metrics: {
    totalBatches: 0,
    failedBatches: 0,
    itemsFound: 0,
    itemsProcessed: 0,
    itemsSkipped: 0,
    itemsFailed: 0,
    ...over,
  },
})

const exhausted: SessionEvent = { type: 'listing.exhausted', at: 1 }

describe('what a session’s record says of a step', () => {
  test.each<[string, SessionEvent, Partial<SessionState>, unknown]>([
    ['its start', { type: 'session.start', at: 1 }, {}, { event: 'started', detail: null }],
    [
      'a stall',
      { type: 'session.stall', at: 1 },
      { status: 'STALLED' },
      { event: 'stalled', detail: 'a request gave no answer' },
    ],
    [
      'a retry',
      { type: 'session.resume', at: 1, lastFailedItem: 3 },
      { position: { at: 'retrying', after: 0, until: 3, resumeAt: { at: 'start' } } },
      { event: 'resumed', detail: 'its failed items are tried again, then its listing goes on' },
    ],
    [
      'a listing that goes on',
      { type: 'session.resume', at: 1, lastFailedItem: 0 },
      { position: { at: 'start' } },
      { event: 'resumed', detail: 'its listing goes on' },
    ],
    [
      'an end with all that is missing',
      exhausted,
      {
        status: 'PARTIALLY_COMPLETED',
        completeness: 'INCOMPLETE',
        ...counts({
          itemsProcessed: 7,
          itemsSkipped: 2,
          itemsFailed: 1,
          totalBatches: 3,
          failedBatches: 1,
        }),
        comparison: { seen: 9, new: 1, changed: 0, unchanged: 8, missing: 4 },
        shortfalls: [
          { code: 'drift', detail: 'one' },
          { code: 'drift', detail: 'two' },
          { code: 'sso', detail: 'three' },
        ],
      },
      {
        event: 'ended',
        detail:
          'PARTIALLY_COMPLETED, INCOMPLETE: 7 kept, 2 skipped, 1 failed, 3 pages, 1 of them failed, 4 missing; incomplete for: drift, sso',
      },
    ],
    [
      'a failure',
      { type: 'session.fail', at: 1, reason: 'no', pageLost: true },
      {
        status: 'FAILED',
        completeness: 'INCOMPLETE',
        failureReason: 'no',
        ...counts({ totalBatches: 1, failedBatches: 1 }),
      },
      { event: 'ended', detail: 'FAILED, INCOMPLETE: 0 kept, 1 page, 1 of them failed; no' },
    ],
    ['the end of a retry alone', exhausted, { status: 'IN_PROGRESS' }, undefined],
  ])('%s', (_, event, next, note) => {
    expect(noteOf(event, session(next))).toEqual(note)
  })
})

test('why a walk stopped before the end is told, without a secret', () => {
  const mask = (text: string) => text.replaceAll('hunter2', '***')
  const left = (error: unknown, stopping: 'drain' | 'cancel' | null = null) =>
    leftBecause({ error, stopping }, mask)
  expect(left(new PauseError('PAUSED', 'x'))).toBe('paused on request')
  expect(left(new PauseError('AUTHENTICATION_FAILED', 'hunter2'))).toBe('paused')
  expect(left(new LeaseError('LEASE_LOST', 'x'))).toBe('taken over by another process')
  expect(left(new Error('no hunter2'))).toBe('interrupted by an error: no ***')
  expect(left(undefined, 'cancel')).toBe('stopped on request')
})

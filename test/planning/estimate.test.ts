import { describe, expect, test } from 'vitest'
import { estimate, type Work } from '../../src/planning/estimate.ts'
import type { PlannedLimit } from '../../src/sources/source.ts'

const NOW = Date.parse('2026-01-01T10:00:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const limit = (given: Partial<PlannedLimit> = {}): PlannedLimit => ({
  resource: 'core',
  credential: 'one',
  limit: 5_000,
  remaining: 5_000,
  resetAt: NOW + HOUR,
  windowMs: HOUR,
  reserve: 0,
  perMinute: null,
  ...given,
})

const work = (given: Partial<Work>): Work => ({
  requests: 100,
  requestMs: 0,
  concurrency: 1,
  atLeastMs: 0,
  limits: [],
  ...given,
})

describe('the time that a walk takes', () => {
  test.each([
    ['the answers, one after the other', { requestMs: 500 }, 50_000, 'answers'],
    ['the answers, several at once', { requestMs: 500, concurrency: 5 }, 10_000, 'answers'],
    ["the target's own rate", { requestMs: 1, atLeastMs: 90_000 }, 90_000, 'settings'],
    [
      'what is left, which is enough',
      { requestMs: 100, limits: [limit({ remaining: 100 })] },
      10_000,
      'answers',
    ],
    [
      'what is left until the reset, and then a new window',
      { requests: 500, limits: [limit({ remaining: 300, resetAt: NOW + 40 * MINUTE })] },
      40 * MINUTE,
      'limit',
    ],
    [
      'windows one after the other',
      { requests: 300 + 5_000 + 1, limits: [limit({ remaining: 300, resetAt: NOW + MINUTE })] },
      HOUR + MINUTE,
      'limit',
    ],
    [
      'what is left to others',
      { requests: 60, limits: [limit({ remaining: 300, reserve: 250, resetAt: NOW + MINUTE })] },
      MINUTE,
      'limit',
    ],
    [
      'a window that is over, as a whole one',
      { requests: 4_000, limits: [limit({ remaining: 0, resetAt: NOW - 1 })] },
      0,
      'answers',
    ],
    [
      'the tokens of a pool together',
      {
        requests: 500,
        limits: [
          limit({ remaining: 300, resetAt: NOW + 40 * MINUTE }),
          limit({ remaining: 200, resetAt: NOW + 50 * MINUTE }),
        ],
      },
      0,
      'answers',
    ],
    [
      'the window of a pool that begins first',
      {
        requests: 501,
        limits: [
          limit({ remaining: 300, resetAt: NOW + 40 * MINUTE }),
          limit({ remaining: 200, resetAt: NOW + 30 * MINUTE }),
        ],
      },
      30 * MINUTE,
      'limit',
    ],
    [
      'what a minute allows',
      { requests: 2_001, limits: [limit({ perMinute: 1_000 })] },
      2 * MINUTE,
      'pace',
    ],
  ] as const)('is that of %s', (_, given, durationMs, bottleneck) => {
    expect(estimate(work(given as Partial<Work>), NOW)).toMatchObject({ durationMs, bottleneck })
  })

  test('counts the answers after the last wait', () => {
    const limits = [limit({ remaining: 0, resetAt: NOW + HOUR })]
    const { durationMs, waitsUntil } = estimate(work({ requestMs: 1_000, limits }), NOW)
    expect({ durationMs, waitsUntil }).toEqual({
      durationMs: HOUR + 100_000,
      waitsUntil: NOW + HOUR,
    })
  })

  test('of a walk without end comes to an end', () => {
    const limits = [limit({ limit: 1, remaining: 0 })]
    expect(estimate(work({ requests: 1e12, limits }), NOW).durationMs).toBeGreaterThan(
      365 * 24 * HOUR,
    )
  })
})

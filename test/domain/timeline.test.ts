import { describe, expect, test } from 'vitest'
import {
  isCompleted,
  markCompleted,
  momentsOf,
  newTimeline,
  timelineOf,
  updateLastUpdate,
} from '../../src/domain/timeline.ts'

const clockAt = (now: number) => ({ now: () => now })
const at = (ms: number) => new Date(ms)

describe('a timeline', () => {
  test('begins now, and is not completed', () => {
    const timeline = newTimeline(clockAt(1_000))
    expect(timeline).toEqual({ startedAt: at(1_000), lastUpdate: at(1_000), completedAt: null })
    expect(isCompleted(timeline)).toBe(false)
  })

  test('moves on, and keeps its beginning', () => {
    const timeline = updateLastUpdate(newTimeline(clockAt(1_000)), clockAt(1_500))
    expect(timeline).toEqual({ startedAt: at(1_000), lastUpdate: at(1_500), completedAt: null })
  })

  test('is completed at a moment', () => {
    const timeline = markCompleted(newTimeline(clockAt(1_000)), clockAt(1_900))
    expect(timeline).toEqual({
      startedAt: at(1_000),
      lastUpdate: at(1_900),
      completedAt: at(1_900),
    })
    expect(isCompleted(timeline)).toBe(true)
  })

  test('never runs backwards, even where the clock does', () => {
    const started = updateLastUpdate(newTimeline(clockAt(1_000)), clockAt(2_000))
    expect(updateLastUpdate(started, clockAt(500))).toEqual(started)
    expect(markCompleted(started, clockAt(500))).toEqual({
      startedAt: at(1_000),
      lastUpdate: at(2_000),
      completedAt: at(2_000),
    })
  })

  test('is not changed by what is made of it', () => {
    const timeline = newTimeline(clockAt(1_000))
    updateLastUpdate(timeline, clockAt(2_000))
    markCompleted(timeline, clockAt(2_000))
    expect(timeline).toEqual({ startedAt: at(1_000), lastUpdate: at(1_000), completedAt: null })
  })

  test.each([
    { startedAt: 1, lastUpdate: 2, completedAt: 3 },
    { startedAt: 0, lastUpdate: 0, completedAt: 0 },
    { startedAt: 1, lastUpdate: 2, completedAt: null },
  ])('is the same after a trip through milliseconds: %o', (moments) => {
    expect(momentsOf(timelineOf(moments))).toEqual(moments)
  })
})

import * as moments from '../../machines/values.ts'
import type { TimeProvider } from './clock.ts'

/** When something began, last changed and ended. */
export interface Timeline {
  readonly startedAt: Date
  readonly lastUpdate: Date
  readonly completedAt: Date | null
}

/** A timeline in milliseconds, as machines and rows hold it. */
export type Moments = moments.Timeline

export function timelineOf(m: Moments): Timeline {
  return {
    startedAt: new Date(m.startedAt),
    lastUpdate: new Date(m.lastUpdate),
    completedAt: m.completedAt === null ? null : new Date(m.completedAt),
  }
}

export function momentsOf(t: Timeline): Moments {
  return {
    startedAt: t.startedAt.getTime(),
    lastUpdate: t.lastUpdate.getTime(),
    completedAt: t.completedAt?.getTime() ?? null,
  }
}

/** A timeline that begins now. */
export function newTimeline(clock: TimeProvider): Timeline {
  return timelineOf(moments.newTimeline(clock.now()))
}

export function markCompleted(timeline: Timeline, clock: TimeProvider): Timeline {
  return timelineOf(moments.markTimelineCompleted(momentsOf(timeline), clock.now()))
}

export function updateLastUpdate(timeline: Timeline, clock: TimeProvider): Timeline {
  return timelineOf(moments.updateLastUpdate(momentsOf(timeline), clock.now()))
}

export function isCompleted(timeline: Timeline): boolean {
  return timeline.completedAt !== null
}

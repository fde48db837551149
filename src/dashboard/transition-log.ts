import type { ActorView, ChartName, TransitionView } from './wire.ts'
import { CHART_NAMES } from './wire.ts'

/** Transitions kept of an actor. */
export const KEPT_TRANSITIONS = 20

/** Sessions of which transitions are kept; those in which nothing has happened for longest are forgotten first. */
export const KEPT_SESSIONS = 1_000

/** What an actor did last, and where it is. */
export interface Trail {
  readonly id: string
  readonly states: readonly string[]
  readonly transitions: readonly TransitionView[]
}

type Trails = Partial<Record<ChartName, Trail>>

/** Which chart an actor is drawn on, and of which session it is; null for one that has no chart here. */
export function actorParts(id: string): { machine: ChartName; sessionId: string } | null {
  const [machine, sessionId] = id.split(':')
  const known = CHART_NAMES.find((name) => name === machine)
  return known === undefined || sessionId === undefined ? null : { machine: known, sessionId }
}

/**
 * The latest transitions of sessions, their enumerators and their latest
 * batches. It grows with neither the walks nor their length: ten thousand
 * sessions may be walked while one page is looked at.
 */
export class TransitionLog {
  readonly #sessions = new Map<string, Trails>()

  get size(): number {
    return this.#sessions.size
  }

  /** @param step.from null where the actor has only just begun */
  add(
    id: string,
    step: {
      readonly at: number
      readonly event: string
      readonly from: readonly string[] | null
      readonly to: readonly string[]
    },
  ): void {
    const parts = actorParts(id)
    if (parts === null) return
    const { machine, sessionId } = parts
    const trails = this.#sessions.get(sessionId) ?? {}
    const known = trails[machine]
    // A session has a new batch for each page; the latest stands for all of them.
    const isSame = known?.id === id && step.from !== null
    const before = isSame ? known.transitions : []
    const { at, event, to } = step
    const transition = { at, event, from: step.from ?? [], to }
    const transitions = [...before.slice(1 - KEPT_TRANSITIONS), transition]
    this.#sessions.delete(sessionId)
    this.#sessions.set(sessionId, { ...trails, [machine]: { id, states: to, transitions } })
    this.#forgetOldest()
  }

  of(sessionId: string): Trails {
    return this.#sessions.get(sessionId) ?? {}
  }

  #forgetOldest(): void {
    if (this.#sessions.size <= KEPT_SESSIONS) return
    const [oldest] = this.#sessions.keys()
    if (oldest !== undefined) this.#sessions.delete(oldest)
  }
}

export const liveView = (machine: ChartName, trail: Trail): ActorView => ({
  id: trail.id,
  machine,
  states: trail.states,
  seen: 'live',
  transitions: trail.transitions,
})

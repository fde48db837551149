import type { AnyActorRef, InspectionEvent, Subscription } from 'xstate'
import { enumeratorActorId, sessionActorId } from '../../machines/index.ts'
import { eventLabel, stateIds } from './charts.ts'
import { actorParts, liveView, TransitionLog, type Trail } from './transition-log.ts'
import { CHART_NAMES, type ActorView, type ChartName } from './wire.ts'

interface Stateful {
  readonly value: unknown
}

const isStateful = (snapshot: unknown): snapshot is Stateful =>
  typeof snapshot === 'object' && snapshot !== null && 'value' in snapshot

/** The actors of this process, as they stand and as they got there. */
export interface LiveActors {
  /** What there is of a session here, its enumerator and its latest batch; null while it is not walked here. */
  of(sessionId: string): ActorView[] | null
  /** Where its actors were last, of a session that was walked here. */
  trails(sessionId: string): Partial<Record<ChartName, Trail>>
  close(): void
}

/** Nothing is walked in this process. */
export const NO_ACTORS: LiveActors = { of: () => null, trails: () => ({}), close: () => {} }

/**
 * Watches the actors under these roots until it is closed. It only listens: an
 * error in here must never become one of a walk.
 */
export function watchActors(roots: readonly AnyActorRef[], now: () => number): LiveActors {
  const log = new TransitionLog()
  const snapshots = new WeakMap<object, Stateful>()
  const note = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.snapshot' || !isStateful(event.snapshot)) return
    // Told to an actor when its walk is over: it leads from a state to itself.
    if (event.event.type === 'xstate.stop') return
    const { id } = event.actorRef as AnyActorRef
    const parts = actorParts(id)
    if (parts === null) return
    const before = snapshots.get(event.actorRef)
    // An event that an actor does not take leaves its snapshot as it was.
    if (before === event.snapshot) return
    snapshots.set(event.actorRef, event.snapshot)
    log.add(id, {
      at: now(),
      event: eventLabel(event.event.type),
      from: before === undefined ? null : stateIds(parts.machine, before.value),
      to: stateIds(parts.machine, event.snapshot.value),
    })
  }
  const guarded = (event: InspectionEvent) => {
    try {
      note(event)
    } catch {
      // The page then lacks a transition; the walk goes on.
    }
  }
  const subscriptions: Subscription[] = roots.map((root) => root.system.inspect(guarded))
  return {
    of: (sessionId) => viewsOf(roots, sessionId, log),
    trails: (sessionId) => log.of(sessionId),
    close: () => {
      for (const subscription of subscriptions) subscription.unsubscribe()
    },
  }
}

function childNamed(roots: readonly AnyActorRef[], id: string): AnyActorRef | undefined {
  for (const root of roots) {
    const snapshot = root.getSnapshot() as { children?: Record<string, AnyActorRef> } | undefined
    const child = snapshot?.children?.[id]
    if (child !== undefined) return child
  }
  return undefined
}

function currentView(
  roots: readonly AnyActorRef[],
  { machine, id }: { machine: ChartName; id: string },
  trail: Trail | undefined,
): ActorView | null {
  const snapshot: unknown = childNamed(roots, id)?.getSnapshot()
  if (!isStateful(snapshot)) return null
  const transitions = trail?.id === id ? trail.transitions : []
  const states = stateIds(machine, snapshot.value)
  return { id, machine, states, seen: 'live', transitions }
}

function viewsOf(
  roots: readonly AnyActorRef[],
  sessionId: string,
  log: TransitionLog,
): ActorView[] | null {
  const trails = log.of(sessionId)
  const session = currentView(
    roots,
    { machine: 'session', id: sessionActorId(sessionId) },
    trails.session,
  )
  if (session === null) return null
  const enumerator = currentView(
    roots,
    { machine: 'enumerator', id: enumeratorActorId(sessionId) },
    trails.enumerator,
  )
  // A batch is gone as soon as it is stored: its trail is all there is of it.
  const batch = trails.batch === undefined ? null : liveView('batch', trails.batch)
  const views = [session, enumerator, batch].filter((view) => view !== null)
  return CHART_NAMES.flatMap((name) => views.filter(({ machine }) => machine === name))
}

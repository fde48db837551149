import type { AnyActorRef, AnyMachineSnapshot, InspectionEvent } from 'xstate'
import { describeTransition } from '../../src/testing/machine-structure.ts'

/** One transition that a running actor took. */
export interface Taken {
  readonly actorId: string
  readonly transition: string
  /** The actor behind it. */
  readonly after: AnyMachineSnapshot
}

/** What the actors of one process did, by XState's own account. */
export class Recorder {
  readonly taken: Taken[] = []
  /** Every event that reached an actor, by `<actor> <type>`, whether it did anything there or not. */
  readonly received: string[] = []
  readonly #actors = new Map<string, AnyActorRef>()

  readonly inspect = (event: InspectionEvent): void => {
    const actorRef = event.actorRef as AnyActorRef
    if (event.type === '@xstate.actor') this.#actors.set(actorRef.id, actorRef)
    if (event.type === '@xstate.event') this.received.push(`${actorRef.id} ${event.event.type}`)
    if (event.type !== '@xstate.microstep') return
    for (const transition of event._transitions) {
      this.taken.push({
        actorId: actorRef.id,
        transition: describeTransition(transition),
        after: event.snapshot as AnyMachineSnapshot,
      })
    }
  }

  /** What the actors of one kind took: `session`, `enumerator`, `coordinator`. */
  takenBy(kind: string, sessionId?: string): Taken[] {
    return this.taken.filter(({ actorId }) => {
      const [name, session] = actorId.split(':')
      return name === kind && (sessionId === undefined || session === sessionId)
    })
  }

  /** The actor of that id as it is now. */
  snapshotOf(actorId: string): AnyMachineSnapshot | undefined {
    return this.#actors.get(actorId)?.getSnapshot() as AnyMachineSnapshot | undefined
  }
}

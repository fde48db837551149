import type { InspectionEvent } from 'xstate'
import { safeView, type SafeValue } from './safe-view.ts'

/** The machines whose actors are recorded state by state; the others are promises. */
export const RECORDED_MACHINES = [
  'session',
  'enumerator',
  'batch',
  'coordinator',
  'orchestrator',
] as const
export type RecordedMachine = (typeof RECORDED_MACHINES)[number]

type View = { readonly [key: string]: SafeValue }

/** The first line of each process's part of a recording. */
export interface RecordingHeader {
  readonly type: 'muster.recording'
  /** Of the file's lines; a reader refuses a greater one than it knows. */
  readonly format: 1
  /** The version of Muster that wrote it. */
  readonly muster: string
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number
  /** The statecharts, as they were then. */
  readonly machines: Readonly<Record<RecordedMachine, unknown>>
}

interface Line {
  /** The actor's name within its process, such as `0.x:3`. */
  readonly sessionId: string
  readonly rootId: string
  /** Milliseconds since the Unix epoch, as the Stately inspector has it: a text. */
  readonly createdAt: string
}

export interface ActorLine extends Line {
  readonly type: '@xstate.actor'
  /** As its parent calls it: `session:ID`, `enumerator:ID`, `batch:ID:N`. */
  readonly name: string
  readonly parentId: string | undefined
  /** Null for an actor that is no statechart. */
  readonly machine: RecordedMachine | null
  readonly snapshot: { readonly status: string }
}

export interface EventLine extends Line {
  readonly type: '@xstate.event'
  readonly sourceId: string | undefined
  readonly event: View & { readonly type: string }
}

export interface SnapshotLine extends Line {
  readonly type: '@xstate.snapshot'
  readonly event: { readonly type: string }
  readonly snapshot: {
    readonly status: string
    /** Of a statechart: the state that it is in, as XState writes it. */
    readonly value?: unknown
    readonly context?: View
    readonly output?: View
  }
}

export interface MicrostepLine extends Line {
  readonly type: '@xstate.microstep'
  readonly event: { readonly type: string }
  /** Ids of states. */
  readonly transitions: readonly {
    readonly eventType: string
    readonly source: string
    readonly target: readonly string[]
  }[]
}

/** What could not be written because the disk was too slow for it. */
export interface GapLine {
  readonly type: 'muster.gap'
  readonly lines: number
}

/** The file had reached its greatest size: nothing follows of this process. */
export interface CutLine {
  readonly type: 'muster.cut'
  readonly maxBytes: number
}

export type RecordedLine =
  RecordingHeader | ActorLine | EventLine | SnapshotLine | MicrostepLine | GapLine | CutLine

export type Mask = (text: string) => string

/** What XState does not put into the types of an actor. */
interface Ref {
  readonly id: string
  readonly sessionId: string
  readonly _parent?: Ref
  readonly system: object
}

/** The machine of an actor, by what its parent calls it. */
export function machineOf(name: string): RecordedMachine | null {
  const kind = name.split(':')[0]
  return RECORDED_MACHINES.find((machine) => machine === kind) ?? null
}

/**
 * Names actors by a number of their system's and their own name in it: the
 * coordinator and the orchestrator are systems of their own, and in each of
 * them the first actor is `x:0`.
 */
export class ActorNames {
  readonly #systems = new WeakMap<object, number>()
  #known = 0

  of(ref: Pick<Ref, 'system' | 'sessionId'>): string {
    const { system } = ref
    let number = this.#systems.get(system)
    if (number === undefined) {
      number = this.#known
      this.#known += 1
      this.#systems.set(system, number)
    }
    return `${number}.${ref.sessionId}`
  }
}

const typeOnly = ({ type }: { readonly type: string }) => ({ type })

/**
 * One line for an inspection event, in the shape of the Stately inspector's and
 * without what may be secret, or null for one that tells nothing new: of a
 * promise, all but its beginning and its end.
 */
export function lineOf(
  event: InspectionEvent,
  { mask, names, at }: { readonly mask: Mask; readonly names: ActorNames; readonly at: number },
): RecordedLine | null {
  const ref = event.actorRef as unknown as Ref
  const named = (other: Ref | undefined) => (other === undefined ? undefined : names.of(other))
  const rootId = names.of({ system: ref.system, sessionId: event.rootId })
  const base = { sessionId: names.of(ref), rootId, createdAt: String(at) }
  const machine = machineOf(ref.id)
  switch (event.type) {
    case '@xstate.actor':
      return {
        type: event.type,
        name: mask(ref.id),
        ...base,
        parentId: named(ref._parent),
        machine,
        // It is being made at this moment, and has no snapshot that could be read.
        snapshot: { status: 'active' },
      }
    case '@xstate.event':
      if (machine === null) return null
      return {
        type: event.type,
        ...base,
        sourceId: named(event.sourceRef as unknown as Ref | undefined),
        event: { ...safeView(event.event, mask), type: event.event.type },
      }
    case '@xstate.snapshot': {
      const { status, value, context, output } = event.snapshot as Taken
      if (machine === null && status === 'active') return null
      return {
        type: event.type,
        ...base,
        event: typeOnly(event.event),
        snapshot: {
          status,
          ...(value !== undefined && { value }),
          ...(context !== undefined && { context: safeView(context, mask) }),
          ...(output !== undefined && output !== null && { output: safeView(output, mask) }),
        },
      }
    }
    case '@xstate.microstep':
      if (machine === null) return null
      return {
        type: event.type,
        ...base,
        event: typeOnly(event.event),
        transitions: event._transitions.map((transition) => ({
          eventType: transition.eventType,
          source: transition.source.id,
          target: (transition.target ?? []).map(({ id }) => id),
        })),
      }
    default:
      return null
  }
}

interface Taken {
  readonly status: string
  readonly value?: unknown
  readonly context?: object
  readonly output?: object | null
}

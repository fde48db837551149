import type { RecordedLine, RecordedMachine } from './recording-lines.ts'
import { readRecording } from './read-recording.ts'

/** One actor went from some states to others. */
export interface RecordedStep {
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly event: string
  /** `session:ID`, `enumerator:ID`, `batch:ID:N`. */
  readonly actor: string
  readonly machine: RecordedMachine
  /** Ids of states before and after, nested ones with their parents; none before its first. */
  readonly from: readonly string[]
  readonly to: readonly string[]
}

/** Levels of a statechart that are looked into; ours have two. */
const DEEPEST = 8

/** The ids of all states of a state's value, as XState makes them: the machine's, and the keys on the way. */
export function stateIds(machine: string, value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return [`${machine}.${value}`]
  if (typeof value !== 'object' || value === null || depth >= DEEPEST) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    `${machine}.${key}`,
    ...stateIds(`${machine}.${key}`, inner, depth + 1),
  ])
}

interface Actor {
  readonly name: string
  readonly machine: RecordedMachine
  states: readonly string[]
}

/** Actors of one process; the next one's are called the same, and are others. */
class Actors {
  #actors = new Map<string, Actor>()

  take(line: RecordedLine): RecordedStep | null {
    if (line.type === 'muster.recording') this.#actors = new Map()
    if (line.type === '@xstate.actor' && line.machine !== null) {
      this.#actors.set(line.sessionId, { name: line.name, machine: line.machine, states: [] })
    }
    if (line.type !== '@xstate.snapshot') return null
    const actor = this.#actors.get(line.sessionId)
    if (actor === undefined) return null
    const from = actor.states
    const to = stateIds(actor.machine, line.snapshot.value)
    actor.states = to
    // An actor at its end says nothing more.
    if (line.snapshot.status !== 'active') this.#actors.delete(line.sessionId)
    if (from.join() === to.join()) return null
    const { name, machine } = actor
    return { at: Number(line.createdAt), event: line.event.type, actor: name, machine, from, to }
  }
}

/** What was recorded, as steps from state to state; what changed no state is left out. @throws InvalidInputError as `readRecording` does */
export async function* recordedSteps(file: string): AsyncGenerator<RecordedStep, void, void> {
  const actors = new Actors()
  for await (const line of readRecording(file)) {
    const step = actors.take(line)
    if (step !== null) yield step
  }
}

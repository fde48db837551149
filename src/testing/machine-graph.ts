import { getAdjacencyMap } from '@xstate/graph'
import {
  createActor,
  type ActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyTransitionDefinition,
  type EventObject,
} from 'xstate'
import type { Alphabet } from './alphabet.ts'
import { candidatesFor, describeTransition, eventlessIn, passedOver } from './machine-structure.ts'

/** The most states that are looked at; more are a key that lets every count make a state. */
const LIMIT = 20_000

/** What an event does to a state. */
export interface Edge {
  readonly from: string
  readonly to: string
  readonly event: EventObject
  readonly before: AnyMachineSnapshot
  readonly after: AnyMachineSnapshot
  /** The transitions that are taken, by name, in order. */
  readonly taken: readonly string[]
  /** The guarded transitions that are tried and passed over, by name. */
  readonly refused: readonly string[]
}

export interface Graph {
  /** The key of the initial state. */
  readonly start: string
  readonly edges: readonly Edge[]
}

/** One step of the machine within what an event makes it do. */
interface Microstep {
  readonly event: EventObject
  readonly transitions: readonly AnyTransitionDefinition[]
  readonly after: AnyMachineSnapshot
}

/** All that can happen from the initial state on, by the events of the alphabet. Nothing is executed. */
export function explore(machine: AnyStateMachine, alphabet: Alphabet): Graph {
  const { input } = alphabet
  const keyOf = keyFunction(alphabet)
  const { scope, watch } = inertScope(machine, input)
  let events = 0
  const states = endingStates(machine, () =>
    getAdjacencyMap(machine, {
      input,
      limit: LIMIT,
      serializeState: keyOf,
      // A refused event is an edge too: it shows the guard that refused it.
      events: (snapshot) =>
        snapshot.status === 'active' ? ([...alphabet.events(snapshot)] as EventObject[]) : [],
      // Two events may be the same as JSON, and not be the same: errors, say.
      serializeEvent: () => `${(events += 1)}` as never,
    }),
  )
  const edgeOf = (from: string, before: AnyMachineSnapshot, event: EventObject): Edge => {
    let after = before
    const microsteps = watch(() => {
      after = machine.transition(before, event, scope)
    })
    return {
      from,
      to: keyOf(after),
      event,
      before,
      after,
      taken: microsteps.flatMap(({ transitions }) => transitions.map(describeTransition)),
      refused: refusedIn(before, microsteps),
    }
  }
  const edges = Object.entries(states).flatMap(([from, { state, transitions }]) =>
    Object.values(transitions as Record<string, { event: EventObject }>).map(({ event }) =>
      edgeOf(from, state as AnyMachineSnapshot, event),
    ),
  )
  return {
    start: Object.keys(states)[0] ?? '',
    edges: edges.filter(({ taken, refused }) => taken.length + refused.length > 0),
  }
}

/** @throws Error that says what to do where the states do not end */
function endingStates<T>(machine: AnyStateMachine, find: () => T): T {
  try {
    return find()
  } catch (thrown) {
    if (!(thrown instanceof Error) || !thrown.message.includes('limit exceeded')) throw thrown
    throw new Error(
      `machine "${machine.id}" has more than ${LIMIT} states with these events: give a "key" that leaves out what makes no difference, such as counters`,
      { cause: thrown },
    )
  }
}

const keyFunction =
  ({ key }: Alphabet) =>
  (snapshot: AnyMachineSnapshot) =>
    JSON.stringify(
      [snapshot.status, snapshot.value, key === undefined ? snapshot.context : key(snapshot)],
      comparable,
    ) as never

/** What JSON would drop, or refuse, and two states would be one for it. */
function comparable(_: string, value: unknown): unknown {
  if (value instanceof Error) return [value.name, value.message]
  if (value instanceof Map || value instanceof Set) return [...value]
  return typeof value === 'bigint' ? `${value}n` : value
}

/** The guarded branches that were tried on the way and passed over. */
function refusedIn(before: AnyMachineSnapshot, microsteps: readonly Microstep[]): string[] {
  const refused: AnyTransitionDefinition[] = []
  let now = before
  for (const { event, transitions, after } of microsteps) {
    const isEventless = transitions.some(({ eventType }) => eventType === '')
    const candidates = isEventless ? eventlessIn(now) : candidatesFor(now, event)
    refused.push(...passedOver(candidates, transitions))
    // What would have happened by itself was tried before the next event was looked at.
    if (!isEventless && now !== before) refused.push(...eventlessIn(now))
    now = after
  }
  if (now.status === 'active' && now !== before) refused.push(...eventlessIn(now))
  return [...new Set(refused.filter(({ guard }) => guard !== undefined).map(describeTransition))]
}

/** Where a machine's next snapshot can be computed, and seen to be, without an actor that runs. */
function inertScope(machine: AnyStateMachine, input: unknown) {
  let microsteps: Microstep[] = []
  const self = createActor(machine, {
    input,
    inspect(event) {
      if (event.type !== '@xstate.microstep') return
      const { _transitions: transitions, snapshot } = event
      microsteps.push({ event: event.event, transitions, after: snapshot as AnyMachineSnapshot })
    },
  })
  const nothing = () => undefined
  const scope = {
    self,
    logger: nothing,
    id: self.id,
    sessionId: self.sessionId,
    defer: nothing,
    system: self.system,
    stopChild: nothing,
    emit: nothing,
    actionExecutor: nothing,
  } as unknown as ActorScope<AnyMachineSnapshot, EventObject>
  return {
    scope: scope as never,
    watch(step: () => unknown): Microstep[] {
      microsteps = []
      step()
      return microsteps
    },
  }
}

import {
  createActor,
  type ActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventFromLogic,
  type EventObject,
  type SnapshotFrom,
} from 'xstate'

type Scope = ActorScope<AnyMachineSnapshot, EventObject>

const scopes = new WeakMap<AnyStateMachine, Scope>()

const nothing = () => undefined

/** What a machine is run in when nothing is to come of it but its next snapshot. */
function inertScope(machine: AnyStateMachine): Scope {
  const self = createActor(machine)
  return {
    self,
    system: self.system,
    id: '',
    sessionId: '',
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: nothing,
  } as unknown as Scope
}

function scopeOf(machine: AnyStateMachine): Scope {
  const known = scopes.get(machine)
  if (known !== undefined) return known
  const made = inertScope(machine)
  scopes.set(machine, made)
  return made
}

/**
 * The snapshot that an event leads to. Nothing is executed and no actor moves.
 *
 * XState's `transition()` says the same, and makes a system of actors for each
 * call. Those measured 20 KB a page that outlived the young generation, most of
 * what did; so a machine keeps one here. Only for machines without children or
 * delays: theirs would meet in it.
 *
 * @throws what a guard or an action of the machine throws
 */
export function nextSnapshot<Machine extends AnyStateMachine>(
  machine: Machine,
  snapshot: SnapshotFrom<Machine>,
  event: EventFromLogic<Machine>,
): SnapshotFrom<Machine> {
  return machine.transition(
    snapshot as never,
    event,
    scopeOf(machine) as never,
  ) as SnapshotFrom<Machine>
}

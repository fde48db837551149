import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import type { orchestratorMachine } from '../../../machines/index.ts'
import type { Alphabet } from '../alphabet.ts'
import { stateOf } from '../machine-structure.ts'

/** What each state waits for. */
const WORK: Readonly<Record<string, string>> = {
  'active.leading.loading': 'loadTargets',
  'active.leading.resuming': 'resumeInterrupted',
  'active.leading.starting': 'startTargets',
  'active.leading.walking': 'awaitWalks',
  draining: 'drain',
}

const outcomesOf = (id: string): AnyEventObject[] => [
  { type: `xstate.done.actor.${id}`, actorId: id, output: undefined },
  { type: `xstate.error.actor.${id}`, actorId: id, error: new Error(`${id} failed`) },
]

const lost = { type: 'leadership.lost' }
const stop = { type: 'orchestrator.stop' }

/** What can happen to an orchestrator. */
export const orchestratorAlphabet: Alphabet<typeof orchestratorMachine> = {
  events(snapshot) {
    const state = stateOf(snapshot as unknown as AnyMachineSnapshot)
    const work = WORK[state]
    const outcomes = work === undefined ? [] : outcomesOf(work)
    // Targets are started in one go: nothing else can happen meanwhile.
    if (state === 'draining' || work === 'startTargets') return outcomes as never
    if (state === 'active.standby') return [{ type: 'leadership.gained' }, lost, stop] as never
    const begin = state === 'active.leading.idle' ? [{ type: 'orchestrator.enumerate' }] : []
    return [...outcomes, ...begin, lost, stop] as never
  },
  key: ({ context }) => context.reason === null,
  name({ type }: AnyEventObject) {
    const [, kind, what] = /^xstate\.(done|error)\.actor\.(\w+)/.exec(type) ?? []
    if (kind === undefined) return type
    return kind === 'done' ? `${what} succeeds` : `${what} fails`
  },
}

import { createActor, type AnyEventObject, type Snapshot } from 'xstate'
import {
  batchActorId,
  enumeratorActorId,
  sessionActorId,
  sessionMachine,
  type coordinatorMachine,
} from '../../../machines/index.ts'
import type { Alphabet } from '../alphabet.ts'
import { enumeratorAlphabet } from './enumerator.ts'

/** The one session that is walked. */
const ID = 'a'
const SESSION = sessionActorId(ID)
const ENUMERATOR = enumeratorActorId(ID)
const BATCH = batchActorId(ID, 1)

const snapshot = createActor(sessionMachine, {
  input: { sessionId: ID, sourceType: 'scripted', at: 0 },
}).getPersistedSnapshot() as Snapshot<unknown>

const done = (actorId: string): AnyEventObject => ({
  type: `xstate.done.actor.${actorId}`,
  actorId,
  output: actorId === ENUMERATOR ? { end: 'stopped', reason: null } : undefined,
})

const open: AnyEventObject = { type: 'session.open', sessionId: ID, snapshot }
const close: AnyEventObject = { type: 'session.close', sessionId: ID }
const walk: AnyEventObject = { type: 'enumerator.open', input: enumeratorAlphabet.input }
const batch: AnyEventObject = {
  type: 'batch.open',
  input: { batchId: 'b', sessionId: ID, number: 1, expectedItems: 2, at: 0 },
}
const error: AnyEventObject = {
  type: `xstate.error.actor.${ENUMERATOR}`,
  actorId: ENUMERATOR,
  error: new Error('a bug'),
}

/** What the walks of a coordinator do to it: their order is that of a walk. */
export const coordinatorAlphabet: Alphabet<typeof coordinatorMachine> = {
  events({ children }) {
    const has = (id: string) => Object.hasOwn(children, id)
    const drain = { type: 'coordinator.drain' }
    if (!has(SESSION)) return [open, drain] as never
    if (!has(ENUMERATOR)) return [walk, close, drain] as never
    if (has(BATCH))
      return [done(BATCH), { ...batch, type: 'batch.close', sessionId: ID, number: 1 }] as never
    return [batch, done(ENUMERATOR), error, drain] as never
  },
  key: ({ context, children }) => [context.walking, Object.keys(children).toSorted()],
  name({ type }: AnyEventObject) {
    const [, kind, actor] = /^xstate\.(done|error)\.actor\.(\w+)/.exec(type) ?? []
    if (kind === undefined) return type
    return kind === 'done' ? `the ${actor} is done` : `the ${actor} throws`
  },
}

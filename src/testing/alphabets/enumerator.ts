import type {
  CommitOutcome,
  EnumeratorInput,
  FetchOutcome,
  enumeratorMachine,
} from '../../../machines/index.ts'
import type { AnyMachineSnapshot, AnyEventObject } from 'xstate'
import type { Alphabet } from '../alphabet.ts'
import { stateOf } from '../machine-structure.ts'

const INPUT: EnumeratorInput = {
  sessionId: 'a',
  // Two: one attempt that may be repeated, and one that is the last.
  maxAttempts: 2,
  backoffMs: 1_000,
  maxBackoffMs: 1_000,
  stallMs: 10_000,
  holdMs: 20_000,
}

const FETCHED: Readonly<Record<string, FetchOutcome>> = {
  'a page': { kind: 'page' },
  'nothing more': { kind: 'exhausted' },
  'a wait': { kind: 'wait', until: 5_000, reason: 'limited' },
  'a pause': { kind: 'pause', reason: 'the token was refused' },
  'an error': { kind: 'error', retryable: true, reason: 'connection reset' },
  'a refusal': { kind: 'error', retryable: false, reason: 'the source is gone' },
}

const COMMITTED: Readonly<Record<string, CommitOutcome>> = {
  committed: { kind: 'committed', windowFull: false },
  'committed, and the window is full': { kind: 'committed', windowFull: true },
  stale: { kind: 'stale', reason: 'taken over' },
  'at its end': { kind: 'ended' },
}

const done = (id: string, output?: unknown): AnyEventObject => ({
  type: `xstate.done.actor.${id}`,
  output,
  actorId: id,
})
const broke = (id: string): AnyEventObject => ({
  type: `xstate.error.actor.${id}`,
  error: new Error('a bug'),
  actorId: id,
})
const after = (delay: string, state: string): AnyEventObject => ({
  type: `xstate.after.${delay}.enumerator.${state}`,
})
const written = (id: string, ...outcomes: string[]) => [
  ...outcomes.map((outcome) => done(id, COMMITTED[outcome])),
  broke(id),
]

const drain = { type: 'enumerator.drain' }
const cancel = { type: 'enumerator.cancel' }
const lost = { type: 'lease.lost', reason: 'taken over' }

/** What can happen in each state; it can be drained in every one. */
const EVENTS: Readonly<Record<string, readonly AnyEventObject[]>> = {
  // No answer comes before the request is out.
  'fetching.queued': [{ type: 'request.started' }, cancel, lost],
  'fetching.asking': [
    ...Object.values(FETCHED).map((outcome) => done('fetchPage', outcome)),
    broke('fetchPage'),
    after('STALL', 'fetching.asking'),
    cancel,
    lost,
  ],
  committing: [
    ...written('commitPage', 'committed', 'committed, and the window is full', 'stale'),
    cancel,
  ],
  holding: [done('awaitWindow'), broke('awaitWindow'), after('HOLD', 'holding'), cancel, lost],
  recordingWait: [...written('recordWait', 'committed', 'stale'), cancel],
  waiting: [after('WAIT', 'waiting'), cancel, lost],
  backingOff: [after('BACKOFF', 'backingOff'), cancel, lost],
  stalling: [...written('recordStall', 'committed', 'stale'), cancel],
  ending: [...written('recordEnd', 'at its end', 'committed', 'stale'), cancel],
  failing: written('recordFailure', 'committed', 'stale'),
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** What can happen to an enumerator. */
export const enumeratorAlphabet: Alphabet<typeof enumeratorMachine> = {
  input: INPUT,
  events(snapshot) {
    const possible = EVENTS[stateOf(snapshot as unknown as AnyMachineSnapshot)] ?? []
    return [...possible, drain] as never
  },
  key({ context: { attempts, draining, waitUntil } }) {
    return { attempts: Math.min(attempts, INPUT.maxAttempts), draining, waits: waitUntil !== null }
  },
  name(event: AnyEventObject) {
    const [, kind, what] = /^xstate\.(done|error|after)\.(?:actor\.)?(\w+)/.exec(event.type) ?? []
    if (kind === undefined) return event.type
    if (kind === 'after') return `${what} has passed`
    if (kind === 'error') return `${what} throws`
    const outcome = Object.entries({ ...FETCHED, ...COMMITTED }).find(([, o]) =>
      isSame(o, event['output']),
    )
    return `${what} gives ${outcome?.[0] ?? 'its result'}`
  },
}

import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream'
import { nanos } from '@nats-io/transport-node'
import { InvalidInputError } from '../../domain/errors.ts'
import type { BusEventType } from '../event-bus.ts'
import type { Envelope } from '../wire.ts'
import type { NatsBusSettings } from './options.ts'

type Names = Pick<NatsBusSettings, 'stream' | 'prefix'>

/** JetStream's code for a stream that does not exist. */
const STREAM_NOT_FOUND = 10_059

/** Work is to be done once by somebody; of the rest, everybody may want to hear. */
const isWork = (type: BusEventType): boolean =>
  type.startsWith('task.') || type === 'rule.published'

/** The stream that holds the events of a type. */
export const streamOf = (type: BusEventType, { stream }: Names): string =>
  isWork(type) ? stream : `${stream}_SESSIONS`

/** All subjects of a type. */
export const subjectsOf = (type: BusEventType, { prefix }: Names): string => `${prefix}.${type}.*`

/** The subject of an event: its type, and the session or task that it is about. */
export function subjectOf({ type, sessionId, data }: Envelope, { prefix }: Names): string {
  const about = sessionId ?? ('taskId' in data ? data.taskId : 'ruleId' in data ? data.ruleId : '')
  // Blanks, dots and stars mean something in a subject.
  const token = about.replaceAll(/[^\w-]/g, '_').slice(0, 100) || '_'
  return `${prefix}.${type}.${token}`
}

type Wanted = Pick<
  StreamConfig,
  'name' | 'subjects' | 'retention' | 'storage' | 'discard' | 'duplicate_window' | 'max_age'
>

/**
 * Tasks, reports and rules are work: a queue keeps each until it is
 * acknowledged, however long that takes, and no longer. Kept for a time
 * instead, a task that nobody took in that time would be lost, though its
 * session holds it for delivered. Sessions' events are the other way round:
 * any number of consumers may want them, or none, so they are kept for a time.
 */
function wantedStreams(settings: NatsBusSettings): Wanted[] {
  const { stream, prefix, dedupeMs, keepMs } = settings
  const both = {
    storage: StorageType.File,
    // A full stream refuses what is new, and publishing waits; it does not forget what is old.
    discard: DiscardPolicy.New,
    duplicate_window: nanos(dedupeMs),
  }
  return [
    {
      ...both,
      name: stream,
      subjects: [`${prefix}.task.>`, `${prefix}.rule.>`],
      retention: RetentionPolicy.Workqueue,
      max_age: 0,
    },
    {
      ...both,
      name: `${stream}_SESSIONS`,
      subjects: [`${prefix}.session.>`, `${prefix}.enumerator.>`],
      retention: RetentionPolicy.Limits,
      max_age: nanos(keepMs),
    },
  ]
}

/**
 * Makes the streams, or brings them to what this version wants of them; limits
 * and replicas that an operator has set stay.
 *
 * @throws InvalidInputError (INVALID_OPTIONS) where a stream of the name is another's
 */
export async function ensureStreams(
  jsm: JetStreamManager,
  settings: NatsBusSettings,
): Promise<void> {
  for (const wanted of wantedStreams(settings)) await ensureStream(jsm, wanted, settings.replicas)
}

async function ensureStream(
  jsm: JetStreamManager,
  wanted: Wanted,
  replicas: number,
): Promise<void> {
  const found = await findStream(jsm, wanted.name)
  if (found === null) {
    await jsm.streams.add({ ...wanted, num_replicas: replicas })
    return
  }
  if (found.retention !== wanted.retention || found.storage !== wanted.storage) {
    throw new InvalidInputError('INVALID_OPTIONS', [
      `stream "${wanted.name}" has retention "${found.retention}" on ${found.storage}: expected "${wanted.retention}" on ${wanted.storage}; give another name as stream, or delete it`,
    ])
  }
  const keys = Object.keys(wanted) as (keyof Wanted)[]
  const differs = keys.some((key) => String(found[key]) !== String(wanted[key]))
  if (differs) await jsm.streams.update(wanted.name, { ...found, ...wanted })
}

async function findStream(jsm: JetStreamManager, name: string): Promise<StreamConfig | null> {
  try {
    return (await jsm.streams.info(name)).config
  } catch (thrown) {
    if (thrown instanceof JetStreamApiError && thrown.code === STREAM_NOT_FOUND) return null
    throw thrown
  }
}

/** Tasks that the broker holds and no consumer has acknowledged. */
export async function countPending(jsm: JetStreamManager, names: Names): Promise<number> {
  const { state } = await jsm.streams.info(names.stream, {
    subjects_filter: subjectsOf('task.created', names),
  })
  return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0)
}

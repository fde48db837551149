import { inspect } from 'node:util'
import type { NodeConnectionOptions } from '@nats-io/transport-node'
import { z } from 'zod'
import { systemClock, type TimeProvider } from '../../domain/clock.ts'
import { InvalidInputError } from '../../domain/errors.ts'

/** How a process takes part in an event bus on NATS JetStream. */
export interface NatsBusOptions {
  /** Addresses of the servers, `nats://HOST:PORT`; without passwords, which belong into `connection`. */
  readonly servers: string | readonly string[]
  /** How to connect: `user` and `pass`, `token`, `authenticator`, `tls`; as `@nats-io/transport-node` has them. */
  readonly connection?: Omit<NodeConnectionOptions, 'servers' | 'reconnect'>
  /** The stream of tasks, reports and rules; that of sessions' events is called the same with `_SESSIONS` after it. Default `MUSTER`. */
  readonly stream?: string
  /** What every subject begins with. Default `muster`. */
  readonly prefix?: string
  /** Under which name events are taken: processes of the same name share them. Default `muster`. */
  readonly consumer?: string
  /** Tasks that the broker may hold and no consumer has acknowledged; at as many, publishing tasks waits. Several publishers may go 500 each beyond it. Default 10,000. */
  readonly maxPending?: number
  /** Events of one type that this process has in hand at once. Default 16. */
  readonly concurrency?: number
  /** Whether this process handles a session's events of one type one after the other. Default true. */
  readonly inOrder?: boolean
  /** After how long an event whose process is gone comes to another one, in milliseconds. A handler may take longer. All processes of a consumer have to have the same. Default 30,000. */
  readonly ackWaitMs?: number
  /** After how long an event whose handler threw comes again at first, in milliseconds; twice as long each time, a minute at most. Default 1,000. */
  readonly retryMs?: number
  /** For how long the broker knows an event's id, and takes the event once, in milliseconds. It costs the broker some 150 bytes of memory for each. Default 600,000: longer than a lease and a restart take. */
  readonly dedupeMs?: number
  /** For how long sessions' events are kept, in milliseconds; tasks are kept until they are acknowledged. Default a week. */
  readonly keepMs?: number
  /** On how many servers of a cluster the streams are kept when they are made, 1 to 5. Default 1. */
  readonly replicas?: number
  /** For how long closing waits for what is under way, in milliseconds. Default 5,000. */
  readonly drainMs?: number
  /** Default: the operating system's clock. */
  readonly clock?: TimeProvider
}

export type NatsBusSettings = Required<Omit<NatsBusOptions, 'servers'>> & {
  readonly servers: string[]
}

/** The longest that a time may be: Node's timers bear no more than 24 days. */
const MAX_MS = 24 * 86_400_000

/** `host:port` or `nats://host:port`; a name and password in it would end up in messages. */
const address = z
  .string()
  .regex(/^[^@\s]+$/, 'expected nats://HOST:PORT; a user and password belong into connection')
/** What is a part of a subject, or the name of a stream or consumer. */
const name = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, 'expected letters, digits, "-" and "_"')
const ms = (min: number) => z.int().min(min).max(MAX_MS)
const whole = (min: number, max: number) => z.int().min(min).max(max)

const schema = z.strictObject({
  servers: z
    .union([address, z.array(address).min(1)])
    .transform((given) => (Array.isArray(given) ? given : [given])),
  connection: z.record(z.string(), z.unknown()).default({}),
  stream: name.default('MUSTER'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'expected a subject without wildcards')
    .default('muster'),
  consumer: name.default('muster'),
  maxPending: whole(1, 10_000_000).default(10_000),
  concurrency: whole(1, 10_000).default(16),
  inOrder: z.boolean().default(true),
  ackWaitMs: ms(1_000).default(30_000),
  retryMs: ms(1).default(1_000),
  dedupeMs: ms(1_000).default(600_000),
  keepMs: ms(60_000).default(7 * 86_400_000),
  replicas: whole(1, 5).default(1),
  drainMs: ms(0).default(5_000),
  clock: z
    .custom<TimeProvider>(
      (value) => typeof (value as TimeProvider | null)?.now === 'function',
      'expected a clock with now',
    )
    .default(systemClock),
})

/** @throws InvalidInputError (INVALID_OPTIONS) before anything is opened */
export function parseNatsBusOptions(options: NatsBusOptions): NatsBusSettings {
  const parsed = schema.safeParse(options)
  if (!parsed.success) {
    throw new InvalidInputError(
      'INVALID_OPTIONS',
      parsed.error.issues.map((issue) => problemOf(issue, options)),
    )
  }
  const settings = parsed.data
  // The broker refuses to know ids for longer than it keeps events.
  if (settings.dedupeMs > settings.keepMs) {
    throw new InvalidInputError('INVALID_OPTIONS', [
      `dedupeMs is ${settings.dedupeMs}: expected at most keepMs, which is ${settings.keepMs}`,
    ])
  }
  return settings as NatsBusSettings
}

function problemOf(issue: z.core.$ZodIssue, options: unknown): string {
  if (issue.code === 'unrecognized_keys') {
    return `unknown option ${issue.keys.join(', ')}; known are ${Object.keys(schema.shape).join(', ')}`
  }
  const [key] = issue.path
  if (key === undefined) return `the options of a NATS bus: ${issue.message}`
  const value = (options as Record<PropertyKey, unknown>)[key]
  // Either may hold a password.
  const isSecret = key === 'servers' || key === 'connection'
  const shown = isSecret ? '' : ` is ${inspect(value, { depth: 0, breakLength: Infinity })}:`
  return `${String(key)}${shown} ${issue.message}`
}

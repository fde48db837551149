import { inspect } from 'node:util'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { AuthConfigs } from './config/auth.ts'
import type { EventBus } from './delivery/event-bus.ts'
import type { TimeProvider } from './domain/clock.ts'
import { InvalidInputError } from './domain/errors.ts'
import type { Inspect } from './enumeration/ports.ts'
import { DEFAULT_SETTINGS, type WalkSettings } from './enumeration/settings.ts'
import type { Metrics } from './observe/metrics.ts'
import type { MetricsRegistry } from './observe/prometheus.ts'
import type { Leadership } from './orchestration/leadership.ts'
import type { AnySource } from './sources/source.ts'
import { isPostgresUrl } from './store/open-database.ts'
import type { Store } from './store/store.ts'

/** What a Muster is made of. Everything has a default. */
export interface MusterOptions extends Partial<WalkSettings> {
  /**
   * A SQLite path, `:memory:`, the address of a PostgreSQL server
   * (`postgres://user@host/name`), or a store of one's own. Default `./muster.db`.
   */
  readonly database?: string | Store
  /**
   * Whether the database has a thread of its own, so that nothing SQLite does
   * holds up the host's event loop; costs a message for each call, and about
   * 30 MB. Default false. Only for a `database` that is a path.
   */
  readonly databaseThread?: boolean
  /** Credentials by name; a target names one by `authRef`. Values are never stored. */
  readonly auth?: AuthConfigs
  /** A config file; read at once, and again at each `orchestrator.enumerate()`. */
  readonly config?: string
  /** Sources besides `github`, `s3` and `url`. */
  readonly sources?: readonly AnySource[]
  /** Watches every actor, as the Stately inspector's `inspect` does. */
  readonly inspect?: Inspect
  /** Counts what is walked and stored. Default: nothing does. */
  readonly metrics?: Metrics
  /**
   * Whether an OpenTelemetry SDK that the process has registered is given
   * metrics and traces. Default true; without an SDK nothing of it is loaded.
   */
  readonly telemetry?: boolean
  /** Numbers for Prometheus, of `createMetricsRegistry()`; whoever made it closes it. Default: none. */
  readonly metricsRegistry?: MetricsRegistry
  /**
   * A file that every transition of every actor is appended to, without
   * secrets, for `muster replay`. Default: nothing is recorded.
   */
  readonly record?: string
  /** Is told what happens. Default: nothing is. */
  readonly logger?: Logger
  /** Default: an event bus within this process. */
  readonly bus?: EventBus
  /** Default: this process leads; with PostgreSQL, one of those that share the database. */
  readonly leadership?: Leadership
  /**
   * Sessions that this process walks at the same time, of those that several
   * processes share: what it cannot take is left to the others. Default 10.
   */
  readonly maxSessions?: number
  /** Default: the operating system's clock. */
  readonly clock?: TimeProvider
}

/** Sessions at the same time. As many as a process's queue of 4 keeps busy, and some that wait. */
export const DEFAULT_MAX_SESSIONS = 10

/** A day: nothing here is meant to take longer. */
const MAX_MS = 86_400_000

const whole = (min: number, max: number) => z.int().min(min).max(max).optional()
/** An object with these functions. */
const object = <T>(what: string, ...methods: string[]) =>
  z
    .custom<T>(
      (value) => {
        if (typeof value !== 'object' || value === null) return false
        return methods.every(
          (name) => typeof (value as Record<string, unknown>)[name] === 'function',
        )
      },
      `expected ${what}${methods.length === 0 ? '' : ` with ${methods.join(', ')}`}`,
    )
    .optional()

const schema = z.strictObject({
  database: z.union([z.string().min(1), z.custom<Store>(isStore)]).optional(),
  databaseThread: z.boolean().optional(),
  auth: object<AuthConfigs>('credentials by name'),
  config: z.string().min(1).optional(),
  sources: z.array(z.custom<AnySource>((v) => typeof v === 'object' && v !== null)).optional(),
  inspect: z
    .custom<Inspect>((v) => typeof v === 'function' || (typeof v === 'object' && v !== null))
    .optional(),
  metrics: object<Metrics>('metrics', 'incTasksEnqueued', 'trackEnumeration'),
  telemetry: z.boolean().optional(),
  metricsRegistry: object<MetricsRegistry>('a metrics registry', 'measure', 'text'),
  record: z.string().min(1).optional(),
  logger: object<Logger>('a pino logger', 'info', 'warn', 'debug'),
  bus: object<EventBus>('an event bus', 'publish', 'subscribe', 'hasSubscribers'),
  leadership: object<Leadership>('a leadership', 'campaign'),
  maxSessions: whole(1, 1_000),
  clock: object<TimeProvider>('a clock', 'now'),
  concurrency: whole(1, 1_000),
  maxAttempts: whole(1, 1_000),
  backoffMs: whole(0, MAX_MS),
  maxBackoffMs: whole(0, MAX_MS),
  stallMs: whole(1, MAX_MS),
  holdMs: whole(1, MAX_MS),
  deliveryWindow: whole(1, 10_000_000),
  shrinkAlarm: z.number().min(0).max(1).optional(),
  deactivateAfter: whole(1, 1_000),
  leaseMs: whole(100, MAX_MS),
})

function isStore(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'commitPage' in value
}

function describe(issue: z.core.$ZodIssue, options: unknown): string {
  const name = issue.path.join('.') || 'options'
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    options,
  )
  if (issue.code === 'unrecognized_keys') {
    return `unknown option ${issue.keys.join(', ')}; known are ${Object.keys(schema.shape).join(', ')}`
  }
  // Credentials are the one option whose value may be a secret.
  const shown = name.startsWith('auth')
    ? ''
    : ` is ${inspect(value, { depth: 0, breakLength: Infinity })}:`
  return `${name}${shown} ${issue.message}`
}

/** @throws InvalidInputError (INVALID_OPTIONS) before anything is opened */
export function parseOptions(options: unknown): MusterOptions & { settings: WalkSettings } {
  const parsed = schema.safeParse(options)
  if (!parsed.success) {
    throw new InvalidInputError(
      'INVALID_OPTIONS',
      parsed.error.issues.map((issue) => describe(issue, options)),
    )
  }
  const given = parsed.data as MusterOptions
  const isFile = typeof given.database !== 'object' && !isPostgresUrl(given.database ?? '')
  if (given.databaseThread === true && !isFile) {
    throw new InvalidInputError('INVALID_OPTIONS', [
      'databaseThread is true: it is for a SQLite file, and database is none: give the path of one, or leave databaseThread out',
    ])
  }
  // A bus between processes waits for its consumers: what they are not ready for is not walked ahead.
  const defaults: Partial<WalkSettings> = given.bus?.isDurable === true ? { holdMs: MAX_MS } : {}
  const settings = Object.fromEntries(
    Object.entries(DEFAULT_SETTINGS).map(([key, value]) => [
      key,
      given[key as keyof WalkSettings] ?? defaults[key as keyof WalkSettings] ?? value,
    ]),
  ) as unknown as WalkSettings
  return { ...given, settings }
}

import { resolve } from 'node:path'
import pino from 'pino'
import { errorRecord, MusterError } from '../domain/errors.ts'
import type { SessionState } from '../domain/session-state.ts'
import type { EnumerationResult } from '../index.ts'
import { createMuster, type Muster } from '../muster.ts'
import { createMetricsRegistry, serveMetrics } from '../observe/prometheus.ts'
import { dashboardBeside } from './dashboard-command.ts'
import { checkDatabase, openExisting, repeatable, shownDatabase } from './database.ts'
import { ExitCode, UsageError } from './exit.ts'
import { exitCodeOf, report, type Outcome } from './outcome.ts'
import { printable, printNote } from './output.ts'
import { isWatched, showProgress } from './progress.ts'
import type { Called } from './summary.ts'

interface WalkOptions {
  readonly db: string
  readonly json?: boolean
  /** Log lines in place of the progress display. */
  readonly verbose?: boolean
}

/** Written at once: a process that is killed must not take its last lines with it. */
const logging = ({ verbose }: WalkOptions) =>
  verbose === true
    ? { logger: pino({ level: 'debug' }, pino.destination({ fd: 2, sync: true })) }
    : {}

/** Resumes what was interrupted, starts the rest, and walks all of it to its end. */
export async function run(
  config: string,
  options: WalkOptions & {
    readonly concurrency?: number
    readonly metricsPort?: number
    readonly record?: string
    /** The port of the dashboard; true for the usual one. */
    readonly dashboard?: number | true
  },
): Promise<number> {
  const { db: database, concurrency, record } = options
  checkDatabase(database)
  refuseSameFile(database, record)
  await using metrics = await metricsOn(options.metricsPort)
  const muster = await createMuster({
    database,
    config,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(record === undefined ? {} : { record }),
    ...(metrics === null ? {} : { metricsRegistry: metrics.registry }),
    ...logging(options),
  })
  if (options.dashboard !== undefined) await dashboardBeside(muster, options.dashboard)
  return walk(muster, () => muster.orchestrator.enumerate(), { ...options, config })
}

/** The recording is begun first: the database would find it in its place. */
function refuseSameFile(database: string, record: string | undefined): void {
  if (record === undefined || resolve(record) !== resolve(database)) return
  throw new UsageError(`--record: ${record} is the database: name another file`)
}

/** Serves numbers while a walk goes on. */
async function metricsOn(port: number | undefined) {
  if (port === undefined) return null
  const registry = await createMetricsRegistry()
  const server = await serveMetrics({ registry, port })
  printNote(`metrics: ${server.url}`)
  return {
    registry,
    async [Symbol.asyncDispose]() {
      await server.close()
      await registry.close()
    },
  }
}

type TakeUpOptions = WalkOptions & { readonly config?: string }

/** Takes up one session on purpose. */
export function resume(sessionId: string, options: TakeUpOptions): Promise<number> {
  return takeUp(sessionId, options, (muster) => muster.resume(sessionId))
}

/** Tries the failed items of an ended session again. */
export function retry(sessionId: string, options: TakeUpOptions): Promise<number> {
  return takeUp(sessionId, options, (muster) => muster.retryFailed(sessionId))
}

async function takeUp(
  sessionId: string,
  options: TakeUpOptions,
  start: (muster: Muster) => Promise<EnumerationResult>,
): Promise<number> {
  const { config } = options
  const state = await stateOf(sessionId, options.db)
  const { authRef, name } = state.config
  if (authRef !== null && config === undefined) {
    throw new UsageError(
      `session ${sessionId} (target "${name}") uses the credential "${authRef}": name the config that defines it, with --config FILE`,
    )
  }
  const muster = await createMuster({
    database: options.db,
    ...(config === undefined ? {} : { config }),
    ...logging(options),
  })
  const begin = async (): Promise<Outcome> => {
    const { done } = await refusedAsUsage(() => start(muster))
    try {
      return { sessions: [await done], failures: [] }
    } catch (error) {
      if (isWalkedOn(state, error)) return liftedElsewhere(name, error)
      return { sessions: [], failures: [{ targetName: name, error }] }
    }
  }
  return walk(muster, begin, options)
}

/** Whether a pause was lifted before the process that walks the session had come to rest. */
const isWalkedOn = ({ asked }: SessionState, error: unknown): boolean =>
  asked === 'pause' && errorRecord(error).code === 'LEASE_HELD'

function liftedElsewhere(name: string, error: unknown): Outcome {
  const { message } = errorRecord(error)
  printNote(printable(`muster: ${name}: its pause is ended, and it is walked on: ${message}`))
  return { sessions: [], failures: [] }
}

/** What a session as it stands does not allow is a fault of the command line. */
export async function refusedAsUsage<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (thrown) {
    const isRefused =
      thrown instanceof MusterError &&
      (thrown.code === 'SESSION_NOT_FOUND' || thrown.code === 'ILLEGAL_TRANSITION')
    if (isRefused) throw new UsageError(thrown.message)
    throw thrown
  }
}

async function stateOf(sessionId: string, database: string): Promise<SessionState> {
  const store = await openExisting(database)
  try {
    const state = await store.repositories.sessions.load(sessionId)
    if (state !== null) return state
    throw new UsageError(
      `session ${JSON.stringify(sessionId)} is not in ${shownDatabase(database)}: "muster status" lists those that are`,
    )
  } finally {
    await store.close()
  }
}

async function walk(
  muster: Muster,
  begin: () => Promise<Outcome>,
  options: WalkOptions & { readonly config?: string },
): Promise<number> {
  const stopProgress = options.verbose === true ? () => {} : showProgress(muster.bus)
  const interruption = closeOnSignal(muster)
  try {
    const outcome = await begin()
    stopProgress()
    await report(outcome, options.json === true, await calledWith(options, outcome, muster))
    return interruption.exitCode ?? exitCodeOf(outcome)
  } finally {
    stopProgress()
    interruption.end()
    await muster.close()
  }
}

/** What the commands that are told at the end are made of. */
async function calledWith(
  { db, config }: WalkOptions & { readonly config?: string },
  { failures }: Outcome,
  { repositories }: Muster,
): Promise<Called> {
  // A process that was asked to stop has closed its database: then less is told.
  const unended =
    failures.length === 0 ? [] : await repositories.sessions.getActiveStates().catch(() => [])
  return { db: repeatable(db), config: config ?? null, unended, isWatched: isWatched() }
}

/** The first signal finishes the page in hand; a second one, which Node then handles itself, ends at once. */
function closeOnSignal(muster: Muster): { exitCode: number | undefined; end(): void } {
  const interruption = { exitCode: undefined as number | undefined, end: () => {} }
  const onSignal = (signal: NodeJS.Signals) => {
    interruption.end()
    interruption.exitCode = signal === 'SIGINT' ? ExitCode.interrupted : ExitCode.terminated
    printNote(`${signal}: finishing the page in hand (again to stop at once)`)
    muster.close().catch((thrown: unknown) => printNote(`muster: ${errorRecord(thrown).message}`))
  }
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  interruption.end = () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
  return interruption
}

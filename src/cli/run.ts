import pino from 'pino'
import { errorRecord, isPause } from '../domain/errors.ts'
import type { SessionState } from '../domain/session-state.ts'
import { createMuster, type Muster } from '../muster.ts'
import { checkDatabase, openExisting, shownDatabase } from './database.ts'
import { ExitCode, UsageError } from './exit.ts'
import { printable, printData, printNote } from './output.ts'
import { showProgress } from './progress.ts'
import { sessionData } from './session-table.ts'

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

interface Outcome {
  readonly sessions: readonly SessionState[]
  readonly failures: readonly { readonly targetName: string; readonly error: unknown }[]
}

/** Resumes what was interrupted, starts the rest, and walks all of it to its end. */
export async function run(
  config: string,
  options: WalkOptions & { readonly concurrency?: number },
): Promise<number> {
  const { db: database, concurrency } = options
  checkDatabase(database)
  const muster = await createMuster({
    database,
    config,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...logging(options),
  })
  return walk(muster, () => muster.orchestrator.enumerate(), options)
}

/** Takes up one session on purpose. */
export async function resume(
  sessionId: string,
  options: WalkOptions & { readonly config?: string },
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
    const { done } = muster.coordinator.resumeTarget(state)
    try {
      return { sessions: [await done], failures: [] }
    } catch (error) {
      return { sessions: [], failures: [{ targetName: name, error }] }
    }
  }
  return walk(muster, begin, options)
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
  options: WalkOptions,
): Promise<number> {
  const stopProgress = options.verbose === true ? () => {} : showProgress(muster.bus)
  const interruption = closeOnSignal(muster)
  try {
    const outcome = await begin()
    stopProgress()
    await report(outcome, options.json === true)
    return interruption.exitCode ?? exitCodeOf(outcome)
  } finally {
    stopProgress()
    interruption.end()
    await muster.close()
  }
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

async function report({ sessions, failures }: Outcome, json: boolean): Promise<void> {
  await printData([sessionData(sessions, json)])
  for (const { targetName, shortfalls } of sessions) {
    for (const { code, detail } of shortfalls) {
      printNote(printable(`muster: ${targetName}: incomplete (${code}): ${detail}`))
    }
  }
  for (const { targetName, error } of failures) {
    const record = errorRecord(error)
    const paused = isPause(record) ? 'paused: ' : ''
    const remedy = isPause(record)
      ? '; put it right and run again: the walk goes on where it stopped'
      : ''
    printNote(printable(`muster: ${targetName}: ${paused}${record.message}${remedy}`))
  }
}

function exitCodeOf({ sessions, failures }: Outcome): number {
  if (failures.length > 0 || sessions.some((s) => s.status === 'FAILED')) return ExitCode.failed
  return sessions.every((s) => s.status === 'COMPLETED') ? ExitCode.ok : ExitCode.partial
}

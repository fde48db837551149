/** What a person is told at the end of a run: what is wrong, and what to do next. */
import { errorRecord, isPause } from '../domain/errors.ts'
import { isActive, type SessionState } from '../domain/session-state.ts'
import { printable } from './output.ts'
import { command, counted, moment, several } from './words.ts'

/** What came of the walks that a command began. */
export interface Outcome {
  readonly sessions: readonly SessionState[]
  readonly failures: readonly { readonly targetName: string; readonly error: unknown }[]
}

/** How the tool was called, so that the commands that are told can be copied. */
export interface Called {
  /** Null where it was left to the default. */
  readonly db: string | null
  readonly config: string | null
  /** Sessions that are not at their end, of those that the run was about. */
  readonly unended: readonly SessionState[]
  /** Whether a person looks on: then what went well is told, too. */
  readonly isWatched: boolean
}

const database = ({ db }: Called): readonly string[] => (db === null ? [] : ['--db', db])

const steer = (verb: 'resume' | 'retry', sessionId: string, called: Called): string => {
  const config = called.config === null ? [] : ['--config', called.config]
  return command(verb, sessionId, ...database(called), ...config)
}

/** The same run again; of a session that was resumed alone without a config, nothing but that. */
const again = (called: Called): string | null =>
  called.config === null ? null : command('run', called.config, ...database(called))

function linesOfSession(session: SessionState, called: Called): string[] {
  const { targetName, sessionId, status, shortfalls, failureReason, metrics } = session
  const lines = shortfalls
    .filter(({ detail }) => status !== 'FAILED' || detail !== failureReason)
    .map(({ code, detail }) => `${targetName}: incomplete (${code}): ${detail}`)
  if (isActive(status)) {
    const next = again(called) ?? steer('resume', sessionId, called)
    lines.push(`${targetName}: stopped, can be resumed: ${next}`)
  } else if (status === 'FAILED') {
    const remedy = steer('resume', sessionId, called)
    lines.push(`${targetName}: failed: ${failureReason ?? 'no reason is known'}`)
    lines.push(`${targetName}: once that is put right: ${remedy}`)
  } else if (metrics.itemsFailed > 0) {
    const items = `${several(metrics.itemsFailed, 'item')} failed`
    lines.push(`${targetName}: ${items}; try again: ${steer('retry', sessionId, called)}`)
  } else if (shortfalls.length > 0) {
    const next = again(called)
    if (next !== null) lines.push(`${targetName}: once that is put right: ${next}`)
  }
  return lines
}

function linesOfFailure(
  { targetName, error }: Outcome['failures'][number],
  called: Called,
): string[] {
  const record = errorRecord(error)
  const session = called.unended.find((one) => one.targetName === targetName)
  if (!isPause(record)) return [`${targetName}: ${record.message}`, ...laterLines(session, called)]
  const remedy =
    record.code === 'PAUSED'
      ? ''
      : '; put it right and run again: the walk goes on where it stopped'
  const next = session === undefined ? again(called) : steer('resume', session.sessionId, called)
  const how = next === null ? [] : [`${targetName}: go on with: ${next}`]
  return [`${targetName}: paused: ${record.message}${remedy}`, ...how]
}

/** A walk that was stopped in a wait goes on after it. */
function laterLines(session: SessionState | undefined, called: Called): string[] {
  if (session?.waiting?.until == null) return []
  const next = again(called) ?? steer('resume', session.sessionId, called)
  const until = moment(session.waiting.until)
  return [`${session.targetName}: waits until ${until}: ${session.waiting.reason}; then: ${next}`]
}

/** What went well, and what was found. */
function found({ sessions, failures }: Outcome): string {
  const complete = sessions.filter(({ status }) => status === 'COMPLETED')
  const items = complete.reduce((sum, { metrics }) => sum + metrics.itemsFound, 0)
  const compared = complete.flatMap(({ comparison }) => comparison ?? [])
  const counts = (['new', 'changed', 'missing'] as const).map(
    (key) => `${counted(compared.reduce((sum, one) => sum + one[key], 0))} ${key}`,
  )
  const all = sessions.length + failures.length
  const how =
    complete.length === all
      ? `all of ${several(all, 'target')}`
      : `${complete.length} of ${several(all, 'target')}`
  const what = compared.length === 0 ? '' : `: ${counts.join(', ')}`
  return `${how} complete, ${several(items, 'item')}${what}`
}

/** What is told at the end, a line each; nothing where all went well and nobody looks on. */
export function summaryLines(outcome: Outcome, called: Called): string[] {
  const problems = [
    ...outcome.sessions.flatMap((session) => linesOfSession(session, called)),
    ...outcome.failures.flatMap((failure) => linesOfFailure(failure, called)),
  ]
  const isAnything = outcome.sessions.length + outcome.failures.length > 0
  const good = called.isWatched && isAnything ? [found(outcome)] : []
  return [...problems, ...good].map((line) => printable(`muster: ${line}`))
}

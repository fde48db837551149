import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditEntry } from '../domain/audit.ts'
import { isActive } from '../domain/session-state.ts'
import { createMuster, isGone, type Muster } from '../muster.ts'
import type { SessionSummary, Store } from '../store/store.ts'
import { refuseAbsent, shownDatabase, withStore } from './database.ts'
import { ExitCode, UsageError } from './exit.ts'
import { printable, printData, printNote } from './output.ts'
import { refusedAsUsage } from './run.ts'
import { sessionData } from './session-table.ts'

interface SteerOptions {
  readonly db: string
  readonly json?: boolean
}

/**
 * How long the process that walks a session is given to finish its page, in
 * milliseconds: it looks once a second, and most pages take a second or two.
 * Whoever does not wait for a slow one loses nothing: what is asked is stored.
 */
const PATIENCE_MS = 10_000

/** How often it is looked whether it has; milliseconds. */
const LOOK_MS = 200

/** Entries of a record read at a time. */
const WINDOW = 500

/** Asks that a session be paused, and waits for its walk to come to rest. */
export const pause = (sessionId: string, options: SteerOptions): Promise<number> =>
  steer(options, async (muster) => {
    await muster.pause(sessionId)
    const session = await settled(muster, sessionId, (now) => !isWalked(now))
    if (!isActive(session.status)) return [session, 'it came to its end before the pause']
    const resumption = `"muster resume ${sessionId}" goes on with it`
    if (!isWalked(session)) return [session, `paused; ${resumption}`]
    return [
      session,
      `its page in hand is not finished yet: it is paused after that, by ${session.walkedBy}; ${resumption}`,
    ]
  })

/** Ends a session, or asks the process that walks it to. */
export const cancel = (sessionId: string, options: SteerOptions): Promise<number> =>
  steer(options, async (muster) => {
    await muster.cancel(sessionId)
    const isEnded = async (now: SessionSummary) => {
      if (!isActive(now.status)) return true
      // Its process has left it in this very moment: then it is done here.
      const isLeft = now.asked === 'cancel' && !isWalked(now)
      return isLeft && !isActive((await muster.cancel(sessionId)).status)
    }
    const session = await settled(muster, sessionId, isEnded)
    if (!isActive(session.status)) {
      return [session, `${session.status}: ${session.failureReason ?? 'it had come to its end'}`]
    }
    return [
      session,
      `its page in hand is not finished yet: it is cancelled after that, by ${session.walkedBy}`,
    ]
  })

const isWalked = ({ walkedBy }: SessionSummary): boolean => walkedBy !== null && !isGone(walkedBy)

type Steered = readonly [session: SessionSummary, message: string]

async function steer(
  { db, json = false }: SteerOptions,
  act: (muster: Muster) => Promise<Steered>,
): Promise<number> {
  await refuseAbsent(db)
  const muster = await createMuster({ database: db })
  try {
    const [session, message] = await refusedAsUsage(() => act(muster))
    await printData([sessionData([session], json)])
    printNote(printable(`muster: ${session.targetName}: ${message}`))
    return ExitCode.ok
  } finally {
    await muster.close()
  }
}

/** The session as soon as it is as it should be, or when enough time has passed. */
async function settled(
  { repositories }: Muster,
  sessionId: string,
  isSettled: (session: SessionSummary) => boolean | Promise<boolean>,
): Promise<SessionSummary> {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const session = await repositories.reports.session(sessionId)
    if (session === null) throw unknown(sessionId, 'the database')
    if (performance.now() >= end) return session
    if (await isSettled(session)) return (await repositories.reports.session(sessionId)) ?? session
    await sleep(LOOK_MS)
  }
}

const unknown = (sessionId: string, database: string) =>
  new UsageError(
    `session ${JSON.stringify(sessionId)} is not in ${database}: "muster status" lists those that are`,
  )

/** What a session did, in order, and why it stands as it does. */
export async function audit(sessionId: string, { db, json }: SteerOptions): Promise<number> {
  await withStore(db, async ({ repositories }) => {
    const session = await repositories.reports.session(sessionId)
    if (session === null) throw unknown(sessionId, shownDatabase(db))
    const entries = entriesOf(repositories.audit, sessionId)
    await printData(json === true ? jsonOf(entries) : linesOf(entries, session))
  })
  return ExitCode.ok
}

async function* entriesOf(
  audits: Store['repositories']['audit'],
  sessionId: string,
): AsyncGenerator<AuditEntry> {
  for (let after = 0; ;) {
    const found = await audits.find({ sessionId, after, limit: WINDOW })
    yield* found
    const last = found.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

async function* jsonOf(entries: AsyncIterable<AuditEntry>): AsyncGenerator<string> {
  let separator = '[\n'
  for await (const { id, at, event, detail, by } of entries) {
    yield `${separator}${JSON.stringify({ id, at: at.toISOString(), event, detail, by })}`
    separator = ',\n'
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n'
}

/** As wide as the longest word for an event. */
const EVENT_WIDTH = 'cancel-asked'.length

async function* linesOf(
  entries: AsyncIterable<AuditEntry>,
  session: SessionSummary,
): AsyncGenerator<string> {
  for await (const { at, event, detail, by } of entries) {
    const who = by === null ? '' : `by ${by}`
    const rest = [who, detail ?? ''].filter((part) => part !== '').join(': ')
    const line = `${at.toISOString()}  ${event.padEnd(EVENT_WIDTH)}  ${printable(rest)}`
    yield `${line.trimEnd()}\n`
  }
  yield `${printable(standing(session))}\n`
}

/** How a session stands, and why: the last line of its record. */
function standing(session: SessionSummary): string {
  const { targetName, status, completeness, failureReason, shortfalls, waiting, asked } = session
  const which = `target "${targetName}" is ${status}`
  if (!isActive(status)) {
    const why = [failureReason, ...shortfalls.map(({ code, detail }) => `${code}: ${detail}`)]
    const reasons = [...new Set(why.filter((reason) => reason !== null))]
    return `${which}, ${completeness}${reasons.length === 0 ? ': nothing is known to be missing' : `: ${reasons.join('; ')}`}`
  }
  const by = session.walkedBy === null ? 'and nobody walks it' : `walked by ${session.walkedBy}`
  const until = waiting?.until == null ? '' : ` until ${waiting.until.toISOString()}`
  const waits = waiting === null ? '' : `; it waits${until}: ${waiting.reason}`
  const asks = asked === null ? '' : `; somebody asked to ${asked} it`
  return `${which}, ${by}${asks}${waits}`
}

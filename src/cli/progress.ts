import { createLogUpdate } from 'log-update'
import type { BusEvents, EventBus } from '../delivery/event-bus.ts'
import { isPause } from '../domain/errors.ts'
import type { SessionState } from '../domain/session-state.ts'
import { printable, printNote } from './output.ts'

/** How often the terminal is redrawn, and how often a plain line a target is printed; milliseconds. */
const REDRAW_MS = 100
const PLAIN_MS = 5_000

/** Lines shown at once; more targets than that are counted. */
const MAX_LINES = 12

interface Line {
  readonly startedAt: number
  /** Items that were there already: a resumed walk's rate is this process's own. */
  readonly itemsBefore: number
  session: SessionState
  note: string
}

const counted = (n: number) => n.toLocaleString('en')

function describe({ session, note, startedAt, itemsBefore }: Line): string {
  const { itemsProcessed, itemsSkipped, itemsFailed, totalBatches } = session.metrics
  const of = session.total === null ? '' : ` of ${counted(session.total)}`
  const skipped = itemsSkipped === 0 ? '' : `, ${counted(itemsSkipped)} skipped`
  const failed = itemsFailed === 0 ? '' : `, ${counted(itemsFailed)} failed`
  const until = session.timeline.completedAt?.getTime() ?? Date.now()
  const seconds = Math.max(0.001, (until - startedAt) / 1000)
  const rate = `${counted(Math.round((itemsProcessed - itemsBefore) / seconds))}/s`
  const text = `${session.targetName}: ${session.status} ${counted(itemsProcessed)}${of}${skipped}${failed} (${counted(totalBatches)} pages, ${rate})${note}`
  return printable(text)
}

/** What a pause is about is told with the outcome of the run. */
function interruptionNote(error: BusEvents['session.interrupted']['error']): string {
  if (error === null) return ' – stopped, can be resumed'
  return isPause(error) ? ' – paused' : ` – ${error.message}`
}

function waitNote({ state, reason, until }: BusEvents['enumerator.changed']): string {
  const why = reason === null ? '' : `: ${reason}`
  if (state === 'holding') return ' – held until the host takes more tasks'
  if (until === null) return ` – ${state === 'stalling' ? 'stalled' : 'retrying'}${why}`
  return ` – waiting until ${new Date(until).toISOString()}${why}`
}

/**
 * Shows how the walks go, on standard error: lines that are redrawn on a
 * terminal, plain ones elsewhere. @returns how to stop.
 */
export function showProgress(bus: EventBus): () => void {
  // A terminal without a height, as some build servers have, would show nothing of what is redrawn.
  return process.stderr.isTTY && process.stderr.rows > 0 ? showLive(bus) : showPlain(bus)
}

function track(bus: EventBus, onChange: (line: Line, important: boolean) => void): () => void {
  const lines = new Map<string, Line>()
  const lineOf = (session: SessionState) => {
    const known = lines.get(session.sessionId)
    if (known !== undefined) return Object.assign(known, { session, note: '' })
    const line = {
      startedAt: Date.now(),
      itemsBefore: session.metrics.itemsProcessed,
      session,
      note: '',
    }
    lines.set(session.sessionId, line)
    return line
  }
  const ends = [
    bus.subscribe('session.started', ({ session, resumed }) => {
      const line = lineOf(session)
      line.note = resumed ? ' – resumed' : ' – started'
      onChange(line, true)
    }),
    bus.subscribe('session.progressed', ({ session }) => onChange(lineOf(session), false)),
    bus.subscribe('session.ended', ({ session }) => onChange(lineOf(session), true)),
    bus.subscribe('session.interrupted', ({ sessionId, error }) => {
      const line = lines.get(sessionId)
      if (line === undefined) return
      line.note = interruptionNote(error)
      onChange(line, true)
    }),
    bus.subscribe('enumerator.changed', (change) => {
      const line = lines.get(change.sessionId)
      if (line === undefined) return
      line.note = waitNote(change)
      onChange(line, change.state !== 'holding')
    }),
  ]
  return () => {
    for (const end of ends) end()
  }
}

function showPlain(bus: EventBus): () => void {
  const printedAt = new Map<string, number>()
  return track(bus, (line, important) => {
    const now = Date.now()
    const { sessionId } = line.session
    if (!important && now - (printedAt.get(sessionId) ?? 0) < PLAIN_MS) return
    printedAt.set(sessionId, now)
    printNote(describe(line))
  })
}

function showLive(bus: EventBus): () => void {
  const draw = createLogUpdate(process.stderr)
  const shown = new Map<string, Line>()
  let changed = false
  const redraw = () => {
    if (!changed) return
    changed = false
    const lines = [...shown.values()].slice(-MAX_LINES).map(describe)
    const hidden = shown.size - lines.length
    draw([...(hidden > 0 ? [`… ${hidden} more targets`] : []), ...lines].join('\n'))
  }
  const end = track(bus, (line) => {
    shown.set(line.session.sessionId, line)
    changed = true
  })
  const timer = setInterval(redraw, REDRAW_MS)
  timer.unref()
  return () => {
    end()
    clearInterval(timer)
    redraw()
    draw.done()
  }
}

/** The progress display as text: a pure function of what is known, the terminal and the time. */
import { styleText } from 'node:util'
import { printable } from './output.ts'
import type { Doing, Line, ProgressState } from './progress-state.ts'
import { fitted, padded, widthOf } from './text-width.ts'
import { counted, duration, several } from './words.ts'

export interface Screen {
  /** Columns; no line is wider than one less. */
  readonly width: number
  /** Lines at the most, the total's among them. */
  readonly rows: number
  readonly color: boolean
  /** Milliseconds since the Unix epoch. */
  readonly now: number
}

type Color = Parameters<typeof styleText>[0]

/** Names are cut to so many columns, or to a quarter of the terminal. */
const NAME_WIDTH = 28
const BAR_WIDTH = 20
/** A terminal narrower than this has no room for a bar. */
const WIDTH_FOR_BAR = 70

/** Those that need to be seen come first. */
const ORDER: Readonly<Record<Doing, number>> = {
  waiting: 0,
  retrying: 0,
  holding: 1,
  walking: 1,
  paused: 2,
  stopped: 2,
  ended: 3,
}

const seconds = (ms: number): number => Math.max(0.001, ms / 1000)

/** Items a second since this process took it up. */
function rateOf({ session, itemsBefore, startedAt }: Line, now: number): number {
  const until = session.timeline.completedAt?.getTime() ?? now
  return Math.max(0, session.metrics.itemsFound - itemsBefore) / seconds(until - startedAt)
}

function bar(done: number, total: number): string {
  const full = total === 0 ? BAR_WIDTH : Math.round(Math.min(1, done / total) * BAR_WIDTH)
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} `
}

function countOf({ session }: Line): string {
  const { itemsFound, itemsFailed, totalBatches } = session.metrics
  const of = session.total === null ? '' : ` of ${counted(session.total)}`
  const failed = itemsFailed === 0 ? '' : `, ${counted(itemsFailed)} failed`
  const pages = session.total === null ? ` (${several(totalBatches, 'page')})` : ''
  return `${counted(itemsFound)}${of}${failed}${pages}`
}

function pace(line: Line, now: number): string {
  const { session } = line
  const rate = rateOf(line, now)
  const left = session.total === null ? null : session.total - session.metrics.itemsFound
  const eta =
    left === null || left <= 0 || rate === 0 ? '' : `, ${duration((left / rate) * 1000)} left`
  return `${counted(Math.round(rate))}/s${eta}`
}

const because = ({ reason }: Line): string => (reason === null ? '' : `: ${reason}`)

function doingText(line: Line, now: number): readonly [string, Color] {
  const { doing, until, session } = line
  switch (doing) {
    case 'walking':
      return [pace(line, now), 'reset']
    case 'waiting':
      return [`waits ${duration((until ?? now) - now)}${because(line)}`, 'yellow']
    case 'holding':
      return ['held until the host takes more tasks', 'yellow']
    case 'retrying':
      return [`tries again${because(line)}`, 'yellow']
    case 'paused':
      return [`paused${because(line)}`, 'yellow']
    case 'stopped':
      return [`stopped${because(line)}`, 'yellow']
    case 'ended':
      return [session.status, ENDS[session.status] ?? 'reset']
  }
}

const ENDS: Readonly<Record<string, Color>> = {
  COMPLETED: 'green',
  PARTIALLY_COMPLETED: 'yellow',
  FAILED: 'red',
}

/** A colour is put on what is there already, so that it does not count as width. */
const colored = (text: string, color: Color, { color: wanted }: Screen): string =>
  wanted && color !== 'reset' ? styleText(color, text, { validateStream: false }) : text

function lineText(line: Line, screen: Screen, nameWidth: number): string {
  const { width, now } = screen
  const { session } = line
  const name = padded(printable(session.targetName), nameWidth)
  const isBarred = session.total !== null && width >= WIDTH_FOR_BAR && line.doing !== 'ended'
  const drawn = isBarred ? bar(session.metrics.itemsFound, session.total) : ''
  const before = `${name}  ${drawn}${countOf(line)}  `
  const [text, color] = doingText(line, now)
  const room = width - 1 - widthOf(before)
  if (room < 1) return fitted(before, width - 1)
  return `${before}${colored(fitted(printable(text), room), color, screen)}`
}

function totalText(lines: readonly Line[], { width, now }: Screen): string {
  const ended = lines.filter(({ doing }) => doing === 'ended').length
  const items = lines.reduce((sum, { session }) => sum + session.metrics.itemsFound, 0)
  const failed = lines.reduce((sum, { session }) => sum + session.metrics.itemsFailed, 0)
  const running = lines.filter(({ doing }) => doing !== 'ended')
  const rate = running.reduce((sum, line) => sum + rateOf(line, now), 0)
  const parts = [
    `${ended} of ${several(lines.length, 'target')} ended`,
    several(items, 'item'),
    ...(running.length > 0 ? [`${counted(Math.round(rate))}/s`] : []),
    ...(failed > 0 ? [`${counted(failed)} failed`] : []),
  ]
  return fitted(parts.join(', '), width - 1)
}

/** The lines to draw: those that need to be seen, how many others there are, and the sum. */
export function progressLines(state: ProgressState, screen: Screen): string[] {
  const lines = [...state.values()]
  if (lines.length === 0) return []
  // One line for the sum, and one for those that are left out.
  const most = Math.max(1, screen.rows - 2)
  const sorted = lines.toSorted((a, b) => ORDER[a.doing] - ORDER[b.doing])
  const chosen = new Set(lines.length <= most ? lines : sorted.slice(0, most))
  const shown = lines.filter((line) => chosen.has(line))
  const names = shown.map(({ session }) => widthOf(printable(session.targetName)))
  const nameWidth = Math.min(Math.max(...names), NAME_WIDTH, Math.floor(screen.width / 4))
  const hidden = lines.length - shown.length
  return [
    ...shown.map((line) => lineText(line, screen, nameWidth)),
    ...(hidden > 0 ? [fitted(`… ${several(hidden, 'more target')}`, screen.width - 1)] : []),
    totalText(lines, screen),
  ]
}

import { createLogUpdate } from 'log-update'
import type { EventBus } from '../delivery/event-bus.ts'
import { progressLines } from './progress-lines.ts'
import { Progress } from './progress-state.ts'

/** How often the terminal is redrawn; milliseconds. Waits count down by it, too. */
const REDRAW_MS = 100

/** Lines at the most, however high the terminal is; more targets than that are counted. */
const MAX_ROWS = 14

/** Whether a person reads the messages. A terminal without a height, as some build servers have, would show nothing of what is redrawn. */
export const isWatched = (): boolean => process.stderr.isTTY && process.stderr.rows > 0

/** https://no-color.org: set, and not empty. */
const isColored = (): boolean => (process.env['NO_COLOR'] ?? '') === ''

/**
 * Shows how the walks go, on standard error where that is a terminal. Elsewhere
 * it shows nothing: whoever keeps the messages wants to know what is wrong, and
 * `--verbose` logs the rest.
 *
 * @returns how to stop
 */
export function showProgress(bus: EventBus): () => void {
  return isWatched() ? showLive(bus) : () => {}
}

function showLive(bus: EventBus): () => void {
  const draw = createLogUpdate(process.stderr)
  const progress = new Progress(Date.now)
  const end = progress.follow(bus)
  const redraw = () => {
    const { columns, rows } = process.stderr
    const lines = progressLines(progress.state, {
      width: columns,
      rows: Math.min(MAX_ROWS, rows - 1),
      color: isColored(),
      now: Date.now(),
    })
    draw(lines.join('\n'))
  }
  const timer = setInterval(redraw, REDRAW_MS)
  timer.unref()
  let isStopped = false
  return () => {
    if (isStopped) return
    isStopped = true
    end()
    clearInterval(timer)
    redraw()
    draw.done()
  }
}

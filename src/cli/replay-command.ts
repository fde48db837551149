import { once } from 'node:events'
import { basename } from 'node:path'
import { CHART_NAMES, type Recording, type RecordedTransition } from '../dashboard/wire.ts'
import { recordedSteps, type RecordedStep } from '../observe/recorded-transitions.ts'
import { KEPT_BY_SERVER, statelyReplay } from '../observe/stately-replay.ts'
import { VERSION } from '../version.ts'
import { ExitCode, UsageError } from './exit.ts'
import { printable, printData, printNote } from './output.ts'

/** Transitions that the page is sent: some ten megabytes of JSON, and an hour of a quick walk. */
const MAX_FRAMES = 50_000

/** As Stately's own server has it. */
const STATELY_PORT = 8_080

function frameOf({ at, event, actor, machine, from, to }: RecordedStep): RecordedTransition {
  const chart = CHART_NAMES.find((name) => name === machine) ?? null
  return { at, event, actor, machine: chart, from, to }
}

/**
 * A recording as the page plays it.
 *
 * @param maxFrames transitions at the most; what comes later is left out
 * @throws InvalidInputError for a file that is no recording
 */
export async function recordingOf(file: string, maxFrames = MAX_FRAMES): Promise<Recording> {
  const frames: RecordedTransition[] = []
  let [endedAt, isCut] = [0, false]
  for await (const step of recordedSteps(file)) {
    endedAt = step.at
    if (frames.length < maxFrames) frames.push(frameOf(step))
    else isCut = true
  }
  const startedAt = frames[0]?.at ?? 0
  return { name: basename(file), startedAt, endedAt: endedAt || startedAt, frames, isCut }
}

/** The innermost states, without their machine's name. */
const shown = (states: readonly string[]): string =>
  states
    .filter((state) => !states.some((other) => other.startsWith(`${state}.`)))
    .map((state) => state.slice(state.indexOf('.') + 1))
    .join(' ') || '(new)'

async function* textLines(file: string): AsyncGenerator<string> {
  for await (const { at, actor, event, from, to } of recordedSteps(file)) {
    const time = new Date(at).toISOString()
    yield `${printable(`${time} ${actor} ${shown(from)} -> ${shown(to)} (${event})`)}\n`
  }
}

/** Until somebody ends it, as servers on a command line are ended. */
async function untilSignal(): Promise<void> {
  const stop = new AbortController()
  const { signal } = stop
  // Whoever only waits for a signal keeps no process alive.
  const timer = setInterval(() => {}, 60_000)
  await Promise.race([once(process, 'SIGINT', { signal }), once(process, 'SIGTERM', { signal })])
  stop.abort()
  clearInterval(timer)
}

/** The inspector's server forgets all but the last events: whoever opens the page later has them sent again. */
async function replayStately(file: string, port = STATELY_PORT): Promise<void> {
  const replay = await statelyReplay(file, { port })
  const onEnter = () => void replay.send().catch(() => undefined)
  try {
    const sent = await replay.send()
    const again =
      sent > KEPT_BY_SERVER
        ? `: a page that is opened now sees the last ${KEPT_BY_SERVER}; press Enter here, with the page open, to have all sent again`
        : ''
    printNote(`${sent} events: ${replay.url} (Ctrl-C ends it)${again}`)
    process.stdin.on('data', onEnter)
    await untilSignal()
  } finally {
    process.stdin.off('data', onEnter).pause()
    replay.stop()
  }
}

async function replayPage(file: string, port: number | undefined): Promise<void> {
  const recording = await recordingOf(file)
  const { serveReplay } = await import('../dashboard/index.ts')
  const address = { ...(port !== undefined && { port }), version: VERSION }
  await using dashboard = await serveReplay(recording, address)
  const { frames, isCut, name } = recording
  const cut = isCut ? `, the first of them; "muster replay ${name} --text" has all` : ''
  printNote(printable(`${frames.length} transitions${cut}: ${dashboard.url} (Ctrl-C ends it)`))
  await untilSignal()
}

/** Plays a recording: as text, to Stately's inspector, or in the dashboard's page. */
export async function replay(
  file: string,
  options: { readonly port?: number; readonly text?: boolean; readonly stately?: boolean },
): Promise<number> {
  if (options.text === true && options.stately === true) {
    throw new UsageError('--text and --stately are two ways to see a recording: give one')
  }
  if (options.text === true) await printData(textLines(file))
  else if (options.stately === true) await replayStately(file, options.port)
  else await replayPage(file, options.port)
  return ExitCode.ok
}

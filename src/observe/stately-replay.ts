import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidInputError, MusterError } from '../domain/errors.ts'
import { readRecording } from './read-recording.ts'
import type { RecordedLine, RecordingHeader } from './recording-lines.ts'

/** What the inspector's server keeps for a page that is opened later. */
export const KEPT_BY_SERVER = 200

/** As `@statelyai/inspect` of this version says of its events. */
const PROTOCOL = '0.7.2'

interface StatelyServer {
  stop(): void
}

interface ServerModule {
  createInspectorServer(options: {
    readonly port: number
    readonly url?: string
    readonly autoOpen: boolean
  }): StatelyServer
}

/** Optional: it is a tool of the development, and brings a server that listens on every interface. */
async function inspectorServer(): Promise<ServerModule> {
  const name = '@statelyai/inspect/server'
  try {
    return (await import(name)) as ServerModule
  } catch {
    throw new MusterError(
      'NOT_SUPPORTED',
      'the Stately inspector is not installed: npm install --save-dev @statelyai/inspect, or replay without --stately',
    )
  }
}

/** The event as the inspector sends it, or null for a line that it knows nothing of. */
export function statelyEvent(line: RecordedLine, header: RecordingHeader): object | null {
  if (!('rootId' in line) || line.type === '@xstate.microstep') return null
  const common = { ...line, id: null, _version: PROTOCOL }
  if (line.type !== '@xstate.actor') return common
  const { machine, ...actor } = { ...common, machine: line.machine }
  const definition = machine === null ? { id: line.name } : header.machines[machine]
  return { ...actor, definition: JSON.stringify(definition) }
}

/** The server says nothing where it cannot listen, and its error would end the process. */
async function checkPort(port: number): Promise<void> {
  const probe = createServer()
  try {
    probe.listen(port)
    await once(probe, 'listening')
  } catch {
    throw new InvalidInputError('INVALID_OPTIONS', [
      `port ${port} is in use: name another with --port`,
    ])
  }
  probe.close()
  await once(probe, 'close')
}

async function connected(port: number): Promise<WebSocket> {
  for (;;) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`)
    const opened = new Promise<boolean>((resolve) => {
      socket.addEventListener('open', () => resolve(true), { once: true })
      socket.addEventListener('error', () => resolve(false), { once: true })
    })
    if (await opened) return socket
    await sleep(50)
  }
}

export interface StatelyReplayOptions {
  readonly port: number
  /** The page that shows the events. Default: Stately's own, on the internet. */
  readonly url?: string
}

/** A recording that is fed to the inspector. */
export interface StatelyReplay {
  /** What to open in a browser. */
  readonly url: string
  /** Sends all of it once; those that look by then see it. @returns how many events were sent */
  send(): Promise<number>
  stop(): void
}

/**
 * Starts the Stately inspector's local server for a recording. It listens on
 * every interface of the machine; what it shows is the recording, which has no
 * secrets. Of what was sent before a page was opened it keeps the last 200 events.
 *
 * @throws MusterError NOT_SUPPORTED where `@statelyai/inspect` is not installed
 */
export async function statelyReplay(
  file: string,
  { port, url }: StatelyReplayOptions,
): Promise<StatelyReplay> {
  const { createInspectorServer } = await inspectorServer()
  await checkPort(port)
  const server = createInspectorServer({ port, autoOpen: false, ...(url !== undefined && { url }) })
  const socket = await connected(port)
  return {
    url: `http://localhost:${port}`,
    async send() {
      let [sent, header] = [0, undefined as RecordingHeader | undefined]
      for await (const line of readRecording(file)) {
        if (line.type === 'muster.recording') header = line
        const event = header === undefined ? null : statelyEvent(line, header)
        if (event === null) continue
        socket.send(JSON.stringify(event))
        sent += 1
        while (socket.bufferedAmount > 1_000_000) await sleep(10)
      }
      while (socket.bufferedAmount > 0) await sleep(10)
      return sent
    },
    stop() {
      socket.close()
      server.stop()
    },
  }
}

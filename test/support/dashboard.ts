import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { onTestFinished } from 'vitest'
import type { LiveEvents } from '../../src/dashboard/wire.ts'
import type { Dashboard, DashboardOptions, Muster } from '../../src/index.ts'
import { waitUntil } from './wait-until.ts'

/** The dashboard of a Muster on a free port, closed when the test ends. */
export async function dashboardOf(
  muster: Muster,
  options: DashboardOptions = {},
): Promise<Dashboard> {
  const dashboard = await muster.dashboard({ port: 0, ...options })
  onTestFinished(() => dashboard.close())
  return dashboard
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Asks as no browser and no `fetch` would: with any header, `Host` among them. */
export function ask(
  url: string | URL,
  options: { readonly method?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(url, { ...options, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      )
    })
    asked.on('error', reject).end()
  })
}

/** What a page of the dashboard asks for, parsed. */
export async function get<T>(dashboard: Pick<Dashboard, 'url'>, path: string): Promise<T> {
  const { status, text } = await ask(new URL(path, dashboard.url))
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`)
  return JSON.parse(text) as T
}

/** Presses a button. */
export const post = (dashboard: Pick<Dashboard, 'url'>, path: string): Promise<Answered> =>
  ask(new URL(path, dashboard.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })

export interface LiveStream {
  /** Everything that came so far, in order. */
  readonly events: { readonly name: keyof LiveEvents; readonly data: unknown }[]
  /** What came last under a name; undefined before the first. */
  latest<K extends keyof LiveEvents>(name: K): LiveEvents[K] | undefined
  readonly isOver: boolean
  /** Whether its connection was cut, and not ended. */
  readonly isCut: boolean
  /** Waits until something that came last is as wanted. */
  until<K extends keyof LiveEvents>(
    name: K,
    isWanted: (data: LiveEvents[K]) => boolean,
  ): Promise<LiveEvents[K]>
  close(): void
}

/** Follows the dashboard as its page does. */
export async function follow(dashboard: Pick<Dashboard, 'url'>, query = ''): Promise<LiveStream> {
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const response = await fetch(new URL(`/api/live${query}`, dashboard.url), { signal: stop.signal })
  if (!response.ok || response.body === null) throw new Error(await response.text())
  const events: LiveStream['events'] = []
  let [isOver, isCut] = [false, false]
  const read = async () => {
    let text = ''
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      text += part
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const [, name] = /^event: (.*)$/m.exec(block) ?? []
        const [, data = ''] = /^data: (.*)$/m.exec(block) ?? []
        if (name !== undefined)
          events.push({ name: name as keyof LiveEvents, data: JSON.parse(data) })
      }
    }
  }
  read()
    .catch(() => (isCut = true))
    .finally(() => (isOver = true))
  const latest = <K extends keyof LiveEvents>(name: K) =>
    events.findLast((event) => event.name === name)?.data as LiveEvents[K] | undefined
  return {
    events,
    latest,
    get isOver() {
      return isOver
    },
    get isCut() {
      return isCut
    },
    async until(name, isWanted) {
      await waitUntil(`the dashboard told of ${name} what was waited for`, () => {
        const data = latest(name)
        return data !== undefined && isWanted(data)
      })
      return latest(name)!
    },
    close: () => stop.abort(),
  }
}

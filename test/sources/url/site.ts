import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** One request, as the site saw it. */
export interface Seen {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** What a path answers: a text or bytes with status 200, or whatever is done with the response. */
export type Route =
  string | Uint8Array | ((response: ServerResponse, seen: Seen, index: number) => void)

export interface Site {
  readonly url: string
  /** Everything that was asked for, in order. */
  readonly seen: Seen[]
  /** Bytes of bodies that were handed to responses. */
  readonly sent: () => number
  /** Sets what paths answer; a path that is not known is a 404. */
  readonly routes: Map<string, Route>
  close(): Promise<void>
}

/** A site on 127.0.0.1 whose answers, faults too, are set by path. */
export async function startSite(routes: Readonly<Record<string, Route>> = {}): Promise<Site> {
  const known = new Map(Object.entries(routes))
  const seen: Seen[] = []
  let bytes = 0
  const server = createServer((request, response) => {
    const { method = '', url: path = '', headers } = request
    const one = { method, path, headers }
    const index = seen.filter((earlier) => earlier.path === path).length
    seen.push(one)
    const route = known.get(path)
    if (route === undefined) response.writeHead(404).end('nothing here')
    else if (typeof route === 'function') route(response, one, index)
    else {
      bytes += route.length
      response.end(method === 'HEAD' ? undefined : route)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${port}`, seen, sent: () => bytes, routes: known, close }
}

/** A site that is gone when the test is. */
export async function siteOfTest(routes: Readonly<Record<string, Route>> = {}): Promise<Site> {
  const site = await startSite(routes)
  onTestFinished(() => site.close())
  return site
}

/** Answers with a status and headers, and nothing else. */
export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Route =>
  (response) =>
    response.writeHead(code, headers).end()

export const redirect = (location: string): Route => status(302, { location })

/** Answers ranges as RFC 9110 has it, and conditions on them. */
export const ranged =
  (
    content: Uint8Array | (() => Uint8Array),
    headers: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>) = {},
  ): Route =>
  (response, { method, headers: asked }) => {
    const bytes = typeof content === 'function' ? content() : content
    const own = typeof headers === 'function' ? headers() : headers
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(asked.range ?? '') ?? []
    const condition = asked['if-range']
    const holds = condition === undefined || Object.values(own).includes(String(condition))
    if (from === undefined || !holds || method === 'HEAD') {
      response.writeHead(200, { ...own, 'content-length': bytes.length })
      response.end(method === 'HEAD' ? undefined : bytes)
    } else if (Number(from) >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
    } else {
      const end = Math.min(to ? Number(to) : bytes.length - 1, bytes.length - 1)
      const part = bytes.subarray(Number(from), end + 1)
      response.writeHead(206, {
        ...own,
        'content-length': part.length,
        'content-range': `bytes ${from}-${end}/${bytes.length}`,
      })
      response.end(part)
    }
  }

/** The way to hosts that a target's URLs name: one client, and the target's headers where they belong. */
import type { EnumerateContext } from '../source.ts'
import { createWeb, type Web, type WebAnswer, type WebRequest } from '../web/index.ts'
import type { UrlSpec } from './spec.ts'

/** What a source needs to ask hosts. */
export interface Reach extends AsyncDisposable {
  /**
   * Sends a request. The target's headers go along to origins that the spec
   * names, and to any where the URL `isListed` by the user: never to one that
   * only a host's answer names.
   *
   * @throws what the web client throws; `PauseError` when a header's value cannot be had
   */
  request(request: ReachRequest): Promise<WebAnswer>
}

export interface ReachRequest extends Omit<WebRequest, 'signal'> {
  readonly isListed?: boolean
}

/** The parts of a context that asking takes. */
export type ReachContext = Pick<EnumerateContext, 'signal' | 'credentials'>

/** A client for one listing; dispose of it at its end. */
export function createReach(
  spec: UrlSpec,
  context: ReachContext,
  { timeoutMs }: { readonly timeoutMs?: number } = {},
): Reach {
  const { allowHosts: allow, rateLimit: rate } = spec
  const web: Web = createWeb({
    ...(allow !== undefined && { allow }),
    ...(rate !== undefined && { maxRequestsPerSecondPerHost: rate }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  })
  const origins = originsOf(spec)
  return {
    async request({ isListed = false, ...request }) {
      const isNamed = isListed || origins.has(originOf(request.url))
      const own = isNamed ? await headersOf(spec, context) : {}
      const headers = { ...own, ...request.headers }
      return web.request({ ...request, headers, signal: context.signal })
    },
    [Symbol.asyncDispose]: () => web[Symbol.asyncDispose](),
  }
}

const originOf = (url: string): string => URL.parse(url)?.origin ?? ''

/** The origins that a spec names itself; `urls` are listed by the user as such. */
const originsOf = ({ sitemaps = [], robots = [], listUrl }: UrlSpec): ReadonlySet<string> =>
  new Set([...sitemaps, ...robots, ...(listUrl === undefined ? [] : [listUrl])].map(originOf))

/** The values behind a spec's headers, at this moment. */
async function headersOf(
  { headers }: UrlSpec,
  context: ReachContext,
): Promise<Record<string, string>> {
  if (headers === undefined) return {}
  const { values } = await context.credentials()
  const resolved = (values['headers'] ?? {}) as Readonly<Record<string, unknown>>
  return Object.fromEntries(
    Object.keys(headers).flatMap((name) => {
      const value = resolved[name] ?? resolved[name.toLowerCase()]
      return typeof value === 'string' ? [[name, value]] : []
    }),
  )
}

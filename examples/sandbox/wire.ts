/** Requests in and answers out: what of HTTP the rest of the sandbox need not know. */
import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import type { Answer, SandboxRequest } from './answers.ts'

const readBody = async (incoming: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** An Enterprise Server has its APIs below `/api`; github.com at the root of api.github.com. */
const splitBase = (path: string): { base: string; rest: string } => {
  if (path.startsWith('/api/v3/')) return { base: '/api/v3', rest: path.slice('/api/v3'.length) }
  if (path === '/api/graphql') return { base: '/api', rest: '/graphql' }
  return { base: '', rest: path }
}

export const readRequest = async (incoming: IncomingMessage): Promise<SandboxRequest> => {
  const origin = `http://${incoming.headers.host ?? '127.0.0.1'}`
  const url = new URL(incoming.url ?? '/', origin)
  const { base, rest } = splitBase(url.pathname)
  const token = /^(?:bearer|token)\s+(.+)$/i.exec(incoming.headers.authorization ?? '')?.[1]
  return {
    method: incoming.method ?? 'GET',
    path: rest,
    query: url.searchParams,
    apiUrl: `${origin}${base}`,
    // At the root it stands in for api.github.com, whose web pages are elsewhere.
    webUrl: base === '' ? 'https://github.com' : origin,
    token,
    body: await readBody(incoming),
  }
}

const commonHeaders = (now: number): Record<string, string> => ({
  date: new Date(now).toUTCString(),
  server: 'github.com',
  'x-github-media-type': 'github.v3; format=json',
  'x-github-api-version-selected': '2022-11-28',
  'x-github-request-id': randomUUID().slice(0, 23).toUpperCase().replaceAll('-', ':'),
  'cache-control': 'private, max-age=60, s-maxage=60',
  vary: 'Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With',
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset, X-GitHub-SSO, X-GitHub-Request-Id',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'deny',
  'referrer-policy': 'origin-when-cross-origin, strict-origin-when-cross-origin',
})

/** Depends on who asks, as GitHub's do: with another token nothing matches. */
const etagOf = (answer: Answer, incoming: IncomingMessage): string =>
  `W/"${createHash('sha256')
    .update(incoming.headers.authorization ?? '')
    .update(answer.body)
    .digest('hex')}"`

/** Gives a good answer its ETag, and makes it a 304 for a caller that has it. */
export const conditional = (answer: Answer, incoming: IncomingMessage): Answer => {
  if (answer.status !== 200) return answer
  const etag = etagOf(answer, incoming)
  const headers = { etag, ...answer.headers }
  // Only what can be read whole can be known already.
  const isKnown = answer.delivery === 'whole' && incoming.headers['if-none-match'] === etag
  return isKnown ? { ...answer, status: 304, headers, body: '' } : { ...answer, headers }
}

/** Sends an answer, or fails to, as its `delivery` says. */
export const deliver = (
  answer: Answer,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  given: { readonly headers: Readonly<Record<string, string>>; readonly now: number },
): void => {
  if (answer.delivery === 'hang') return
  if (answer.delivery === 'reset') {
    incoming.socket.resetAndDestroy()
    return
  }
  const headers = { ...commonHeaders(given.now), ...given.headers, ...answer.headers }
  if (answer.status === 304) {
    outgoing.writeHead(304, headers).end()
    return
  }
  const zip = (incoming.headers['accept-encoding'] ?? '').includes('gzip')
  const bytes = zip ? gzipSync(answer.body, { level: 1 }) : Buffer.from(answer.body)
  const length = { 'content-length': String(bytes.length) }
  outgoing.writeHead(answer.status, {
    ...headers,
    ...length,
    ...(zip ? { 'content-encoding': 'gzip' } : {}),
  })
  if (answer.delivery === 'whole') {
    outgoing.end(bytes)
    return
  }
  // The half must have left before the connection goes, or it never arrives.
  outgoing.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => incoming.socket.destroy())
}

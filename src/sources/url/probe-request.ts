/** One probe of one URL: which request it takes, and what the answer says. */
import { STATUS_CODES } from 'node:http'
import type { WebAnswer } from '../web/index.ts'
import { archiveFormatOf } from './archive-format.ts'
import { firstBytes } from './bytes.ts'
import type { ProbeFacts } from './item.ts'
import type { Reach } from './reach.ts'
import type { UrlSpec } from './spec.ts'

/** What came of one attempt: facts, or a problem, which is final or may pass. */
export type Told =
  | { readonly probe: ProbeFacts }
  | {
      readonly problem: string
      readonly isFinal?: boolean
      /** How long the host wants to be left alone, in milliseconds. */
      readonly waitMs?: number
    }

/** What every archive format is told by; a tar has its magic number at 257. */
const FIRST_BYTES = 4096

/** Asked for as it is stored: packed for the way, its size and first bytes would be others. */
const AS_STORED = { 'accept-encoding': 'identity' }
const FIRST = { range: `bytes=0-${FIRST_BYTES - 1}` }

/** Hosts that do not know HEAD say so: RFC 9110, 15.5.6 and 15.6.2. */
const NO_HEAD: ReadonlySet<number> = new Set([405, 501])

/** RFC 9110, 15.5.17: nothing stands at the first byte, as in an empty file. */
const NO_RANGE = 416

interface Asking {
  readonly spec: Pick<UrlSpec, 'archiveFormat' | 'sitemaps' | 'robots' | 'listUrl'>
  readonly reach: Reach
  /** Milliseconds since the Unix epoch. */
  readonly now: number
}

/**
 * Asks for the headers of a URL, and for its first bytes where those are
 * needed.
 *
 * @throws {SourceError} when there is no answer
 */
export async function askOnce(url: string, asking: Asking): Promise<Told> {
  if (asking.spec.archiveFormat === 'auto') {
    const told = await get(url, asking)
    if (told !== undefined) return told
  }
  const head = await request(url, 'HEAD', asking)
  await head.close()
  if (!NO_HEAD.has(head.status)) return toldBy(head, asking.now)
  return (await get(url, asking)) ?? toldBy(head, asking.now)
}

/** By the first bytes; undefined for what has none. */
async function get(url: string, asking: Asking): Promise<Told | undefined> {
  const answer = await request(url, 'GET', asking)
  try {
    if (answer.status === NO_RANGE) return undefined
    const told = toldBy(answer, asking.now)
    if (!('probe' in told) || asking.spec.archiveFormat !== 'auto') return told
    const bytes = await firstBytes(answer.body, FIRST_BYTES)
    const archiveFormat = await archiveFormatOf(bytes, new URL(answer.url).pathname)
    return { probe: { ...told.probe, archiveFormat } }
  } finally {
    await answer.close()
  }
}

function request(url: string, method: 'GET' | 'HEAD', { reach, spec }: Asking): Promise<WebAnswer> {
  // What another host lists is not what the user listed.
  const isListed = !(spec.sitemaps ?? spec.robots ?? spec.listUrl)
  return reach.request({
    url,
    method,
    isListed,
    headers: method === 'GET' ? { ...AS_STORED, ...FIRST } : AS_STORED,
    // A host that gives all of a file instead is left after its first bytes.
    maxBytes: Number.MAX_SAFE_INTEGER,
    accept: () => true,
  })
}

function toldBy(answer: WebAnswer, now: number): Told {
  const { status, headers } = answer
  if (status < 400) return { probe: factsOf(answer) }
  const problem = `the host answered ${status} (${STATUS_CODES[status] ?? 'unknown'})`
  const isFinal = status < 500 && status !== 429 && status !== 408 && status !== 425
  return { problem, isFinal, waitMs: waitOf(headers['retry-after'], now) }
}

function factsOf({ status, url: finalUrl, headers }: WebAnswer): ProbeFacts {
  const { etag, 'content-type': type, 'last-modified': lastModified } = headers
  const size = sizeOf(headers)
  return {
    status: status === 206 ? 200 : status,
    finalUrl,
    ...(size !== undefined && { size }),
    ...(type && { type }),
    ...(etag && { etag }),
    ...(lastModified && { lastModified }),
  }
}

/** The bytes of the whole; packed for the way, a length would be that of the parcel. */
function sizeOf(headers: WebAnswer['headers']): number | undefined {
  const { 'content-range': range, 'content-length': length, 'content-encoding': coding } = headers
  if (coding !== undefined && coding !== 'identity') return undefined
  const text = range === undefined ? length : /\/(\d+)$/.exec(range)?.[1]
  const size = text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
  return Number.isSafeInteger(size) ? size : undefined
}

/** RFC 9110, 10.2.3: seconds or a date. */
function waitOf(retryAfter: string | undefined, now: number): number {
  if (retryAfter === undefined) return 0
  const seconds = /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) : undefined
  const ms = seconds === undefined ? Date.parse(retryAfter) - now : seconds * 1000
  return ms > 0 ? ms : 0
}

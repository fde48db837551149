/** What can go wrong with a request, and with which one. */
import type { LoggedRequest } from './options.ts'
import { S3Error } from './s3-error.ts'

/** Answers that S3 gives instead of the one that was asked for. */
const REFUSALS = {
  slowDown: () => new S3Error(503, 'SlowDown', 'Please reduce your request rate.'),
  internalError: () =>
    new S3Error(500, 'InternalError', 'We encountered an internal error. Please try again.'),
  expiredToken: () => new S3Error(400, 'ExpiredToken', 'The provided token has expired.'),
  requestTimeTooSkewed: () =>
    new S3Error(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    ),
  accessDenied: () => new S3Error(403, 'AccessDenied', 'Access Denied'),
}

/** A page that says something else about how it goes on than it should. */
const PAGE_FAULTS = [
  /** The next token is the one that was sent; the first page, which none was sent for, is left alone. */
  'repeatToken',
  /** IsTruncated, and no token; for listings of objects and versions. */
  'truncatedWithoutToken',
  /** IsTruncated, no keys, and a token that leads to those that should have been here; for listings with tokens. */
  'emptyTruncated',
] as const
export type PageFault = (typeof PAGE_FAULTS)[number]

/** A whole answer of which the body is not what it should be; a HEAD request has none and is left alone. */
const BODY_FAULTS = [
  /** Half of the body, then the end of the connection; Content-Length promised all of it. */
  'cutBody',
  /** Half of the XML, with a Content-Length that is right. */
  'cutXml',
  /** An `<Error>` with status 200. */
  'errorIn200',
  /** A web page with status 200, as from a captive portal. */
  'html200',
] as const

type RefusalKind = keyof typeof REFUSALS

export type FaultKind =
  | RefusalKind
  | PageFault
  | (typeof BODY_FAULTS)[number]
  /** The connection is reset before anything is answered. */
  | 'reset'
  /** There is never an answer. */
  | 'hang'
  /** The answer is right, and late. */
  | 'slow'

export interface Fault {
  readonly kind: FaultKind
  /** Which requests it is for. Default: all that it can happen to. */
  readonly when?: (request: LoggedRequest) => boolean
  /** From which matching request on, counted from 1 since the fault was set. Default: 1. */
  readonly at?: number
  /** How often; `Infinity` for ever. Default: 1. */
  readonly times?: number
  /** How much later a `slow` answer comes. Default: 1,000. */
  readonly latencyMs?: number
}

/** @returns the answer that S3 itself would give, for the faults that are one */
export const refusalOf = (fault: Fault | undefined): S3Error | undefined =>
  fault !== undefined && fault.kind in REFUSALS ? REFUSALS[fault.kind as RefusalKind]() : undefined

export const pageFaultOf = (fault: Fault | undefined): PageFault | undefined =>
  PAGE_FAULTS.find((kind) => kind === fault?.kind)

const canHappenTo = (kind: FaultKind, { operation, query }: LoggedRequest): boolean => {
  const isListing = operation.startsWith('List')
  if (kind === 'repeatToken')
    return isListing && ('continuation-token' in query || 'key-marker' in query)
  if (kind === 'truncatedWithoutToken') return operation.startsWith('ListObject')
  if (kind === 'emptyTruncated') return isListing && operation !== 'ListObjectVersions'
  return operation !== 'HeadBucket' || !BODY_FAULTS.some((body) => body === kind)
}

/**
 * The faults that are still to come. A request is shown to one after the other,
 * in the order they were set, until one takes it: those behind do not count it.
 */
export class FaultScript {
  readonly #pending: { fault: Fault; seen: number; done: number }[] = []

  add(fault: Fault): void {
    this.#pending.push({ fault, seen: 0, done: 0 })
  }

  take(request: LoggedRequest): Fault | undefined {
    for (const entry of this.#pending) {
      const { when, at = 1, times = 1, kind } = entry.fault
      if (entry.done >= times || !canHappenTo(kind, request) || when?.(request) === false) continue
      entry.seen += 1
      if (entry.seen < at) continue
      entry.done += 1
      return entry.fault
    }
    return undefined
  }
}

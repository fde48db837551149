/** What the web client is asked and what it answers. */

/** One thing to fetch. */
export interface WebRequest {
  /** A http or https address without user or password. Its fragment is not sent. */
  readonly url: string
  /** Default: `GET`. */
  readonly method?: 'GET' | 'HEAD'
  /**
   * Sent to the origin of `url` only: once a redirect leads to another origin,
   * none of them goes on but `accept`, `accept-encoding` and `range`, without
   * which the answer would be another than was asked for. Put no secret there.
   */
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the waiting, the request and the reading of its body, with the signal's reason. */
  readonly signal: AbortSignal
  /** Bytes of body, after decompression, that are read at most. */
  readonly maxBytes: number
  /**
   * Statuses that are answers, besides 2xx; others throw. Default: none.
   * Redirects are followed first: it is asked about those that say not where to.
   */
  readonly accept?: (status: number) => boolean
}

/**
 * What came back. It holds one of its host's places until its body is read to
 * the end, or left by `break` or an error, or until `close`: do one of them.
 */
export interface WebAnswer {
  /** Where it came from in the end. */
  readonly url: string
  readonly status: number
  /** Lower-case names; what came several times is joined by commas. */
  readonly headers: Readonly<Record<string, string>>
  /** The addresses passed on the way, the one asked for first; empty without a redirect. None has a user or password. */
  readonly redirects: readonly string[]
  /**
   * The body, with its content-encoding (gzip, deflate, br, zstd) undone. It
   * can be iterated once.
   *
   * Iterating throws a `SourceError` when the body is longer than `maxBytes`
   * (what fits is delivered first), cut short, damaged or too slow.
   */
  readonly body: AsyncIterable<Uint8Array>
  /** Lets go of the connection where the body is not wanted. Does nothing the second time. */
  close(): Promise<void>
}

/** Sends requests to addresses that come from outside, and to nowhere in the host's own network. */
export interface Web extends AsyncDisposable {
  /**
   * Asks, follows redirects, and resolves once the headers of the last answer
   * are here.
   *
   * @throws {SourceError} FORBIDDEN for an address that is refused, before a
   *   byte is sent to it; NOT_FOUND, GONE, DMCA or FORBIDDEN as the host says;
   *   SOURCE_UNAVAILABLE, retryable, for what may pass; SOURCE_MALFORMED for
   *   what makes no sense
   * @throws {RetryLaterError} when the host asks to be left alone for a while
   * @throws {MusterError} CLOSED after the client was disposed of
   * @throws the signal's reason when it aborts
   */
  request(request: WebRequest): Promise<WebAnswer>
}

import type { Attributes, Context, Link, Span, SpanStatusCode, Tracer } from '@opentelemetry/api'
import { errorRecord } from '../domain/errors.ts'
import type { SessionState } from '../domain/session-state.ts'
import type { CommitPage } from '../store/store.ts'
import { quietly } from './instruments.ts'
import { SOURCE_TYPE } from './metered-store.ts'

/** What is used of OpenTelemetry's API, besides the tracer. */
export interface TraceApi {
  readonly tracer: Tracer
  readonly root: Context
  readonly errorStatus: SpanStatusCode
  withSpan(context: Context, span: Span): Context
  run<T>(context: Context, work: () => T): T
}

/** The page that is asked for, or was given and is not committed yet. */
interface PageTrace {
  readonly span: Span
  readonly inside: Context
}

/** The walk of one target in this process: its pages come and are committed in one order. */
interface WalkTrace {
  readonly span: Span
  previousPage: Span | undefined
  /** Fetched, oldest first; two at the most, as one is read ahead. */
  fetched: PageTrace[]
}

/**
 * Spans of sessions and pages. A page is a trace of its own, as sessions last
 * for days; it covers the fetch and the commit, and what lies between them. Its
 * session and the page before it are linked. While one page is committed, the
 * next is fetched: their spans overlap.
 */
export class Traces {
  readonly #api: TraceApi
  readonly #walks = new Map<string, WalkTrace>()

  constructor(api: TraceApi) {
    this.#api = api
  }

  sessionStarted({ sessionId, targetName, config }: SessionState, resumed: boolean): void {
    quietly(() => {
      const span = this.#api.tracer.startSpan(
        'muster.session',
        {
          root: true,
          attributes: {
            'muster.session.id': sessionId,
            'muster.target.name': targetName,
            'muster.session.resumed': resumed,
            [SOURCE_TYPE]: config.sourceType,
          },
        },
        this.#api.root,
      )
      this.#walks.set(sessionId, { span, previousPage: undefined, fetched: [] })
    })
  }

  sessionEnded(sessionId: string, outcome: string, errorCode: string | null): void {
    quietly(() => {
      const walk = this.#walks.get(sessionId)
      if (walk === undefined) return
      this.#walks.delete(sessionId)
      this.#drop(walk)
      walk.span.setAttribute('muster.outcome', outcome)
      if (errorCode !== null) this.#mark(walk.span, errorCode)
      walk.span.end()
    })
  }

  /** A listing is begun anew: what was read of it before and is not committed will be read again. */
  listingBegun(sessionId: string): void {
    const walk = this.#walks.get(sessionId)
    if (walk !== undefined) quietly(() => this.#drop(walk))
  }

  /** Surrounds a question for the next page. */
  async fetch<T extends { readonly done?: boolean | undefined }>(
    sessionId: string,
    sourceType: string,
    ask: () => Promise<T>,
  ): Promise<T> {
    const walk = this.#walks.get(sessionId)
    const page = walk && quietly(() => this.#startPage(walk, sourceType))
    if (page === undefined) return ask()
    const span = quietly(() => this.#child('muster.fetch', page))
    try {
      const result = await this.#inside(page, span, ask)
      quietly(() => {
        span?.end()
        if (result.done === true) this.#endPage(page, 'exhausted')
        else walk?.fetched.push(page)
      })
      return result
    } catch (thrown) {
      quietly(() => {
        const { code } = errorRecord(thrown)
        this.#mark(span, code)
        span?.end()
        this.#mark(page.span, code)
        this.#endPage(page, 'failed')
      })
      throw thrown
    }
  }

  /** Surrounds the transaction of a page. */
  async commit<T>(params: CommitPage, write: () => Promise<T>): Promise<T> {
    const page = quietly(() => this.#pageOf(params))
    if (page === undefined) return write()
    const span = quietly(() => this.#child('muster.commit', page))
    try {
      const written = await this.#inside(page, span, write)
      quietly(() => {
        span?.end()
        this.#committed(page, params)
      })
      return written
    } catch (thrown) {
      quietly(() => {
        this.#mark(span, errorRecord(thrown).code)
        span?.end()
      })
      throw thrown
    }
  }

  #startPage(walk: WalkTrace, sourceType: string): PageTrace {
    const { tracer, root } = this.#api
    const before = walk.fetched.at(-1)?.span ?? walk.previousPage
    const links = [walk.span, before].flatMap((span): Link[] =>
      span === undefined ? [] : [{ context: span.spanContext() }],
    )
    const attributes = { [SOURCE_TYPE]: sourceType }
    const span = tracer.startSpan('muster.page', { root: true, links, attributes }, root)
    return { span, inside: this.#api.withSpan(root, span) }
  }

  /** The page that is committed: the one that was fetched first. One of failed items was not fetched. */
  #pageOf({ session, retriedItems }: CommitPage): PageTrace | undefined {
    return retriedItems.length > 0 ? undefined : this.#walks.get(session.sessionId)?.fetched[0]
  }

  #committed(page: PageTrace, { session, batch }: CommitPage): void {
    const walk = this.#walks.get(session.sessionId)
    if (walk !== undefined) {
      walk.fetched = walk.fetched.filter((other) => other !== page)
      walk.previousPage = page.span
    }
    const { itemsProcessed, itemsSkipped, itemsFailed } = batch.metrics
    const attributes: Attributes = {
      'muster.session.id': session.sessionId,
      'muster.target.name': session.targetName,
      'muster.batch.id': batch.batchId,
      'muster.items.kept': itemsProcessed,
      'muster.items.skipped': itemsSkipped,
      'muster.items.failed': itemsFailed,
    }
    page.span.setAttributes(attributes)
    this.#endPage(page, batch.status.toLowerCase())
  }

  #drop(walk: WalkTrace): void {
    const dropped = walk.fetched
    walk.fetched = []
    for (const page of dropped) this.#endPage(page, 'dropped')
  }

  #endPage({ span }: PageTrace, outcome: string): void {
    span.setAttribute('muster.outcome', outcome)
    span.end()
  }

  #child(name: string, page: PageTrace): Span {
    return this.#api.tracer.startSpan(name, {}, page.inside)
  }

  /** The code alone: a message may quote what the host's telemetry is not to see. */
  #mark(span: Span | undefined, code: string): void {
    span?.setAttribute('error.type', code)
    span?.setStatus({ code: this.#api.errorStatus, message: code })
  }

  /** Work whose own spans, those of its requests, become children. Whatever the SDK does, it is done once. */
  #inside<T>(page: PageTrace, span: Span | undefined, work: () => Promise<T>): Promise<T> {
    let begun: Promise<T> | undefined
    const once = () => (begun ??= work())
    quietly(() => {
      const context = span === undefined ? page.inside : this.#api.withSpan(page.inside, span)
      void this.#api.run(context, once)
    })
    return once()
  }
}

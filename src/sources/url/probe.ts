/**
 * Asks for each URL before it is handed on: whether it is there, how large it
 * is and how it is packed. One host that fails costs its own URLs, never the
 * walk: what could not be asked is rejected, and asked again when the failed
 * items of the session are tried again.
 */
import PQueue from 'p-queue'
import { timersOf } from '../../domain/clock.ts'
import { ItemRejectedError, PauseError, RetryLaterError, SourceError } from '../../domain/errors.ts'
import { overlongLine } from '../lines.ts'
import type { EnumerateContext, Page } from '../source.ts'
import { canonicalUrl } from './canonical.ts'
import { parseUrl } from './identify.ts'
import { entryOf, type UrlItem } from './item.ts'
import { askOnce, type Told } from './probe-request.ts'
import type { Reach } from './reach.ts'
import { DEFAULT_CONCURRENCY, type UrlSpec } from './spec.ts'

/** How long a host may take to answer a probe. A page of probes has to be done before it counts as hung, after 120 s. */
export const PROBE_TIMEOUT_MS = 10_000

const MAX_ATTEMPTS = 3

/** Pauses before the second and the third attempt. */
const WAITS_MS = [250, 1000] as const

/** A host that wants to be left alone for longer is left to a later retry. */
const MAX_WAIT_MS = 5_000

/** After so long on one page, each URL has one attempt left. */
const PATIENCE_MS = 60_000

/** What probing takes. */
export interface Probing {
  readonly spec: UrlSpec
  readonly reach: Reach
  readonly context: Pick<EnumerateContext, 'signal' | 'clock'>
}

/**
 * How many URLs are probed for one page: few enough that the page is done in
 * time though every host of it is dead, or may be asked but `rateLimit` times a
 * second.
 */
export function probePageSize({ concurrency = DEFAULT_CONCURRENCY, rateLimit }: UrlSpec): number {
  const inTime = rateLimit === undefined ? Infinity : Math.max(1, Math.floor(rateLimit * 20))
  return Math.min(3 * concurrency, inTime)
}

/** The pages of a list, each of their URLs probed. */
export async function* probedPages(
  pages: AsyncIterable<Page<UrlItem>>,
  probing: Probing,
): AsyncGenerator<Page<UrlItem>, void, undefined> {
  for await (const page of pages) {
    yield { ...page, items: await probeItems(page.items, probing) }
  }
}

/**
 * Items with what their hosts said of them, in the same order.
 *
 * @throws the signal's reason when it aborts; `PauseError` when a header's value cannot be had
 */
export async function probeItems(
  items: readonly UrlItem[],
  probing: Probing,
): Promise<readonly UrlItem[]> {
  const { concurrency = DEFAULT_CONCURRENCY } = probing.spec
  const lastCallAt = probing.context.clock.now() + PATIENCE_MS
  const queue = new PQueue({ concurrency })
  try {
    return await queue.addAll(items.map((item) => () => probeItem(item, probing, lastCallAt)))
  } finally {
    queue.clear()
  }
}

async function probeItem(item: UrlItem, probing: Probing, lastCallAt: number): Promise<UrlItem> {
  probing.context.signal.throwIfAborted()
  const { problem, probe: _, ...entry } = entryOf(item)
  const url = addressOf(entry.url)
  // What is no URL says so itself when it is identified.
  if (url === undefined) return item
  // Of failed items, there may be more than fit; the rest stays failed.
  if (problem !== undefined && probing.context.clock.now() > lastCallAt) return item
  const told = await ask(url, probing, lastCallAt)
  return 'probe' in told ? { ...entry, probe: told.probe } : { ...entry, problem: told.problem }
}

function addressOf(text: string): string | undefined {
  try {
    return overlongLine(text) === undefined ? canonicalUrl(parseUrl(text)) : undefined
  } catch (error) {
    if (error instanceof ItemRejectedError) return undefined
    throw error
  }
}

/** Asks until there is an answer, a fault that stays, or no attempt left. */
async function ask(url: string, probing: Probing, lastCallAt: number): Promise<Told> {
  const { clock } = probing.context
  for (let attempt = 1; ; attempt += 1) {
    const told = await tryOnce(url, probing)
    if ('probe' in told || told.isFinal === true) return told
    const waitMs = Math.max(WAITS_MS[attempt - 1] ?? 0, told.waitMs ?? 0)
    if (attempt === MAX_ATTEMPTS) return gaveUp(told.problem, attempt)
    if (waitMs > MAX_WAIT_MS || clock.now() + waitMs > lastCallAt) {
      return gaveUp(told.problem, attempt)
    }
    await pause(waitMs, probing.context)
  }
}

const gaveUp = (problem: string, attempts: number): Told => ({
  problem: `${problem} (tried ${attempts === 1 ? 'once' : `${attempts} times`}; try the failed items again later)`,
})

/** One attempt; only what concerns the whole walk is thrown. */
async function tryOnce(url: string, { spec, reach, context }: Probing): Promise<Told> {
  try {
    return await askOnce(url, { spec, reach, now: context.clock.now() })
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof RetryLaterError) {
      return { problem: error.message, waitMs: error.retryAt - context.clock.now() }
    }
    if (error instanceof PauseError || !(error instanceof SourceError)) throw error
    return { problem: error.message, isFinal: !error.retryable }
  }
}

async function pause(
  ms: number,
  { clock, signal }: Pick<EnumerateContext, 'signal' | 'clock'>,
): Promise<void> {
  const timers = timersOf(clock)
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = timers.setTimeout(resolve, ms)
  const onAbort = (): void => resolve()
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  await promise
  timers.clearTimeout(timer)
  signal.removeEventListener('abort', onAbort)
  signal.throwIfAborted()
}

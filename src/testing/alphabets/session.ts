import type {
  Position,
  SessionContext,
  SessionEvent,
  Shortfall,
  sessionMachine,
} from '../../../machines/index.ts'
import type { Alphabet } from '../alphabet.ts'

const BATCH = 'batch.committed'

/** What the source can say is missing. */
export const SHORTFALL: Shortfall = { code: 'sso', detail: 'one repository is hidden' }

/** Why a source refuses for good. */
export const REFUSAL = 'the source is gone'

/** The same in the words of a verdict. */
const LOSS: Shortfall = { code: 'failed', detail: REFUSAL }

type Batch = Extract<SessionEvent, { type: 'batch.committed' }>

/** The pages by what is in them: items kept, items that fail, what the source leaves out and how much it has. */
const PAGES: Readonly<
  Record<string, Pick<Batch, 'processed' | 'skipped' | 'failed' | 'shortfalls' | 'total'>>
> = {
  'a page': { processed: 2, skipped: 1, failed: 0, shortfalls: [], total: 9 },
  'a page with bad items': { processed: 1, skipped: 0, failed: 2, shortfalls: [], total: null },
  'a page of bad items': { processed: 0, skipped: 0, failed: 2, shortfalls: [], total: null },
  'a page with a shortfall': {
    processed: 1,
    skipped: 0,
    failed: 0,
    shortfalls: [SHORTFALL],
    total: null,
  },
}

/** The pages of a listing are numbered; the number is the cursor. */
function nextCursor(position: Position): number {
  return position.at === 'after' ? Number(position.cursor) + 1 : 1
}

function pages({ position, metrics, timeline }: SessionContext): Batch[] {
  const at = timeline.lastUpdate + 1
  const common = { type: BATCH, at } as const
  if (position.at !== 'retrying') {
    return Object.values(PAGES).map((page) => ({
      ...common,
      ...page,
      position: { at: 'after', cursor: nextCursor(position) },
      retried: 0,
      batchFailed: page.processed === 0,
    }))
  }
  // What failed is tried again in one page; it comes out one way or the other.
  const retried = metrics.itemsFailed
  return [0, retried].map((failed) => ({
    ...common,
    position: { ...position, after: position.until },
    processed: retried - failed,
    skipped: 0,
    failed,
    retried,
    batchFailed: failed === retried,
    shortfalls: [],
    total: null,
  }))
}

function walked(context: SessionContext): SessionEvent[] {
  const { position, timeline } = context
  const at = timeline.lastUpdate + 1
  const retries = position.at === 'retrying' && position.after < position.until
  const retried = position.at === 'retrying' && !retries
  return [
    ...(retried ? [] : pages(context)),
    ...(retries ? [] : [{ type: 'listing.exhausted', at } as const]),
    { type: 'session.stall', at },
    { type: 'session.fail', at, reason: REFUSAL, pageLost: true, shortfalls: [LOSS] },
  ]
}

function pageName({ processed, failed, retried, shortfalls }: Batch): string {
  if (retried > 0) return failed > 0 ? 'failed items that fail again' : 'failed items that are kept'
  const found = Object.entries(PAGES).find(
    ([, page]) =>
      page.processed === processed &&
      page.failed === failed &&
      page.shortfalls.length === shortfalls.length,
  )
  return found?.[0] ?? BATCH
}

/** What can happen to a session, as its enumerator and its host bring it about. */
export const sessionAlphabet: Alphabet<typeof sessionMachine> = {
  input: { sessionId: 'a', sourceType: 'scripted', at: 0 },
  events({ value, context }) {
    const at = context.timeline.lastUpdate + 1
    if (value === 'INITIALIZED') return [{ type: 'session.start', at }]
    if (value === 'IN_PROGRESS') return walked(context)
    if (value === 'STALLED') return walked(context).filter(({ type }) => type !== 'session.stall')
    return [
      { type: 'session.resume', at, lastFailedItem: context.metrics.itemsFailed === 0 ? 0 : 1 },
    ]
  },
  key({ context: { position, metrics, shortfalls } }) {
    return {
      at: position.at,
      ...(position.at === 'retrying'
        ? { tried: position.after >= position.until, resumeAt: position.resumeAt.at }
        : {}),
      kept: metrics.itemsProcessed > 0,
      failed: Math.min(metrics.itemsFailed, 1),
      missing: shortfalls.length,
    }
  },
  name: (event) => (event.type === BATCH ? pageName(event) : event.type),
}

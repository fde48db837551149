/** What a walk of URLs would come to: what is at hand is counted, and of what hosts keep only the beginning is asked for. */
import type { Shortfall } from '../../../machines/index.ts'
import { SourceError } from '../../domain/errors.ts'
import { countEntries } from '../list.ts'
import type { PlanContext, SourcePlan } from '../source.ts'
import { hostRefusal } from '../web/index.ts'
import { shownUrl } from './bytes.ts'
import { createReach, type Reach } from './reach.ts'
import { readSitemap, shortfallOf } from './sitemap/document.ts'
import { declaredSitemaps } from './sitemap/robots.ts'
import { DEFAULT_CONCURRENCY, DEFAULT_MAX_BYTES, type UrlSpec } from './spec.ts'

/** Lists of a target whose beginning is asked for: a request each. */
const MOST_LISTS = 5

/** Refused hosts that are named; of more, only the number is told. */
const MOST_REFUSED = 10

/** What is known of the lists of a target. */
interface Look {
  readonly items: number | null
  readonly unseen: readonly Shortfall[]
  readonly notes: readonly string[]
}

/** A reach that counts what is sent by it, and how long the answers take to begin. */
class CountingReach implements Reach {
  readonly #reach: Reach
  readonly #noteRequest: () => void
  asked = 0
  ms = 0

  constructor(reach: Reach, { noteRequest }: Pick<PlanContext, 'noteRequest'>) {
    this.#reach = reach
    this.#noteRequest = noteRequest
  }

  async request(...given: Parameters<Reach['request']>): ReturnType<Reach['request']> {
    const begun = performance.now()
    this.asked += 1
    this.#noteRequest()
    try {
      return await this.#reach.request(...given)
    } finally {
      this.ms += performance.now() - begun
    }
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#reach[Symbol.asyncDispose]()
  }
}

const countsOfHosts = (urls: readonly string[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const url of urls) {
    const host = URL.parse(url)?.host ?? ''
    counts.set(host, (counts.get(host) ?? 0) + 1)
  }
  return counts
}

/** Hosts that will not be asked, as far as their names tell; where a name leads is seen when it is asked. */
const refusedHosts = (urls: readonly string[], { allowHosts }: UrlSpec): readonly Shortfall[] => {
  const first = new Map(urls.map((url) => [URL.parse(url)?.host ?? '', url]))
  const refusals = [...first.values()].flatMap((url) => {
    const why = hostRefusal(url, allowHosts)
    return why === undefined
      ? []
      : [{ code: 'forbidden', detail: `${why}; name it in allow_hosts to ask it all the same` }]
  })
  const more = refusals.length - MOST_REFUSED
  if (more <= 0) return refusals
  const rest = { code: 'forbidden', detail: `${more} more hosts are refused for their addresses` }
  return [...refusals.slice(0, MOST_REFUSED), rest]
}

/** Opens a list and lets it go: whether it can be had is known by then. */
const openList = async (url: string, reach: Reach, maxBytes: number): Promise<Look> => {
  const answer = await reach.request({ url, maxBytes })
  await answer.close()
  return { items: null, unseen: [], notes: ['the lines of a list behind a URL are not counted'] }
}

const openSitemap = async (
  url: string,
  reach: Reach,
  maxBytes: number,
): Promise<{ readonly unseen: readonly Shortfall[]; readonly notes: readonly string[] }> => {
  const reading = readSitemap(url, { reach, maxBytes })
  try {
    const { done, value } = await reading.next()
    if (done === true) return { unseen: value === undefined ? [] : [value], notes: [] }
    const kind = value.kind === 'sitemaps' ? 'an index of sitemaps' : 'a sitemap'
    return { unseen: [], notes: [`${shownUrl(url)} is ${kind}; its entries are not counted`] }
  } finally {
    await reading.return(undefined)
  }
}

async function lookAtSitemaps(spec: UrlSpec, reach: Reach, maxBytes: number): Promise<Look> {
  const unseen: Shortfall[] = []
  const notes: string[] = []
  const { sitemaps = [], robots = [] } = spec
  for (const site of robots.slice(0, MOST_LISTS)) {
    const declared = await declaredSitemaps(site, { reach })
    if (declared.shortfall !== undefined) unseen.push(declared.shortfall)
    else notes.push(`${shownUrl(site)} declares ${declared.urls.length} sitemaps`)
  }
  for (const url of sitemaps.slice(0, MOST_LISTS)) {
    const opened = await openSitemap(url, reach, maxBytes)
    unseen.push(...opened.unseen)
    notes.push(...opened.notes)
  }
  const left = Math.max(0, sitemaps.length - MOST_LISTS) + Math.max(0, robots.length - MOST_LISTS)
  if (left > 0) notes.push(`${left} more were not asked for`)
  return { items: null, unseen, notes }
}

/** One list of several that cannot be had is told; where there is one alone, the walk would fail. */
async function lookAtLists(spec: UrlSpec, reach: Reach): Promise<Look> {
  const { listUrl, maxBytes = DEFAULT_MAX_BYTES } = spec
  if (listUrl === undefined) return lookAtSitemaps(spec, reach, maxBytes)
  try {
    return await openList(listUrl, reach, maxBytes)
  } catch (error) {
    if (!(error instanceof SourceError) || error.retryable) throw error
    return { items: null, unseen: [shortfallOf(error, `the list ${shownUrl(listUrl)}`)], notes: [] }
  }
}

async function lookAt(spec: UrlSpec, context: PlanContext, reach: Reach): Promise<Look> {
  const { urls, urlsFile } = spec
  if (spec.stdin === true) {
    return { items: null, unseen: [], notes: ['standard input is not read before the walk'] }
  }
  if (urls !== undefined || urlsFile !== undefined) {
    const items = await countEntries({ values: urls, file: urlsFile }, context)
    const asked = spec.probe === true ? (urls ?? []) : []
    return { items, unseen: refusedHosts(asked, spec), notes: [] }
  }
  return lookAtLists(spec, reach)
}

/** The time that a rate leaves for the host with the most URLs; milliseconds. */
const leastMs = ({ urls = [], probe, rateLimit }: UrlSpec): number =>
  probe !== true || rateLimit === undefined || urls.length === 0
    ? 0
    : (Math.max(...countsOfHosts(urls).values()) / rateLimit) * 1000

/** Tells what a walk would come to. @throws as a walk does; RetryLaterError where a host asks to be left alone */
export async function planUrls(spec: UrlSpec, context: PlanContext): Promise<SourcePlan> {
  await using reach = new CountingReach(createReach(spec, context), context)
  const { items, unseen, notes } = await lookAt(spec, context, reach)
  const isProbed = spec.probe === true
  const isAtHand = spec.urls !== undefined || spec.urlsFile !== undefined
  return {
    items,
    itemsFrom: items === null ? null : 'list',
    requests: isProbed ? items : isAtHand ? 0 : null,
    itemsPerRequest: isProbed ? 1 : null,
    concurrency: isProbed ? (spec.concurrency ?? DEFAULT_CONCURRENCY) : 1,
    atLeastMs: leastMs(spec),
    unseen,
    notes,
    requestMs: reach.asked === 0 ? null : reach.ms / reach.asked,
  }
}

/** The url source: lists of URLs, written out or read from wherever they stand, and asked for where that is wanted. */
import type { Readable } from 'node:stream'
import type { JsonValue } from '../../domain/json.ts'
import { defineSource, type EnumerateContext, type Source } from '../source.ts'
import { enumerateUrls } from './enumerate.ts'
import { identifyUrl } from './identify.ts'
import { urlEntry, type UrlItem } from './item.ts'
import { planUrls } from './plan.ts'
import { probeItems, PROBE_TIMEOUT_MS } from './probe.ts'
import { createReach } from './reach.ts'
import { urlSpec, type UrlSpec } from './spec.ts'

export { identifyUrl } from './identify.ts'
export type { ProbeFacts, UrlEntry, UrlItem } from './item.ts'
export { ARCHIVE_FORMATS } from './spec.ts'
export type { ArchiveFormat, HeaderReference, RetrySpec, UrlSpec } from './spec.ts'

export interface UrlSourceOptions {
  /** What a target with `stdin: true` reads. Default: the standard input of the process. */
  readonly stdin?: Readable
}

/**
 * Makes the url source. Hosts are asked for lists that they keep, and for the
 * URLs themselves where the spec has `probe`; for nothing otherwise.
 *
 * @example
 * const source = urlSource()
 * // target: { type: 'url', robots: ['https://example.com'], probe: true }
 */
export function urlSource({ stdin }: UrlSourceOptions = {}): Source<UrlSpec, UrlItem> {
  return defineSource({
    type: 'url',
    spec: urlSpec,
    identify: identifyUrl,
    enumerate: (spec, cursor, context) =>
      enumerateUrls(spec, cursor, context, () => stdin ?? process.stdin),
    reload: reloadUrls,
    plan: planUrls,
  })
}

/** Probes failed items again; the others stay as they are. */
async function reloadUrls(
  items: readonly JsonValue[],
  spec: UrlSpec,
  context: EnumerateContext,
): Promise<readonly UrlItem[]> {
  // Whatever is no item says so when it is identified.
  const known = items as readonly UrlItem[]
  const failed = known.filter((item) => spec.probe === true && isFailedProbe(item))
  if (failed.length === 0) return known
  await using reach = createReach(spec, context, { timeoutMs: PROBE_TIMEOUT_MS })
  const probed = await probeItems(failed, { spec, reach, context })
  const again = new Map(failed.map((item, at) => [item, probed[at] ?? item]))
  return known.map((item) => again.get(item) ?? item)
}

const isFailedProbe = (item: JsonValue): boolean => {
  const entry = urlEntry.safeParse(item)
  return entry.success && entry.data.problem !== undefined
}

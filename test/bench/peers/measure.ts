/**
 * Measures the peers alone: `node test/bench/peers/measure.ts [--only NAME] [--items N]
 * [--rounds N] [--runs N]`. For figures beside Muster's own, use the benchmark.
 */
import { parseArgs } from 'node:util'
import { availablePeers, PAGE, pageAt, recovery, type PeerKind, type Series } from './index.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    items: { type: 'string', default: '30000' },
    rounds: { type: 'string', default: '3' },
    runs: { type: 'string', default: '5' },
  },
})

function count(name: 'items' | 'rounds' | 'runs'): number {
  const number = Number(values[name])
  if (Number.isInteger(number) && number >= 0) return number
  console.error(`--${name} is ${values[name]}; it must be a whole number`)
  process.exit(2)
}

const pages = Array.from({ length: Math.ceil(count('items') / PAGE) }, (_, number) =>
  pageAt(number),
)

async function itemsPerSecond(kind: PeerKind): Promise<number> {
  const peer = await kind.open()
  try {
    const startedAt = performance.now()
    for (const page of pages) await peer.add(page)
    const seconds = (performance.now() - startedAt) / 1000
    const stored = await peer.count()
    const expected = pages.length * PAGE
    if (stored !== expected) throw new Error(`${kind.name} stored ${stored} of ${expected} items`)
    return expected / seconds
  } finally {
    await peer.close()
  }
}

function spread(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b)
  const [low, middle, high] = [0, Math.floor(sorted.length / 2), sorted.length - 1]
  return [middle, low, high].map((index) => Math.round(sorted[index] ?? Number.NaN)).join(' ')
}

function seriesText(title: string, series: Series | undefined): string {
  if (series === undefined) return ''
  const { firstNewPageMs, pagesAtKill, duplicates } = series
  return ` | ${title}: ${spread(firstNewPageMs)} ms, ${duplicates} doubles, pages ${spread(pagesAtKill)}`
}

/** Every peer once a round, so that a busy spell of the machine does not fall on one alone. */
async function reportRates(kinds: readonly PeerKind[]): Promise<void> {
  const rates = new Map<string, number[]>(kinds.map((kind) => [kind.name, []]))
  for (let round = 0; round < count('rounds'); round++)
    for (const kind of kinds) rates.get(kind.name)?.push(await itemsPerSecond(kind))
  for (const { name, version } of kinds)
    console.log(`${name} ${version}: ${spread(rates.get(name) ?? [])} items/s`)
}

async function reportKills(kind: PeerKind): Promise<void> {
  const killed = await recovery(kind, { runs: count('runs') })
  const text = seriesText('keys', killed.withKeys) + seriesText('no keys', killed.withoutKeys)
  console.log(`${kind.name} ${kind.version} after kill -9${text}`)
}

console.log('Each triple is median, lowest, highest.')
const { peers, missing, stop } = await availablePeers()
try {
  for (const { name, why } of missing) console.log(`${name}: not measured: ${why}`)
  const chosen = peers.filter((peer) => peer.name.includes(values.only))
  if (count('rounds') > 0) await reportRates(chosen)
  if (count('runs') > 0) for (const kind of chosen) await reportKills(kind)
} finally {
  await stop()
}
// Some peers leave timers behind.
process.exit()

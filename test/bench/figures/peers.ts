/** Durable items a second, beside what else is there to keep a list of work in. */
import type { Identity } from '../../../src/index.ts'
import type { Bench, Figure, Line, Row } from '../figure.ts'
import { shareOf } from '../goals.ts'
import { identitiesOf, inPages } from '../made/identities.ts'
import type { Item, PeerKind } from '../peers/types.ts'
import { findPeers, notInstalled } from '../peers-found.ts'
import { against, bestOf, interleave, perSecond, type Contestant } from '../rounds.ts'
import { removeDatabase } from '../temp.ts'
import { commitByStore, commitsIn } from './commit.ts'

const ITEMS = 30_000
const QUICK_ITEMS = 500
const PAGE_SIZE = 100
const MOST_ROUNDS = 5
/** The slowest peer would take half a minute a round: its speed is known sooner. */
const ENOUGH_MS = 5_000
/** Ahead of all; twice the best. */
const GOAL = shareOf(1, 2)
const OURS = 'Muster'
const WHAT = 'durable items, pages of 100'

const itemOf = ({ key, uri, name, metadata = {} }: Identity): Item => ({
  key,
  uri,
  name,
  metadata,
})

/** Adds pages until all are there, or it has taken long enough. */
async function addTo(kind: PeerKind, pages: readonly (readonly Item[])[]): Promise<number> {
  const peer = await kind.open()
  try {
    let added = 0
    const from = performance.now()
    for (const page of pages) {
      await peer.add(page)
      added += page.length
      if (performance.now() - from > ENOUGH_MS) break
    }
    const ms = performance.now() - from
    const count = await peer.count()
    if (count !== added) throw new Error(`${kind.name} holds ${count} of ${added} items`)
    return perSecond(added, ms)
  } finally {
    await peer.close()
  }
}

async function measurePeers(bench: Bench): Promise<readonly Line[]> {
  await using found = await findPeers()
  if (found === undefined) return [notInstalled(WHAT)]
  const { peers, missing } = found
  if (peers.length === 0) return missing
  const folder = bench.folder()
  const count = bench.items(ITEMS, QUICK_ITEMS)
  const { pages, copy } = await commitsIn(folder, count, PAGE_SIZE)
  const items = inPages(identitiesOf(count).map(itemOf), PAGE_SIZE)
  const ours: Contestant = async () => {
    const path = copy()
    const ms = await commitByStore(path, pages)
    removeDatabase(path)
    return perSecond(count, ms)
  }
  const theirs = peers.map((kind): [string, Contestant] => [kind.name, () => addTo(kind, items)])
  const rounds = await interleave(Object.fromEntries([[OURS, ours], ...theirs]), {
    bench,
    name: 'peers',
    rounds: bench.roundsAtMost(MOST_ROUNDS),
  })
  bench.discard(folder)
  const row = { unit: 'items/s', measure: 'ratio' } as const
  const each = peers.map(({ name, version }): Row => ({
    ...row,
    what: `${WHAT}: ${name}`,
    against: `${name} ${version}`,
    samples: against(rounds, OURS, name),
  }))
  const names = peers.map(({ name }) => name)
  const best = bestOf(rounds, names, 'higher')
  const all: Row = {
    ...row,
    what: `${WHAT}, against the best of ${names.length} peers`,
    against: best,
    goal: GOAL,
    samples: against(rounds, OURS, best),
  }
  return [all, ...each, ...missing]
}

export const peers: Figure = { name: 'peers', measure: measurePeers }

import assert from 'node:assert/strict'
import type { JsonValue } from '../../domain/json.ts'
import { equal } from '../checks.ts'
import { ContractError } from '../contract-case.ts'
import type { Bench, Begin } from './bench.ts'
import { promises, type SourceCase } from './case.ts'
import { garbage } from './garbage.ts'
import { within } from './patience.ts'
import { assertPlain } from './plain.ts'
import { isWait, newRow } from './waits.ts'

/** A source may have no way to bring items up to date; there is nothing to try then. */
type Reload = (items: readonly JsonValue[], begin?: Begin) => Promise<readonly JsonValue[]>

/** Failed items tried again in one page, at the most; as by Muster. */
const MOST = 500

function reloadOf(bench: Bench): Reload | null {
  const source = bench.newSource()
  if (source.reload === undefined) return null
  return async (items, begin = {}) => {
    const row = newRow()
    const once = async () =>
      source.reload?.(items, (begin.spec ?? bench.parsed()) as never, bench.context(begin))
    for (;;) {
      try {
        return (await within(bench.patienceMs, 'reloading items', once())) as JsonValue[]
      } catch (thrown) {
        if (!isWait(thrown) || begin.signal?.aborted === true) throw thrown
        await bench.waits.out(thrown, row)
      }
    }
  }
}

const promisesOfReload = (
  title: string,
  check: (bench: Bench, reload: Reload) => Promise<void>,
): SourceCase =>
  promises(title, async (bench) => {
    const reload = reloadOf(bench)
    if (reload !== null) await check(bench, reload)
  })

function assertAsMany(reloaded: readonly JsonValue[], items: readonly JsonValue[]): void {
  assert.ok(
    Array.isArray(reloaded) && reloaded.length === items.length,
    `${items.length} items were reloaded, and not as many came back`,
  )
}

export const reloading: readonly SourceCase[] = [
  promisesOfReload('items are reloaded one for one, in their order', async (bench, reload) => {
    const items = (await bench.items()).slice(0, MOST)
    const reloaded = await reload(items)
    assertAsMany(reloaded, items)
    assertPlain(reloaded, 'a reloaded item')
    const names = (of: readonly JsonValue[]) => bench.namesOf([{ items: of, cursor: null }])
    equal(names(reloaded), names(items))
  }),

  promisesOfReload('an item that is garbage is reloaded among others', async (bench, reload) => {
    const [sample = null] = await bench.items()
    // What failed is stored as it came, whatever it was.
    const items = garbage().flatMap(([, item]) => [item as JsonValue, sample])
    const reloaded = await reload(items)
    assertAsMany(reloaded, items)
    const named = (of: readonly JsonValue[]) =>
      bench.namesOf([{ items: [of[1] ?? null], cursor: null }])
    equal(named(reloaded), named(items))
  }),

  promisesOfReload('reloading leaves items and spec as they were', async (bench, reload) => {
    const items = (await bench.items()).slice(0, MOST)
    const spec = bench.parsed()
    const before = structuredClone({ items, spec })
    await reload(items, { spec })
    equal({ items, spec }, before, 'items or spec were changed')
  }),

  promisesOfReload('a reload that is aborted ends', async (bench, reload) => {
    const items = (await bench.items()).slice(0, MOST)
    const aborting = new AbortController()
    const reloaded = reload(items, { signal: aborting.signal })
    aborting.abort()
    // It has a result by then, or it gives up; what it must not do is hang.
    await reloaded.catch((thrown: unknown) => {
      if (thrown instanceof ContractError) throw thrown
    })
  }),
]

import { pause, timersOf, type TimeProvider } from '../domain/clock.ts'
import type { Store } from '../store/store.ts'
import type { Demand } from './demand.ts'
import type { Leadership } from './leadership.ts'

export interface StoreLeadershipOptions {
  readonly store: Pick<Store, 'lead' | 'resign'>
  /** The name under which this process leads. */
  readonly owner: string
  /** How long a leader may be silent before another takes over; milliseconds. */
  readonly leaseMs: number
  readonly clock: TimeProvider
  isGone(owner: string): boolean
  /** Whether this process has a use for leading. Default: it always has. */
  readonly demand?: Demand
}

/** How often in a lease's life the leader renews it, and the others look whether it still holds. */
const LOOKS_A_LEASE = 3

/** However long the lease: who resigns, or is known to be dead, is followed soon; milliseconds. */
const LONGEST_PAUSE_MS = 1_000

/**
 * Leadership of the processes that share a store: a lease in it, renewed as
 * long as its process lives, judged by the store's clock. A leader that cannot
 * renew in time stops leading by itself; what it begins nevertheless is refused
 * by the round it belongs to.
 */
export function storeLeadership(
  options: StoreLeadershipOptions,
): Leadership & { close(): Promise<void> } {
  const { store, owner, leaseMs, clock, isGone, demand } = options
  const timers = timersOf(clock)
  const pauseMs = Math.min(leaseMs / LOOKS_A_LEASE, LONGEST_PAUSE_MS)
  const campaigns = new Set<Promise<void>>()

  const campaign = (onChange: (leads: boolean) => void) => {
    const stopped = new AbortController()
    let isOver = false
    let leads = false
    let lapse: unknown

    const change = (now: boolean) => {
      if (isOver || leads === now) return
      leads = now
      onChange(now)
    }
    const look = async () => {
      // Counted from before the question: the answer may be long on its way.
      const asked = performance.now()
      const held = await store.lead({ owner, leaseMs, isGone })
      timers.clearTimeout(lapse)
      const left = leaseMs - (performance.now() - asked)
      if (held) lapse = timers.setTimeout(() => change(false), Math.max(0, left))
      change(held && left > 0)
    }
    /** Gives the lead up, for who has more use for it, until there is a demand. */
    const standBack = async (wanted: Demand) => {
      timers.clearTimeout(lapse)
      if (leads) await store.resign({ owner }).catch(() => undefined)
      change(false)
      await wanted.asked(stopped.signal)
    }
    const run = async () => {
      while (!isOver) {
        if (demand?.isPending === false) await standBack(demand)
        if (isOver) break
        // A store that does not answer is asked again; a leader lapses meanwhile.
        await look().catch(() => undefined)
        await pause(clock, pauseMs, [stopped.signal])
      }
      timers.clearTimeout(lapse)
      // Another need not wait for the lease to run out.
      await store.resign({ owner }).catch(() => undefined)
    }
    const running = run().finally(() => campaigns.delete(running))
    campaigns.add(running)
    return () => {
      isOver = true
      stopped.abort()
    }
  }

  return { campaign, close: async () => void (await Promise.all(campaigns)) }
}

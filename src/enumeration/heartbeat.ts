import type { Timers } from '../domain/clock.ts'

/**
 * Renews the leases of what this process walks, three times within each
 * lease's life: a wait for a limit can be longer than a lease, and commits
 * nothing that would extend it.
 */
export function startHeartbeat(
  leaseMs: number,
  timers: Timers,
  renew: () => Promise<void>,
): () => void {
  const intervalMs = Math.max(1, Math.floor(leaseMs / 3))
  let renewing = false
  let timer: unknown
  const arm = () => {
    timer = timers.setTimeout(beat, intervalMs)
    // A heart alone keeps no process alive.
    ;(timer as Partial<NodeJS.Timeout>).unref?.()
  }
  const beat = () => {
    arm()
    // A renewal that takes longer than the interval is not started twice.
    if (renewing) return
    renewing = true
    renew().finally(() => {
      renewing = false
    })
  }
  arm()
  return () => timers.clearTimeout(timer)
}

/**
 * Renews the leases of what this process walks, three times within each
 * lease's life: a wait for a limit can be longer than a lease, and commits
 * nothing that would extend it.
 */
export function startHeartbeat(leaseMs: number, renew: () => Promise<void>): () => void {
  let renewing = false
  const timer = setInterval(
    () => {
      // A renewal that takes longer than the interval is not started twice.
      if (renewing) return
      renewing = true
      renew().finally(() => {
        renewing = false
      })
    },
    Math.max(1, Math.floor(leaseMs / 3)),
  )
  timer.unref()
  return () => clearInterval(timer)
}

import { errorRecord } from '../../src/domain/errors.ts'
import { createMuster, openStore } from '../../src/index.ts'

/**
 * A host that holds its leases for a short time only:
 * `node walk-host.ts CONFIG DATABASE LEASE_MS [deaf]`. It walks the config's
 * targets once and says how that went, as one line of JSON. A deaf one does
 * not hear that a lease is lost, so that only its commits can be refused.
 */
const [config = '', path = '', leaseMs = '', deaf] = process.argv.slice(2)
const store = await openStore({ path })
const renewLease = deaf === undefined ? store.renewLease : async () => true
await using muster = await createMuster({
  config,
  database: { ...store, renewLease },
  leaseMs: Number(leaseMs),
})
const { sessions, failures } = await muster.orchestrator.enumerate()
console.log(
  JSON.stringify({
    statuses: sessions.map(({ status }) => status),
    failures: failures.map(({ targetName, error }) => ({ targetName, ...errorRecord(error) })),
  }),
)
process.exitCode = failures.length === 0 ? 0 : 1

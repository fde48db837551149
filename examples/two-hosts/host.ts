/**
 * One host of several. Start as many as you like, on as many machines: they
 * share the database, one of them leads, and each walks what it has room for.
 * Kill any of them: the others go on with what it had in hand.
 *
 *   DATABASE_URL=postgres://… NATS_URL=nats://… node examples/two-hosts/host.ts muster.yaml
 */
import { createMuster } from '../../src/index.ts'
import { createNatsBus } from '../../src/nats.ts'

const [config = 'muster.yaml'] = process.argv.slice(2)
const { DATABASE_URL: database = '', NATS_URL: servers = '' } = process.env

await using bus = await createNatsBus({ servers })
await using muster = await createMuster({
  database,
  config,
  bus,
  maxSessions: 4,
  // Short, so that a host that was killed is soon replaced by another.
  leaseMs: 5_000,
})
muster.bus.subscribe('session.started', ({ session, resumed }) => {
  console.log(`${resumed ? 'goes on with' : 'begins'} ${session.targetName}`)
})

const { sessions, failures } = await muster.orchestrator.enumerate()
console.log(`the round is over: ${sessions.length} sessions, ${failures.length} failures`)

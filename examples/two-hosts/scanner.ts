/**
 * A scanner, which knows the bus and nothing else: it takes tasks, and says
 * what became of them.
 *
 *   NATS_URL=nats://… node examples/two-hosts/scanner.ts
 */
import { createNatsBus } from '../../src/nats.ts'

await using bus = await createNatsBus({ servers: process.env['NATS_URL'] ?? '' })
const stop = new Promise((resolve) => process.once('SIGTERM', resolve))

bus.subscribe('task.created', async ({ task: { taskId, resourceUri } }) => {
  console.log(`scanned ${taskId} ${resourceUri}`) // your scanner goes here
  await bus.publish('task.completed', { taskId, itemsProcessed: 1 }, { id: `${taskId}-scanned` })
})
await stop

/**
 * A host program in full: it walks an organisation, "scans" each repository
 * and reports what it did. Kill it whenever you like and start it again: no
 * repository is forgotten, and none that was finished is handed out twice.
 *
 *   GITHUB_TOKEN=… node examples/host/main.ts ORGANISATION [BASE_URL]
 */
import { createMuster } from '../../src/index.ts'

const [org = 'octokit', baseUrl] = process.argv.slice(2)

await using muster = await createMuster({
  database: process.env['MUSTER_DB'] ?? './host.db',
  auth: { gh: { type: 'github', config: { token: '${GITHUB_TOKEN}' } } },
})
await muster.orchestrator.run()

const run = muster.coordinator.enumerateTarget({
  name: org,
  sourceType: 'github',
  authRef: 'gh',
  github: { org, ...(baseUrl === undefined ? {} : { baseUrl }) },
})

for await (const task of run.tasks) {
  await muster.bus.publish('task.started', { taskId: task.taskId })
  const credentials = await task.credentials()
  console.log(`scanning ${task.resourceUri} as ${credentials.type}`)
  await muster.bus.publish('task.completed', { taskId: task.taskId, itemsProcessed: 1 })
}

const { status, completeness, metrics } = await run.done
console.log(`${org}: ${status}, ${completeness}, ${metrics.itemsProcessed} repositories`)

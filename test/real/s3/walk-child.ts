/**
 * The process that walks, and that may be killed: `node walk-child.ts INPUT`.
 * It goes on from wherever its database stands, and prints a line of JSON for
 * each page that is durable, and one at the end. The credential comes from the
 * environment.
 */
import { subscribe } from 'node:diagnostics_channel'
import { type CommitPage, createMuster, openStore } from '../../../src/index.ts'
import type { ChildInput, ChildLine } from './walking.ts'

const { database, s3 } = JSON.parse(process.argv[2] ?? '{}') as ChildInput

let requests = 0
subscribe('http.client.request.start', () => {
  requests += 1
})

const say = (line: ChildLine) => process.stdout.write(`${JSON.stringify(line)}\n`)
const effort = () => ({ requests, peakRssKib: process.resourceUsage().maxRSS })

const store = await openStore({ path: database })
await using muster = await createMuster({
  database: {
    ...store,
    async commitPage(page: CommitPage) {
      const result = await store.commitPage(page)
      say({ kind: 'page', items: page.kept.length + page.skipped.length, ...effort() })
      return result
    },
  },
  auth: {
    server: {
      type: 's3',
      config: { accessKeyId: '${ACCESS_KEY}', secretAccessKey: '${SECRET_KEY}' },
    },
  },
})
const run = muster.coordinator.enumerateTarget({
  name: 'real',
  sourceType: 's3',
  authRef: 'server',
  s3,
})
const { status, completeness, metrics } = await run.done
say({ kind: 'end', status, completeness, skipped: metrics.itemsSkipped, ...effort() })

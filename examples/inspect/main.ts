/**
 * Watches a walk in the Stately inspector: every actor, event and state, live.
 * The relay runs on this machine; the page that it opens is Stately's, so that
 * page (and nothing else here) needs the internet. The address of another page
 * that understands the same messages may be given in its place.
 *
 *   node examples/inspect/main.ts [port] [url of the page]
 */
import { createWebSocketInspector } from '@statelyai/inspect'
import { createInspectorServer } from '@statelyai/inspect/server'
import { createMuster } from '../../src/index.ts'
import { startSandboxGitHub } from '../sandbox/github.ts'

const [givenPort = '8080', url] = process.argv.slice(2)
const port = Number(givenPort)
const server = createInspectorServer({ port, autoOpen: false, ...(url !== undefined && { url }) })
const inspector = createWebSocketInspector({ url: `ws://127.0.0.1:${port}` })

await using github = await startSandboxGitHub({ latencyMs: 300 })
await using muster = await createMuster({
  database: ':memory:',
  auth: { gh: { type: 'github', config: { token: 'any' } } },
  inspect: inspector.inspect,
})
console.log(`Open http://localhost:${port} to watch; Ctrl-C ends it.`)

const stop = new AbortController()
process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort())
for (let round = 1; !stop.signal.aborted; round += 1) {
  const { done } = muster.coordinator.enumerateTarget(
    {
      name: `mapbox, round ${round}`,
      sourceType: 'github',
      authRef: 'gh',
      github: { org: 'mapbox', perPage: 50, baseUrl: github.url },
    },
    { signal: stop.signal },
  )
  const { status, metrics } = await done
  console.log(`round ${round}: ${status}, ${metrics.itemsProcessed} repositories`)
}
inspector.stop()
server.stop()
// The inspector's socket goes on trying to reach its server, even when stopped.
setTimeout(() => process.exit(), 100).unref()

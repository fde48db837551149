import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createMuster,
  LeaseError,
  type Metrics,
  type Muster,
  type Round,
  type Store,
} from '../../src/index.ts'
import { createNatsBus, type NatsBus } from '../../src/nats.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import type { HostInput, HostLine } from './host-lines.ts'
import { numberedSource } from './numbered-source.ts'

/** Written before anything else happens: the process may be killed at any moment. */
const say = (line: HostLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

/** A server may be down while the host comes up; whoever runs hosts would start it again. */
async function untilItIsThere<T>(step: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await step()
    } catch (thrown) {
      console.error('not there yet:', thrown)
      await sleep(200)
    }
  }
}

/** The same store; it tells what it refuses, beneath whatever counts that. */
function telling(store: Store): Store {
  const tell = (sessionId: string) => (thrown: unknown) => {
    const late = thrown instanceof LeaseError && thrown.code === 'LEASE_LOST'
    if (late) say({ is: 'refused', sessionId })
    throw thrown
  }
  return {
    ...store,
    commitPage: (params) => store.commitPage(params).catch(tell(params.fence.sessionId)),
    commitSession: (params) => store.commitSession(params).catch(tell(params.fence.sessionId)),
  }
}

/** The same store; it answers once as it did when the host decided to take part. */
function lookedAt(store: Store, last: Awaited<ReturnType<Store['lastRound']>>): Store {
  let isFirst = true
  return {
    ...store,
    async lastRound() {
      if (!isFirst) return store.lastRound()
      isFirst = false
      return last
    },
  }
}

const counting: Metrics = {
  observeTargetProcessingTime: () => undefined,
  incTargetsProcessed: () => undefined,
  trackEnumeration: (walk) => walk(),
  incTasksEnqueued: () => undefined,
  incTasksFailedToEnqueue: () => undefined,
  incFencedCommits: () => say({ is: 'counted' }),
}

const busOf = ({ nats }: HostInput): Promise<NatsBus> | undefined =>
  nats &&
  untilItIsThere(() =>
    createNatsBus({ servers: nats.url, stream: nats.prefix, prefix: nats.prefix, drainMs: 2_000 }),
  )

function told({ sessions, failures }: Round): HostLine {
  const begun = sessions.map(({ timeline }) => timeline.startedAt.getTime())
  const ended = sessions.map(({ timeline }) => timeline.completedAt?.getTime() ?? 0)
  return {
    is: 'over',
    sessions: sessions.length,
    items: sessions.reduce((sum, { metrics }) => sum + metrics.itemsProcessed, 0),
    tookMs: Math.max(...ended) - Math.min(...begun),
    failures: failures.map(({ targetName, error }) => `${targetName}: ${String(error)}`),
  }
}

/** Takes part in one round, until it is over or the host is closed. */
async function takePart(muster: Muster): Promise<void> {
  for (;;) {
    try {
      return say(told(await muster.orchestrator.enumerate()))
    } catch (thrown) {
      if ((thrown as { code?: unknown }).code === 'CLOSED') return
      say({ is: 'broke', why: String(thrown) })
    }
  }
}

export async function runHost(input: HostInput): Promise<void> {
  // Nobody is left to tell it anything: it must not stay behind.
  process.stdin.once('end', () => process.exit(1))
  const told = once(process.stdin, 'data')
  const closed = once(process, 'SIGTERM')
  const store = await untilItIsThere(() => openDatabase(input.database))
  const bus = await busOf(input)
  const last = await store.lastRound()
  const muster = await createMuster({
    database: lookedAt(telling(store), last),
    config: input.config,
    sources: [numberedSource(input)],
    leaseMs: input.leaseMs,
    maxSessions: input.maxSessions,
    backoffMs: 100,
    metrics: counting,
    ...(bus && { bus }),
  })
  say({ is: 'ready' })
  if (input.waits === true) await told
  // Another call when the round is over would begin another one.
  const taken = last?.isOpen === false ? muster.orchestrator.run() : takePart(muster)
  process.stdin.unref()
  await closed
  await muster.close()
  await taken
  await bus?.close()
  // From here on nothing is left that keeps the process alive.
  say({ is: 'closed' })
}

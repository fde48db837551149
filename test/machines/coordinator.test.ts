import { createActor, fromPromise, type InspectionEvent, type Snapshot } from 'xstate'
import { describe, expect, test } from 'vitest'
import {
  batchActorId,
  coordinatorMachine,
  enumeratorActorId,
  enumeratorMachine,
  sessionActorId,
  sessionMachine,
  type CommitOutcome,
  type EnumeratorInput,
  type EnumeratorOutput,
  type FetchOutcome,
} from '../../machines/index.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import { leavesOf, nameOf } from '../../src/testing/machine-structure.ts'
import { settle } from './kit.ts'

const coverage = new MachineCoverage(coordinatorMachine)

const snapshotOf = (sessionId: string): Snapshot<unknown> =>
  createActor(sessionMachine, {
    input: { sessionId, sourceType: 'url', at: 1 },
  }).getPersistedSnapshot() as Snapshot<unknown>

const inputOf = (sessionId: string): EnumeratorInput => ({
  sessionId,
  maxAttempts: 3,
  backoffMs: 1,
  maxBackoffMs: 4,
  stallMs: 60_000,
  holdMs: 60_000,
})

interface Ended {
  readonly actorId: string
  readonly end: EnumeratorOutput['end']
}

/** A coordinator whose sources the test answers for. */
class Bench {
  readonly fetches = new Map<string, PromiseWithResolvers<FetchOutcome>>()
  readonly ended: Ended[] = []
  readonly broke: { readonly actorId: string; readonly error: unknown }[] = []
  readonly actor

  constructor(inspect: (event: InspectionEvent) => void = coverage.inspect) {
    const commit = fromPromise<CommitOutcome, { readonly sessionId: string }>(async () => ({
      kind: 'committed',
      windowFull: false,
    }))
    const enumerator = enumeratorMachine.provide({
      actors: {
        fetchPage: fromPromise<FetchOutcome, { readonly sessionId: string }>(({ input }) => {
          const fetch = Promise.withResolvers<FetchOutcome>()
          this.fetches.set(input.sessionId, fetch)
          return fetch.promise
        }),
        commitPage: commit,
        recordEnd: fromPromise<CommitOutcome, { readonly sessionId: string }>(async () => ({
          kind: 'ended',
        })),
      },
      actions: {
        // A bug in the program, for the tests that need one.
        announceState: ({ context }) => {
          throw new Error(`announcing ${context.input.sessionId} failed`)
        },
      },
    })
    const machine = coordinatorMachine.provide({
      actors: { enumerator },
      actions: {
        walkEnded: (_, { actorId, output }) => void this.ended.push({ actorId, end: output.end }),
        walkBroke: (_, params) => void this.broke.push(params),
      },
    })
    this.actor = createActor(machine, { inspect }).start()
  }

  get walking(): readonly string[] {
    return this.actor.getSnapshot().context.walking
  }

  get children(): string[] {
    return Object.keys(this.actor.getSnapshot().children).toSorted()
  }

  child(id: string) {
    const children = this.actor.getSnapshot().children as Record<
      string,
      { getSnapshot(): Snapshot<unknown> } | undefined
    >
    return children[id]?.getSnapshot() as
      (Snapshot<unknown> & { readonly value: unknown }) | undefined
  }

  /** Opens a session's actors, and its request. */
  open(...sessionIds: string[]): this {
    for (const sessionId of sessionIds) {
      this.actor.send({ type: 'session.open', sessionId, snapshot: snapshotOf(sessionId) })
      this.actor.send({ type: 'enumerator.open', input: inputOf(sessionId) })
      this.started(sessionId)
    }
    return this
  }

  started(sessionId: string): void {
    const { children } = this.actor.getSnapshot()
    children[enumeratorActorId(sessionId) as keyof typeof children]?.send({
      type: 'request.started',
    })
  }

  async answer(sessionId: string, outcome: FetchOutcome): Promise<void> {
    this.fetches.get(sessionId)?.resolve(outcome)
    await settle()
  }
}

const both = ['a', 'b'].flatMap((id) => [enumeratorActorId(id), sessionActorId(id)]).toSorted()

describe('a walk', () => {
  test('has a session and an enumerator of its own', () => {
    const bench = new Bench().open('a', 'b')
    expect(bench.walking).toEqual(['a', 'b'])
    expect(bench.children).toEqual(both)
    expect(bench.child(sessionActorId('a'))).toMatchObject({
      value: 'INITIALIZED',
      context: { sessionId: 'a' },
    })
  })

  test('at its end is told of once, and its enumerator is gone from the children', async () => {
    const bench = new Bench().open('a', 'b')
    await bench.answer('a', { kind: 'exhausted' })
    expect(bench.ended).toEqual([{ actorId: enumeratorActorId('a'), end: 'ended' }])
    expect(bench.walking).toEqual(['b'])
    expect(bench.children).not.toContain(enumeratorActorId('a'))
    bench.actor.send({ type: 'session.close', sessionId: 'a' })
    expect(bench.children).toEqual([enumeratorActorId('b'), sessionActorId('b')])
  })

  test('leaves nothing behind: a hundred walks and their batches leave no child', async () => {
    const bench = new Bench(() => {})
    for (let i = 0; i < 100; i += 1) {
      const sessionId = `s${i}`
      bench.open(sessionId)
      for (const number of [1, 2]) {
        const input = { batchId: `${i}/${number}`, sessionId, number, expectedItems: 1, at: 1 }
        bench.actor.send({ type: 'batch.open', input })
        bench.actor.send({ type: 'batch.close', sessionId, number })
      }
      bench.fetches.get(sessionId)?.resolve({ kind: 'exhausted' })
      await settle()
      bench.actor.send({ type: 'session.close', sessionId })
    }
    expect(bench.ended).toHaveLength(100)
    expect(bench.children).toEqual([])
  })

  test('whose session is at its end already is no end of a walk', () => {
    const bench = new Bench()
    const session = createActor(sessionMachine, {
      input: { sessionId: 'a', sourceType: 'url', at: 1 },
    }).start()
    session.send({ type: 'session.start', at: 2 })
    session.send({ type: 'listing.exhausted', at: 3 })
    const snapshot = session.getPersistedSnapshot() as Snapshot<unknown>
    bench.actor.send({ type: 'session.open', sessionId: 'a', snapshot })
    expect(bench.child(sessionActorId('a'))?.value).toBe('COMPLETED')
    expect([bench.ended, bench.broke]).toEqual([[], []])
  })
})

describe('a batch', () => {
  const input = { batchId: 'b1', sessionId: 'a', number: 1, expectedItems: 2, at: 5 }

  test('lives beside its session until it is closed', () => {
    const bench = new Bench().open('a')
    bench.actor.send({ type: 'batch.open', input })
    expect(bench.child(batchActorId('a', 1))).toMatchObject({
      value: 'IN_PROGRESS',
      context: { batchId: 'b1', number: 1 },
    })
    bench.actor.send({ type: 'batch.close', sessionId: 'a', number: 1 })
    expect(bench.children).not.toContain(batchActorId('a', 1))
    expect(bench.walking).toEqual(['a'])
  })

  test('that comes to its end is no end of a walk', () => {
    const bench = new Bench().open('a')
    bench.actor.send({ type: 'batch.open', input })
    const { children } = bench.actor.getSnapshot()
    const batch = children[batchActorId('a', 1) as keyof typeof children] as unknown as {
      send(event: object): void
    }
    batch.send({
      type: 'batch.settle',
      at: 6,
      processed: 2,
      skipped: 0,
      failed: 0,
      firstReason: null,
    })
    expect(bench.child(batchActorId('a', 1))).toMatchObject({ value: 'SUCCEEDED', status: 'done' })
    expect([bench.ended, bench.broke]).toEqual([[], []])
    expect(bench.walking).toEqual(['a'])
  })

  test('of a page in hand can be opened and closed while draining', () => {
    const bench = new Bench().open('a')
    bench.actor.send({ type: 'coordinator.drain' })
    bench.actor.send({ type: 'batch.open', input })
    expect(bench.children).toContain(batchActorId('a', 1))
    expect(bench.actor.getSnapshot().value).toBe('draining')
    bench.actor.send({ type: 'batch.close', sessionId: 'a', number: 1 })
    expect(bench.children).not.toContain(batchActorId('a', 1))
    expect(bench.actor.getSnapshot().value).toBe('draining')
  })
})

describe('a child that fails ends its own walk alone', () => {
  test('a session that cannot be restored', async () => {
    const bench = new Bench().open('a', 'b')
    const snapshot = { ...snapshotOf('c'), value: 'NOWHERE' } as never
    bench.actor.send({ type: 'session.open', sessionId: 'c', snapshot })
    await settle()
    expect(bench.broke.map(({ actorId }) => actorId)).toEqual([sessionActorId('c')])
    expect(String(bench.broke[0]?.error)).toContain('NOWHERE')
    expect(bench.children).toEqual(both)
    expect(bench.actor.getSnapshot().status).toBe('active')
  })

  test('a session that throws while it is walked takes its enumerator with it', async () => {
    const bench = new Bench().open('a', 'b')
    const { children } = bench.actor.getSnapshot()
    const session = children[sessionActorId('a') as keyof typeof children] as unknown as {
      send(event: object): void
    }
    session.send({ type: 'session.start', at: 2 })
    // Shortfalls that are no list make the machine's own arithmetic throw.
    session.send({ type: 'batch.committed', at: 3, shortfalls: 5 })
    await settle()
    expect(bench.broke.map(({ actorId }) => actorId)).toEqual([sessionActorId('a')])
    expect(bench.walking).toEqual(['b'])
    expect(bench.children).toEqual([enumeratorActorId('b'), sessionActorId('b')])
    await bench.answer('b', { kind: 'exhausted' })
    expect(bench.ended).toEqual([{ actorId: enumeratorActorId('b'), end: 'ended' }])
  })

  test('an enumerator that errors', async () => {
    const bench = new Bench().open('a', 'b')
    // Going into the pause throws: see the bench.
    await bench.answer('a', { kind: 'error', retryable: true, reason: 'x' })
    expect(bench.broke).toMatchObject([
      { actorId: enumeratorActorId('a'), error: { message: 'announcing a failed' } },
    ])
    expect(bench.walking).toEqual(['b'])
    expect(bench.children).not.toContain(enumeratorActorId('a'))
    await bench.answer('b', { kind: 'exhausted' })
    expect(bench.ended).toEqual([{ actorId: enumeratorActorId('b'), end: 'ended' }])
    expect(bench.actor.getSnapshot().status).toBe('active')
  })

  test('a batch', async () => {
    const bench = new Bench().open('a', 'b')
    const input = { batchId: 'b1', sessionId: 'a', number: 1, expectedItems: 2, at: 5 }
    // The batch cannot even be made of this.
    bench.actor.send({
      type: 'batch.open',
      input: {
        ...input,
        get expectedItems() {
          throw new Error('no number')
        },
      } as never,
    })
    await settle()
    expect(bench.broke).toMatchObject([
      { actorId: batchActorId('a', 1), error: { message: 'no number' } },
    ])
    expect(bench.walking).toEqual(['b'])
    expect(bench.children).toContain(enumeratorActorId('b'))
    expect(bench.children).not.toContain(enumeratorActorId('a'))
  })
})

describe('draining', () => {
  test('with nothing to walk stops at once', () => {
    const bench = new Bench()
    bench.actor.send({ type: 'coordinator.drain' })
    expect(bench.actor.getSnapshot()).toMatchObject({ value: 'stopped', status: 'done' })
  })

  test('lets every walk finish its page, and stops behind the last', async () => {
    const bench = new Bench().open('a', 'b')
    bench.actor.send({ type: 'coordinator.drain' })
    expect(bench.actor.getSnapshot().value).toBe('draining')
    await bench.answer('a', { kind: 'page' })
    expect(bench.actor.getSnapshot().value).toBe('draining')
    await bench.answer('b', { kind: 'exhausted' })
    expect(bench.actor.getSnapshot().value).toBe('stopped')
    expect(bench.ended.map(({ end }) => end)).toEqual(['stopped', 'ended'])
    expect(bench.children).toEqual([sessionActorId('a'), sessionActorId('b')])
  })

  test('opens no walk any more', () => {
    const bench = new Bench().open('a')
    bench.actor.send({ type: 'coordinator.drain' })
    bench.open('b')
    expect(bench.walking).toEqual(['a'])
    expect(bench.children).toEqual([enumeratorActorId('a'), sessionActorId('a')])
  })

  test('closes sessions, and a walk that breaks does not hold it up', async () => {
    const bench = new Bench().open('a', 'b')
    bench.actor.send({ type: 'coordinator.drain' })
    await bench.answer('a', { kind: 'error', retryable: true, reason: 'x' })
    expect(bench.broke).toHaveLength(1)
    bench.actor.send({ type: 'session.close', sessionId: 'a' })
    expect(bench.children).not.toContain(sessionActorId('a'))
    await bench.answer('b', { kind: 'page' })
    expect(bench.actor.getSnapshot().value).toBe('stopped')
  })

  test('twice is once', () => {
    const bench = new Bench().open('a')
    bench.actor.send({ type: 'coordinator.drain' })
    const before = bench.actor.getSnapshot()
    bench.actor.send({ type: 'coordinator.drain' })
    expect(bench.actor.getSnapshot()).toBe(before)
  })
})

test('every state of the machine is one of these', () => {
  expect(leavesOf(coordinatorMachine).map(nameOf)).toEqual(['running', 'draining', 'stopped'])
})

test('the machine is taken through every one of its transitions by these tests', () => {
  expect(coverage.table.transitions.missing).toEqual([])
})

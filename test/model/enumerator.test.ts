import { describe, expect, test, vi } from 'vitest'
import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { enumeratorMachine, type EnumeratorContext } from '../../machines/index.ts'
import { TaskFeed } from '../../src/delivery/task-feed.ts'
import {
  PauseError,
  RetryLaterError,
  SourceError,
  type EnumerationResult,
  type Task,
} from '../../src/index.ts'
import { REFUSAL } from '../../src/testing/alphabets/session.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import { stateOf } from '../../src/testing/machine-structure.ts'
import {
  machinePaths,
  unreached,
  type MachinePath,
  type MachineStep,
} from '../../src/testing/machine-paths.ts'
import { expectConsistent, expectStoredAsLive } from './agreement.ts'
import { describeOnEach, type TestDatabase } from './databases.ts'
import { follow } from './follow.ts'
import type { Step as StoreStep } from './gated-store.ts'
import { expectOnPage } from './report.ts'
import type { Taken } from './recorder.ts'
import { Rig, TIMES } from './rig.ts'
import { until } from './until.ts'

const coverage = new MachineCoverage(enumeratorMachine)
const PATHS = machinePaths(enumeratorMachine)

type Path = MachinePath<typeof enumeratorMachine>
type Step = MachineStep<typeof enumeratorMachine>

const names = (path: Path) => path.steps.map(({ name }) => name)

/** The write that a state makes. */
const WRITES: Readonly<Record<string, StoreStep>> = {
  commitPage: 'commitPage',
  recordWait: 'recordWaiting',
  recordStall: 'commitSession',
  recordEnd: 'commitSession',
  recordFailure: 'commitSession',
}

/** A statement of each write, at which the disk can fail; on PostgreSQL a page is one, with all that belongs to it. */
const LAST_STATEMENT: Readonly<Partial<Record<StoreStep, RegExp>>> = {
  commitPage: /update "?checkpoints"? set/,
  commitSession: /update "?checkpoints"? set/,
  recordWaiting: /^update "sessions" set "waiting_reason"/,
}

const refused = () => new PauseError('AUTHENTICATION_FAILED', 'the token was refused')

/** Brings about, on the real system, what happens to an enumerator. */
class Driver {
  readonly rig: Rig
  readonly #cancel = new AbortController()
  readonly #drain = new AbortController()
  #run: EnumerationResult | undefined
  #tasks: AsyncIterator<Task> | undefined

  private constructor(rig: Rig) {
    this.rig = rig
  }

  /** A walk about to ask for its first page, in the circumstances that the path needs. */
  static async create(path: Path, database: TestDatabase): Promise<Driver> {
    const rig = await Rig.start({ inspect: coverage.inspect }, { database })
    const driver = new Driver(rig)
    const does = (what: string) => names(path).some((name) => name.includes(what))
    if (does('recordEnd gives committed')) await driver.#leaveRetry()
    // With its one slot taken by another walk, the queue lets nobody through.
    if (!does('request.started')) await driver.#occupyQueue()
    if (does('awaitWindow throws')) {
      vi.spyOn(TaskFeed.prototype, 'room').mockRejectedValueOnce(new Error('a bug'))
    }
    driver.#run = rig.walk('list', { signal: driver.#cancel.signal, drain: driver.#drain.signal })
    if (does('window is full')) driver.#startTakingTasks()
    await until('the enumerator runs', () => rig.enumeratorState(driver.sessionId) !== undefined)
    rig.gates.hold('commitPage', 'commitSession', 'recordWaiting')
    return driver
  }

  /** What the session's enumerator has done. */
  get taken(): readonly Taken[] {
    return this.rig.recorder.takenBy('enumerator', this.sessionId)
  }

  get sessionId(): string {
    if (this.#run === undefined) throw new Error('nothing was walked')
    return this.#run.sessionId
  }

  /** Leaves a session whose failed items have been tried again, and whose listing goes on. */
  async #leaveRetry(): Promise<void> {
    const { rig } = this
    const failed = rig.walk('list')
    await rig.puppet.page('list', ['bad-0'])
    await rig.puppet.throws('list', new SourceError('SOURCE_FAILED', REFUSAL))
    await failed.done
    rig.gates.hold('findFailedItems')
    await rig.resume(failed.sessionId)
    const looks = () => rig.gates.isWaiting('findFailedItems')
    await until('the failed items are looked for', looks)
    rig.gates.open('findFailedItems')
    await until('more of them are looked for', looks)
    await rig.crash()
    rig.gates.release('findFailedItems')
    // What follows needs no answer from anybody: nothing but a gate can hold it.
    rig.gates.hold('commitSession')
    await rig.start()
  }

  async #occupyQueue(): Promise<void> {
    this.rig.walk('another list')
    await until('the other list is asked for', () => this.rig.puppet.isAsked('another list'))
  }

  /** A host that takes one task and does not come back for the next. */
  #startTakingTasks(): void {
    this.#tasks = this.#run?.tasks[Symbol.asyncIterator]()
    this.#tasks?.next().catch(() => undefined)
  }

  async bringAbout({ event, name }: Step): Promise<void> {
    const { rig } = this
    const { type } = event as AnyEventObject
    const [, kind, what = ''] = /^xstate\.(done|error|after)\.(?:actor\.)?(\w+)/.exec(type) ?? []
    if (kind === 'after') return rig.time.pass(this.#delayOf(what))
    if (what === 'fetchPage') return this.#answer(name)
    if (what === 'awaitWindow') return this.#takeAll()
    const write = WRITES[what]
    if (write !== undefined) return this.#write(write, name)
    if (type === 'enumerator.drain') return this.#drain.abort()
    if (type === 'enumerator.cancel') return this.#cancel.abort()
    if (type === 'lease.lost') return this.#loseLease()
  }

  #delayOf(name: string): number {
    const { backoffMs, waitMs, stallMs, holdMs } = TIMES
    return { BACKOFF: backoffMs, WAIT: waitMs, STALL: stallMs, HOLD: holdMs }[name] ?? 0
  }

  async #answer(name: string): Promise<void> {
    const { puppet, time, clock } = this.rig
    const limited = new RetryLaterError('limited', time.now + TIMES.waitMs)
    if (name.endsWith('a page')) return puppet.page('list', ['good-1', 'good-2', 'good-3'])
    if (name.endsWith('nothing more')) return puppet.end('list')
    if (name.endsWith('a wait')) return puppet.throws('list', limited)
    if (name.endsWith('a pause')) return puppet.throws('list', refused())
    if (name.endsWith('an error')) return puppet.throws('list', new Error('connection reset'))
    if (name.endsWith('a refusal')) {
      return puppet.throws('list', new SourceError('SOURCE_FAILED', REFUSAL))
    }
    // Whatever a source throws is an outcome; only a fault of the process itself is not.
    clock.breaksAfter = 0
    await puppet.throws('list', limited)
    await until('the walk is broken', () => this.rig.enumeratorState(this.sessionId) === 'broken')
    clock.breaksAfter = Infinity
  }

  async #write(step: StoreStep, name: string): Promise<void> {
    const { rig } = this
    await until(`the walk is about to write`, () => rig.gates.isWaiting(step))
    if (name.endsWith('stale')) await rig.steal(this.sessionId)
    if (name.endsWith('throws')) rig.disk.failNext = LAST_STATEMENT[step]
    const before = this.taken.length
    await until('the walk has written', () => {
      if (this.taken.length > before) return true
      // Where the lease ran out while time passed, it is renewed, and the write done once more.
      rig.gates.open(step)
      return false
    })
  }

  async #takeAll(): Promise<void> {
    for (let i = 0; i < 3; i += 1) void this.#tasks?.next().catch(() => undefined)
  }

  /** Another process takes the session, and the next renewal of the lease notices. */
  async #loseLease(): Promise<void> {
    await this.rig.steal(this.sessionId)
    this.rig.time.pass(TIMES.beatMs)
  }
}

const comparable = ({ attempts, draining, reason, waitUntil }: EnumeratorContext) => ({
  attempts,
  draining,
  hasReason: reason !== null,
  waits: waitUntil !== null,
})

async function expectAsModelled(
  driver: Driver,
  actual: AnyMachineSnapshot,
  { after }: Step,
): Promise<void> {
  expect(stateOf(actual)).toBe(stateOf(after as unknown as AnyMachineSnapshot))
  expect(comparable(actual.context as EnumeratorContext)).toEqual(comparable(after.context))
  await driver.rig.settle()
  const look = await driver.rig.look()
  expectConsistent(look)
  expectStoredAsLive(driver.rig, driver.sessionId, look)
}

describe('an enumerator on the real system, as on paper', () => {
  test('the paths reach everything that the machine has', () => {
    expect(unreached(enumeratorMachine, PATHS)).toEqual([])
  })

  describeOnEach('every path', (fresh) => {
    test.each(PATHS.map((path) => [path.title, path] as const))('%s', async (_, path) => {
      const driver = await Driver.create(path, await fresh())
      await follow(path, {
        taken: () => driver.taken,
        cause: (step) => driver.bringAbout(step),
        compare: (actual, step) => expectAsModelled(driver, actual, step),
        hasHeard: () => false,
      })
    })
  })

  test('every state, transition, guard, action and delay was seen in running actors', () => {
    expect(coverage.missing).toEqual([])
  })

  test('the page says how much that is', () => expectOnPage(coverage, PATHS))
})

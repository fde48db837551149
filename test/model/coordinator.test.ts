import { describe, expect, test } from 'vitest'
import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { coordinatorMachine, type CoordinatorContext } from '../../machines/index.ts'
import type { EnumerationResult } from '../../src/index.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import {
  machinePaths,
  unreached,
  type MachinePath,
  type MachineStep,
} from '../../src/testing/machine-paths.ts'
import { expectConsistent, expectStoredAsLive } from './agreement.ts'
import { describeOnEach, type TestDatabase } from './databases.ts'
import { follow } from './follow.ts'
import { expectOnPage } from './report.ts'
import { Rig } from './rig.ts'
import { until } from './until.ts'

const coverage = new MachineCoverage(coordinatorMachine)
const PATHS = machinePaths(coordinatorMachine)

type Path = MachinePath<typeof coordinatorMachine>
type Step = MachineStep<typeof coordinatorMachine>

const does = (path: Path, what: string) => path.steps.some(({ name }) => name === what)

/** Brings about, on the real system, what the walks of a process do to their coordinator. */
class Driver {
  readonly rig: Rig
  readonly #path: Path
  readonly #cancel = new AbortController()
  #run: EnumerationResult | undefined

  private constructor(rig: Rig, path: Path) {
    this.rig = rig
    this.#path = path
  }

  static async create(path: Path, database: TestDatabase): Promise<Driver> {
    return new Driver(await Rig.start({ inspect: coverage.inspect }, { database }), path)
  }

  get sessionId(): string {
    return this.#run?.sessionId ?? 'none'
  }

  async bringAbout({ event, name }: Step): Promise<void> {
    const { rig } = this
    const { type } = event as AnyEventObject
    if (type === 'session.open') return this.#open()
    if (type === 'session.close') return this.#closeBeforeItBegins()
    if (type === 'coordinator.drain') return void rig.muster.close().catch(() => undefined)
    if (type === 'batch.open') return this.#openBatch()
    if (name === 'the enumerator is done') return this.#cancel.abort()
    if (name === 'the enumerator throws') return this.#breakEnumerator()
    // The batch is done, and closed, when it is committed.
    rig.gates.release('commitPage')
  }

  /** A walk that is given up before it begins stands at the gate meanwhile. */
  #open(): void {
    const { gates } = this.rig
    if (!does(this.#path, 'enumerator.open')) gates.hold('commitSession')
    this.#run = this.rig.walk('list', { signal: this.#cancel.signal })
  }

  async #closeBeforeItBegins(): Promise<void> {
    const { gates } = this.rig
    await until('the session is about to begin', () => gates.isWaiting('commitSession'))
    this.#cancel.abort()
    gates.release('commitSession')
  }

  async #openBatch(): Promise<void> {
    this.rig.gates.hold('commitPage')
    await this.rig.puppet.page('list', ['good-1', 'good-2'])
  }

  /** An actor dies of what its machine cannot answer: here the clock, asked to wake it up after a pause. */
  async #breakEnumerator(): Promise<void> {
    const { rig } = this
    await until('the list is asked for', () => rig.puppet.isAsked('list'))
    rig.breakClockAfter(0)
    await rig.puppet.throws('list', new Error('connection reset'))
  }
}

/** The session's own id has the place of the model's. */
const renamed = (ids: readonly string[], sessionId: string) =>
  ids.map((id) => id.replace(sessionId, 'a')).toSorted()

async function expectAsModelled(
  driver: Driver,
  actual: AnyMachineSnapshot,
  { after }: Step,
): Promise<void> {
  const { sessionId } = driver
  expect(actual.value).toBe(after.value)
  const { walking } = actual.context as CoordinatorContext
  expect(renamed(walking, sessionId)).toEqual(after.context.walking)
  // At its end a coordinator stops its children with it.
  if (after.status === 'active') {
    expect(renamed(Object.keys(actual.children), sessionId)).toEqual(
      Object.keys(after.children).toSorted(),
    )
  }
  await driver.rig.settle()
  const look = await driver.rig.look()
  expectConsistent(look)
  expectStoredAsLive(driver.rig, sessionId, look)
}

describe('a coordinator on the real system, as on paper', () => {
  test('the paths reach everything that the machine has', () => {
    expect(unreached(coordinatorMachine, PATHS)).toEqual([])
  })

  describeOnEach('every path', (fresh) => {
    test.each(PATHS.map((path) => [path.title, path] as const))('%s', async (_, path) => {
      const driver = await Driver.create(path, await fresh())
      const { recorder } = driver.rig
      await follow(path, {
        taken: () => recorder.takenBy('coordinator'),
        cause: (step) => driver.bringAbout(step),
        compare: (actual, step) => expectAsModelled(driver, actual, step),
        hasHeard: ({ event }) => {
          const { type } = event as AnyEventObject
          const heard = renamed(recorder.received, driver.sessionId)
          return heard.includes(`coordinator ${type}`)
        },
      })
    })
  })

  test('every state, transition, guard and action was seen in running actors', () => {
    expect(coverage.missing).toEqual([])
  })

  test('the page says how much that is', () => expectOnPage(coverage, PATHS))
})

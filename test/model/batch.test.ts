import { describe, expect, test } from 'vitest'
import type { AnyMachineSnapshot } from 'xstate'
import { batchMachine, type BatchContext } from '../../machines/index.ts'
import { SourceError } from '../../src/index.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import { machinePaths, unreached, type MachineStep } from '../../src/testing/machine-paths.ts'
import { expectConsistent, expectStoredAsLive } from './agreement.ts'
import { describeOnEach, type TestDatabase } from './databases.ts'
import { follow } from './follow.ts'
import { expectOnPage } from './report.ts'
import { Rig } from './rig.ts'
import { until } from './until.ts'

const coverage = new MachineCoverage(batchMachine)
const PATHS = machinePaths(batchMachine)

type Step = MachineStep<typeof batchMachine>

/** Brings about, on the real system, what becomes of a page: the batch stands at the gate until then. */
class Driver {
  readonly rig: Rig
  readonly sessionId: string

  private constructor(rig: Rig, sessionId: string) {
    this.rig = rig
    this.sessionId = sessionId
  }

  static async create(database: TestDatabase): Promise<Driver> {
    const rig = await Rig.start({ inspect: coverage.inspect }, { database })
    const { sessionId } = rig.walk('list')
    await rig.reached(sessionId, 'fetching.asking')
    rig.gates.hold('commitPage', 'commitSession')
    return new Driver(rig, sessionId)
  }

  async bringAbout({ event }: Step): Promise<void> {
    const { puppet, gates } = this.rig
    const write = event.type === 'batch.settle' ? 'commitPage' : 'commitSession'
    if (event.type === 'batch.settle') {
      const good = Array.from({ length: event.processed }, (_, i) => `good-${i}`)
      await puppet.page('list', event.failed > 0 ? [...good, 'bad'] : good)
    } else {
      await puppet.throws('list', new SourceError('SOURCE_FAILED', event.error))
    }
    await until('the page is about to be written', () => gates.isWaiting(write))
    await this.#expectUnwritten()
    gates.open(write)
  }

  /** Until it is committed, the batch is in progress, and no row speaks of it. */
  async #expectUnwritten(): Promise<void> {
    const batch = this.rig.recorder.snapshotOf(`batch:${this.sessionId}:1`)
    expect(batch?.value).toBe('IN_PROGRESS')
    const look = await this.rig.look()
    expect(look('select * from batches')).toEqual([])
    expectConsistent(look)
  }
}

async function expectAsModelled(
  driver: Driver,
  actual: AnyMachineSnapshot,
  { after }: Step,
): Promise<void> {
  const look = await driver.rig.look()
  const { metrics } = actual.context as BatchContext
  const { itemsProcessed, itemsFailed, errorDetails } = after.context.metrics
  expect(actual.value).toBe(after.value)
  expect(metrics).toMatchObject({ itemsProcessed, itemsFailed, errorDetails })
  const columns = 'select status, items_processed, items_failed, error_details from batches'
  expect(look(columns)[0]).toEqual({
    status: after.value,
    items_processed: itemsProcessed,
    items_failed: itemsFailed,
    error_details: errorDetails,
  })
  expectConsistent(look)
  expectStoredAsLive(driver.rig, driver.sessionId, look)
}

describe('a batch on the real system, as on paper', () => {
  test('the paths reach everything that the machine has', () => {
    expect(unreached(batchMachine, PATHS)).toEqual([])
  })

  describeOnEach('every path', (fresh) => {
    test.each(PATHS.map((path) => [path.title, path] as const))('%s', async (_, path) => {
      const driver = await Driver.create(await fresh())
      await follow(path, {
        taken: () => driver.rig.recorder.takenBy('batch', driver.sessionId),
        cause: (step) => driver.bringAbout(step),
        compare: (actual, step) => expectAsModelled(driver, actual, step),
        hasHeard: () => false,
      })
    })
  })

  test('every state, transition, guard and action was seen in running actors', () => {
    expect(coverage.missing).toEqual([])
  })

  test('the page says how much that is', () => expectOnPage(coverage, PATHS))
})

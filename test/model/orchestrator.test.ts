import { describe, expect, test } from 'vitest'
import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { orchestratorMachine, type OrchestratorContext } from '../../machines/index.ts'
import type { TargetConfig } from '../../src/domain/session-state.ts'
import {
  InvalidInputError,
  type Coordinator,
  type EnumerationResult,
  type Round,
} from '../../src/index.ts'
import { createOrchestrator, type Orchestrator } from '../../src/orchestration/orchestrator.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import {
  machinePaths,
  unreached,
  type MachinePath,
  type MachineStep,
} from '../../src/testing/machine-paths.ts'
import { stateOf } from '../../src/testing/machine-structure.ts'
import { expectConsistent } from './agreement.ts'
import { describeOnEach, type TestDatabase } from './databases.ts'
import { follow } from './follow.ts'
import { expectOnPage } from './report.ts'
import { Rig } from './rig.ts'
import { until } from './until.ts'

const coverage = new MachineCoverage(orchestratorMachine)
const PATHS = machinePaths(orchestratorMachine)

type Path = MachinePath<typeof orchestratorMachine>
type Step = MachineStep<typeof orchestratorMachine>

const TARGET: TargetConfig = {
  name: 'list',
  sourceType: 'puppet',
  authRef: null,
  spec: { list: 'list' },
}

/** What whoever asked for a round is told when a step of it fails. */
const FAILURES: Readonly<Record<string, RegExp>> = {
  'loadTargets fails': /expected a list/,
  'resumeInterrupted fails': /disk I\/O error/,
  'startTargets fails': /not iterable/,
  'awaitWalks fails': /disk I\/O error/,
}

const does = (path: Path, what: string) => path.steps.some(({ name }) => name === what)

/** Brings about, on the real system, what happens to an orchestrator. */
class Driver {
  readonly rig: Rig
  readonly #path: Path
  readonly #orchestrator: Orchestrator
  readonly #loads: PromiseWithResolvers<readonly TargetConfig[]>[] = []
  #leads: (leads: boolean) => void = () => {}
  #round: Promise<Round> | undefined
  /** Whether walks hand out their end no more, as only a faulty coordinator would. */
  #endsAreGone = false

  private constructor(rig: Rig, path: Path) {
    this.rig = rig
    this.#path = path
    const { bus } = rig.muster
    this.#orchestrator = createOrchestrator({
      coordinator: this.#faulty(rig.muster.coordinator),
      owner: 'the test',
      store: rig.store,
      bus,
      clock: rig.clock,
      leadership: {
        campaign: (onChange) => {
          this.#leads = onChange
          return () => undefined
        },
      },
      configLoader: {
        load: () => {
          const load = Promise.withResolvers<readonly TargetConfig[]>()
          this.#loads.push(load)
          return load.promise
        },
      },
      inspect: (event) => {
        rig.recorder.inspect(event)
        coverage.inspect(event)
      },
    })
  }

  static async create(path: Path, database: TestDatabase): Promise<Driver> {
    const rig = await Rig.start({}, { database })
    const driver = new Driver(rig, path)
    await driver.#orchestrator.run()
    if (does(path, 'drain fails')) await driver.#walkOnce()
    rig.gates.hold('openRound', 'closeRound')
    return driver
  }

  /** A round that is cut short, and is still in hand when the orchestrator stops. */
  async #walkOnce(): Promise<void> {
    this.#leads(true)
    this.#enumerate()
    await until('the targets are loaded', () => this.#loads.length > 0)
    this.#loads.at(-1)?.resolve([TARGET])
    await until('the list is asked for', () => this.rig.puppet.isAsked('list'))
    this.#leads(false)
    await this.rig.settle()
    this.#endsAreGone = true
  }

  #faulty(coordinator: Coordinator): Coordinator {
    const withGetter = (result: EnumerationResult): EnumerationResult =>
      Object.defineProperty({ ...result }, 'done', { get: () => this.#orFail(result.done) })
    return {
      enumerateTarget: (spec, options) => withGetter(coordinator.enumerateTarget(spec, options)),
      resumeTarget: (state, options) => withGetter(coordinator.resumeTarget(state, options)),
    }
  }

  #orFail<T>(value: T): T {
    if (this.#endsAreGone) throw new Error('a bug')
    return value
  }

  #enumerate(): void {
    this.#round = this.#orchestrator.enumerate()
    this.#round.catch(() => undefined)
  }

  /** What came of the round, for who asked for it and for the walk that it began. */
  async expectOutcome(): Promise<void> {
    const last = this.#path.steps.at(-1) as Step
    const [, verdict] = last.name.split(' ')
    const wasWalking = stateOf(last.before as unknown as AnyMachineSnapshot).endsWith('walking')
    if (verdict === 'fails' && last.name !== 'drain fails') {
      await expect(this.#round).rejects.toThrow(FAILURES[last.name])
      expect(await this.#closedRounds()).toBe(0)
    } else if (wasWalking) await this.#expectWalk(last.name)
  }

  async #expectWalk(name: string): Promise<void> {
    if (name === 'orchestrator.stop') {
      // The page in hand is waited for, and no other is asked for.
      expect(this.rig.puppet.isAsked('list')).toBe(true)
      await this.rig.puppet.page('list', ['good-1'])
    }
    const { sessions, failures } = (await this.#round) as Round
    const isWalked = name === 'awaitWalks succeeds'
    expect(failures).toEqual([])
    expect(sessions.map(({ status }) => status)).toEqual([isWalked ? 'COMPLETED' : 'IN_PROGRESS'])
    expect(sessions.map(({ metrics }) => metrics.itemsProcessed)).toEqual([
      name === 'orchestrator.stop' ? 1 : 0,
    ])
    expect(await this.#closedRounds()).toBe(isWalked ? 1 : 0)
    // Whoever leads next can take the session up.
    const look = await this.rig.look()
    expect(look('select lease_owner from sessions')).toEqual([{ lease_owner: null }])
    expect(this.rig.puppet.isAsked('list')).toBe(false)
  }

  async #closedRounds(): Promise<number> {
    const look = await this.rig.look()
    return look('select * from rounds where completed_at is not null').length
  }

  async bringAbout({ event, name, before }: Step): Promise<void> {
    const { type } = event as AnyEventObject
    if (stateOf(before as unknown as AnyMachineSnapshot).endsWith('walking')) {
      await until('the list is asked for', () => this.rig.puppet.isAsked('list'))
    }
    if (type === 'leadership.gained') return this.#leads(true)
    if (type === 'leadership.lost') return this.#leads(false)
    if (type === 'orchestrator.enumerate') return this.#enumerate()
    if (type === 'orchestrator.stop') return void this.#orchestrator.stop()
    const [work = '', outcome] = name.split(' ')
    if (work === 'loadTargets') return this.#load(outcome === 'succeeds')
    if (work === 'resumeInterrupted') return this.#write('openRound', outcome === 'succeeds')
    if (work !== 'awaitWalks') return
    await this.rig.puppet.end('list')
    return this.#write('closeRound', outcome === 'succeeds')
  }

  async #load(succeeds: boolean): Promise<void> {
    await until('the targets are being loaded', () => this.#loads.length > 0)
    const load = this.#loads.pop()
    if (!succeeds)
      load?.reject(new InvalidInputError('INVALID_CONFIG', ['targets: expected a list']))
    // A loader that breaks its promise: there is nothing to go through.
    else load?.resolve(does(this.#path, 'startTargets fails') ? (null as never) : [TARGET])
  }

  async #write(step: 'openRound' | 'closeRound', succeeds: boolean): Promise<void> {
    const { gates, disk } = this.rig
    await until(`${step} is about to be written`, () => gates.isWaiting(step))
    if (!succeeds) disk.failNext = /"rounds"/
    gates.open(step)
  }
}

async function expectAsModelled(
  { rig }: Driver,
  actual: AnyMachineSnapshot,
  { after }: Step,
): Promise<void> {
  expect(stateOf(actual)).toBe(stateOf(after as unknown as AnyMachineSnapshot))
  const { reason } = actual.context as OrchestratorContext
  expect(reason === null).toBe(after.context.reason === null)
  expectConsistent(await rig.look())
}

describe('an orchestrator on the real system, as on paper', () => {
  test('the paths reach everything that the machine has', () => {
    expect(unreached(orchestratorMachine, PATHS)).toEqual([])
  })

  describeOnEach('every path', (fresh) => {
    test.each(PATHS.map((path) => [path.title, path] as const))('%s', async (_, path) => {
      const driver = await Driver.create(path, await fresh())
      const taken = () =>
        driver.rig.recorder
          .takenBy('orchestrator')
          .filter(({ transition }) => transition.startsWith('orchestrator'))
      await follow(path, {
        from: taken().length,
        taken,
        cause: (step) => driver.bringAbout(step),
        compare: (actual, step) => expectAsModelled(driver, actual, step),
        hasHeard: () => false,
      })
      await driver.expectOutcome()
    })
  })

  test('every state, transition and action was seen in running actors', () => {
    expect(coverage.missing).toEqual([])
  })

  test('the page says how much that is', () => expectOnPage(coverage, PATHS))
})

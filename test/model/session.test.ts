import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AnyMachineSnapshot } from 'xstate'
import {
  sessionMachine,
  sessionActorId,
  type SessionContext,
  type SessionEvent,
} from '../../machines/index.ts'
import { SourceError, type EnumerationResult } from '../../src/index.ts'
import { REFUSAL, SHORTFALL } from '../../src/testing/alphabets/session.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import { machinePaths, unreached, type MachineStep } from '../../src/testing/machine-paths.ts'
import type { Ask } from '../support/consistency.ts'
import { isLong } from '../support/effort.ts'
import { expectConsistent, expectStoredAsLive } from './agreement.ts'
import { describeOnEach, type TestDatabase } from './databases.ts'
import { expectOnPage } from './report.ts'
import { Rig, SETTINGS, TIMES } from './rig.ts'
import { until } from './until.ts'

const coverage = new MachineCoverage(sessionMachine)
const PATHS = machinePaths(sessionMachine)

type Step = MachineStep<typeof sessionMachine>

/** Brings about, on the real system, what happens to a session. */
class Driver {
  readonly rig: Rig
  #run: EnumerationResult | undefined
  #page = 0

  private constructor(rig: Rig) {
    this.rig = rig
  }

  /** A session that is stored and not begun: its first step stands at the gate. */
  static async create(database: TestDatabase): Promise<Driver> {
    const rig = await Rig.start({ inspect: coverage.inspect }, { database })
    const driver = new Driver(rig)
    rig.gates.hold('commitSession', 'findFailedItems')
    driver.#run = rig.walk('list')
    await until('the session is about to begin', () => rig.gates.isWaiting('commitSession'))
    return driver
  }

  get sessionId(): string {
    if (this.#run === undefined) throw new Error('nothing was walked')
    return this.#run.sessionId
  }

  /** The process dies, and another takes up what is left. */
  async restart(): Promise<void> {
    const status = (await this.rig.storedStatus(this.sessionId)) ?? ''
    await this.rig.crash()
    await this.rig.start()
    if (status === 'INITIALIZED') this.rig.gates.hold('commitSession')
    if (!isWalked(status)) return
    const run = this.rig.walk('list')
    expect(run.sessionId).toBe(this.sessionId)
    this.#run = run
    await this.#standsStill()
  }

  async bringAbout({ event, after }: Step): Promise<void> {
    // Less than a beat of the heart: that the lease goes on is the doing of the write.
    if (event.type === 'batch.committed') this.rig.time.pass(TIMES.beatMs / 4)
    await this.#cause(event)
    let stored: string | undefined
    await until(
      () => `the session is ${after.value}; it is ${stored}`,
      async () => {
        stored = await this.rig.storedStatus(this.sessionId)
        return stored === after.value
      },
    )
    await this.#standsStill()
  }

  #cause(event: SessionEvent): Promise<unknown> | unknown {
    const { rig } = this
    switch (event.type) {
      case 'session.start':
        return rig.gates.release('commitSession')
      case 'batch.committed':
        return event.retried > 0 ? this.#retry(event.failed === 0) : this.#givePage(event)
      case 'listing.exhausted':
        return this.#exhaust()
      case 'session.stall':
        return this.#stall()
      case 'session.fail':
        return this.#fail()
      case 'session.resume':
        return this.#resume()
    }
  }

  #givePage({
    processed,
    skipped,
    failed,
    shortfalls,
    total,
  }: Extract<SessionEvent, { processed: number }>) {
    this.#page += 1
    const items = [
      ...Array.from({ length: processed }, (_, i) => `good-${this.#page}-${i}`),
      ...Array.from({ length: skipped }, (_, i) => `skip-${this.#page}-${i}`),
      ...Array.from({ length: failed }, (_, i) => `bad-${this.#page}-${i}`),
    ]
    return this.rig.puppet.page('list', items, {
      shortfalls: shortfalls.length > 0 ? [SHORTFALL] : [],
      ...(total === null ? {} : { total }),
    })
  }

  /** Failed items are read from the file: the walk stands at the gate before that. */
  async #retry(isMended: boolean): Promise<void> {
    this.rig.puppet.mended = isMended
    this.rig.gates.open('findFailedItems')
  }

  async #exhaust(): Promise<void> {
    if (this.rig.puppet.isAsked('list')) await this.rig.puppet.end('list')
    else this.rig.gates.open('findFailedItems')
  }

  /** The request hangs until the watchdog barks; the next attempt follows after a pause. */
  async #stall(): Promise<void> {
    this.rig.time.pass(TIMES.stallMs)
    await this.rig.reached(this.sessionId, 'backingOff')
    // A heart whose beat is under way does not beat again.
    await this.rig.settle()
    this.rig.time.pass(TIMES.backoffMs)
  }

  async #fail(): Promise<void> {
    const { rig } = this
    if (rig.puppet.isAsked('list')) {
      return rig.puppet.throws('list', new SourceError('SOURCE_FAILED', REFUSAL))
    }
    // The failed items cannot be read: that is tried again until the attempts run out.
    for (let attempt = 0; attempt < SETTINGS.maxAttempts; attempt += 1) {
      const looks = () => rig.gates.isWaiting('findFailedItems')
      await until('the failed items are looked for', looks)
      rig.disk.failNext = /from "failed_items"/
      rig.gates.open('findFailedItems')
      await until('they were read in vain', () => rig.disk.failNext === undefined)
      await rig.settle()
      rig.time.pass(TIMES.backoffMs)
    }
  }

  async #resume(): Promise<void> {
    this.#run = await this.rig.resume(this.sessionId)
  }

  /** The walk is over, or waits for the test: for an answer, or at a gate. */
  async #standsStill(): Promise<void> {
    const { rig } = this
    await rig.settle()
    await until(
      () => `the walk stands still; its enumerator is ${rig.enumeratorState(this.sessionId)}`,
      async () =>
        rig.puppet.isAsked('list') ||
        rig.gates.isWaiting('findFailedItems') ||
        rig.gates.isWaiting('commitSession') ||
        !isWalked(await rig.storedStatus(this.sessionId)),
    )
    await rig.settle()
  }
}

const isWalked = (status = ''): boolean =>
  ['INITIALIZED', 'IN_PROGRESS', 'STALLED'].includes(status)

/** What the model and the system can both know: not when it was, and not the ids of rows. */
function comparable({ position, timeline, failureReason, ...context }: SessionContext) {
  const { completedAt } = timeline
  return {
    ...context,
    sessionId: 'the session',
    sourceType: 'the source',
    isCompleted: completedAt !== null,
    // What a disk that cannot be read says is its own affair.
    failureReason: failureReason === 'disk I/O error' ? REFUSAL : failureReason,
    position:
      position.at === 'retrying'
        ? { ...position, after: position.after >= position.until ? 'tried' : 'to try', until: 0 }
        : position,
  }
}

async function expectAsModelled({ rig, sessionId }: Driver, model: Step['after']): Promise<void> {
  expect(await rig.storedStatus(sessionId)).toBe(model.value)
  const look = await rig.look()
  const live = rig.recorder.snapshotOf(sessionActorId(sessionId))
  // After an end there is no live actor: the walk is over.
  if ((live?.status as string | undefined) === 'active') {
    expect(comparable((live as AnyMachineSnapshot).context)).toEqual(comparable(model.context))
  }
  expectLease(rig, sessionId, look)
  expectStoredAsLive(rig, sessionId, look)
  expectConsistent(look)
}

/** Who walks a session has its lease, for as long as there was when it last wrote or its heart beat. */
function expectLease(rig: Rig, sessionId: string, look: Ask): void {
  const [lease] = look(
    `select lease_owner as owner, lease_until as until, status from sessions
      where session_id = '${sessionId}'`,
  ) as { owner: string | null; until: number | null; status: string }[]
  expect(lease?.owner !== null).toBe(isWalked(lease?.status))
  if (isWalked(lease?.status)) expect(lease?.until).toBe(rig.time.now + SETTINGS.leaseMs)
}

async function expectStored({ rig, sessionId }: Driver, model: Step['after']): Promise<void> {
  const { lastCheckpoint } = await rig.load(sessionId)
  const { snapshot } = (lastCheckpoint ?? { data: {} }).data as unknown as {
    readonly snapshot: { readonly value: string; readonly context: SessionContext }
  }
  expect(snapshot.value).toBe(model.value)
  expect(comparable(snapshot.context)).toEqual(comparable(model.context))
}

describe('a session on the real system, as on paper', () => {
  let leaveGuards = () => {}
  beforeAll(() => {
    leaveGuards = coverage.watchGuards()
  })
  afterAll(() => leaveGuards())

  test('the paths reach everything that the machine has', () => {
    expect(unreached(sessionMachine, PATHS)).toEqual([])
  })

  describeOnEach('one process, or another for each step', (fresh, isPostgres) =>
    describe.each<readonly [title: string, restarts: boolean]>([
      ['', false],
      // Connecting anew for each step takes long, and shows what it shows on SQLite.
      ...(isPostgres && !isLong ? [] : [[', with another process for each step', true] as const]),
    ])('one process%s', (_, restarts) => {
      test.each(PATHS.map((path) => [path.title, path] as const))('%s', async (_, path) => {
        const driver = await Driver.create(await fresh())
        await expectAsModelled(driver, path.steps[0]?.before as Step['after'])
        for (const step of path.steps) {
          if (restarts) await driver.restart()
          await driver.bringAbout(step)
          await expectAsModelled(driver, step.after)
          await expectStored(driver, step.after)
        }
      })
    }),
  )

  test('every state, transition, guard and action was seen in running actors', () => {
    expect(coverage.missing).toEqual([])
  })

  test('the page says how much that is', () => expectOnPage(coverage, PATHS))
})

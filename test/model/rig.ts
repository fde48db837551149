import { onTestFinished } from 'vitest'
import { SimulatedClock } from 'xstate'
import { enumeratorActorId } from '../../machines/index.ts'
import { ownedHere } from '../../src/enumeration/owner.ts'
import {
  createMuster,
  type EnumerationResult,
  type Muster,
  type MusterOptions,
  type SessionState,
  type Store,
  type Task,
  type TimeProvider,
} from '../../src/index.ts'
import type { StatementHook } from '../../src/store/sqlite.ts'
import { stateOf } from '../../src/testing/machine-structure.ts'
import type { Ask } from '../support/consistency.ts'
import { quickDatabase } from '../support/temp.ts'
import { Calls } from './calls.ts'
import { sqliteAt, type TestDatabase } from './databases.ts'
import { Gates } from './gated-store.ts'
import { PuppetSource } from './puppet-source.ts'
import { Recorder } from './recorder.ts'
import { settle, until } from './until.ts'

/** The times of a walk; the renewal of a lease is the only thing that happens every 100 ms. */
export const TIMES = {
  backoffMs: 1_000,
  maxBackoffMs: 1_000,
  waitMs: 5_000,
  stallMs: 10_000,
  holdMs: 20_000,
  beatMs: 100,
} as const

const { waitMs: _, beatMs, ...settings } = TIMES
export const SETTINGS = {
  ...settings,
  leaseMs: beatMs * 3,
  maxAttempts: 2,
  concurrency: 1,
  deliveryWindow: 1,
} as const

/** When the tests play. */
const EPOCH = 1_800_000_000_000

/** The time of day, which all processes share and the test moves. */
export class TestTime {
  readonly #clocks = new Set<ProcessClock>()
  now = EPOCH

  newClock(): ProcessClock {
    const clock = new ProcessClock(this)
    this.#clocks.add(clock)
    return clock
  }

  /** Has time pass for a process again. */
  add(clock: ProcessClock): void {
    this.#clocks.add(clock)
  }

  pass(ms: number): void {
    this.now += ms
    for (const clock of this.#clocks) clock.timers.increment(ms)
  }

  /** The timers of a process end with it. */
  remove(clock: ProcessClock): void {
    this.#clocks.delete(clock)
  }
}

/** The clock of one process; the test can break it. */
class ProcessClock implements Required<TimeProvider> {
  readonly timers = new SimulatedClock()
  readonly #time: TestTime
  /** How often it can be asked before it breaks. */
  breaksAfter = Infinity

  constructor(time: TestTime) {
    this.#time = time
  }

  now(): number {
    this.#ask()
    return this.#time.now
  }

  #ask(): void {
    this.breaksAfter -= 1
    if (this.breaksAfter < 0) throw new Error('the clock is broken')
  }

  setTimeout(callback: () => void, ms: number): unknown {
    this.#ask()
    return this.timers.setTimeout(callback, ms)
  }

  clearTimeout(timer: unknown): void {
    this.timers.clearTimeout(timer as number)
  }
}

/** A disk that fails at the next statement of a kind, and works again after that. */
class Disk {
  failNext: RegExp | undefined
  isGone = false
  /** Sees every statement before anything else does; what it throws is the statement's error. */
  watch: StatementHook | undefined

  readonly onStatement: StatementHook = (sql, phase) => {
    if (this.isGone) throw new Error('the process is gone')
    this.watch?.(sql, phase)
    if (phase === 'after' || this.failNext?.test(sql) !== true) return
    this.failNext = undefined
    throw new Error('disk I/O error')
  }
}

interface Process {
  readonly muster: Muster
  readonly store: Store
  readonly gated: Store
  readonly clock: ProcessClock
  readonly recorder: Recorder
  readonly disk: Disk
  readonly owners: Set<string>
}

/** What a test brings along; two processes share the file and the time. Its own file is its own to remove. */
export interface RigParts {
  readonly path?: string
  /** Default: the SQLite file of that path. */
  readonly database?: TestDatabase
  readonly time?: TestTime
  readonly puppet?: PuppetSource
  readonly gates?: Gates
}

/**
 * The whole system on a database, whose source, time, disk and end the test
 * decides: the process can die at any moment, and another take its place.
 */
export class Rig {
  /** Of the SQLite file, where it is one. */
  readonly path: string
  readonly database: TestDatabase
  readonly time: TestTime
  readonly puppet: PuppetSource
  readonly gates: Gates
  readonly #options: MusterOptions
  readonly #calls = new Calls()
  #process: Process | undefined

  constructor(options: MusterOptions = {}, parts: RigParts = {}) {
    this.#options = options
    const { database, path = database === undefined ? quickDatabase() : '' } = parts
    this.path = path
    this.database = database ?? sqliteAt(path)
    this.time = parts.time ?? new TestTime()
    this.puppet = parts.puppet ?? new PuppetSource()
    this.gates = parts.gates ?? new Gates()
    if (parts.path === undefined) onTestFinished(() => this.crash())
  }

  static async start(options: MusterOptions = {}, parts: RigParts = {}): Promise<Rig> {
    const rig = new Rig(options, parts)
    await rig.start()
    return rig
  }

  get muster(): Muster {
    return this.#living.muster
  }

  get recorder(): Recorder {
    return this.#living.recorder
  }

  /** The store as the process has it, gates and all. */
  get store(): Store {
    return this.#living.gated
  }

  get disk(): Disk {
    return this.#living.disk
  }

  /** The clock of the process that runs. */
  get clock(): ProcessClock {
    return this.#living.clock
  }

  /** The clock works so many times more, and then not any more until the process ends. */
  breakClockAfter(times: number): void {
    this.clock.breaksAfter = times
  }

  /** Under which names the process that runs has claimed sessions. */
  get owners(): ReadonlySet<string> {
    return this.#living.owners
  }

  get isRunning(): boolean {
    return this.#process !== undefined
  }

  /** The process is suspended: its timers stand still while time passes for the others. */
  sleep(): void {
    this.time.remove(this.#living.clock)
  }

  wake(): void {
    this.time.add(this.#living.clock)
  }

  get #living(): Process {
    if (this.#process === undefined) throw new Error('no process runs')
    return this.#process
  }

  /** Starts a process over the database. */
  async start(): Promise<void> {
    const recorder = new Recorder()
    const disk = new Disk()
    const owners = new Set<string>()
    const clock = this.time.newClock()
    const store = await this.database.open({ clock, onStatement: disk.onStatement })
    const gated = this.gates.around(remembering(owners, this.#calls.counting(store)))
    const { inspect, ...options } = this.#options
    const muster = await createMuster({
      ...SETTINGS,
      ...options,
      database: gated,
      clock,
      sources: [this.puppet.sourceFor(() => disk.isGone)],
      inspect: (event) => {
        recorder.inspect(event)
        if (typeof inspect === 'function') inspect(event)
      },
    })
    this.#process = { muster, store, gated, clock, recorder, disk, owners }
  }

  /** The process dies: from here on it writes nothing, and others can see that it is gone. */
  async crash(): Promise<void> {
    const dead = this.#process
    if (dead === undefined) return
    this.#process = undefined
    dead.disk.isGone = true
    this.time.remove(dead.clock)
    for (const owner of dead.owners) ownedHere.delete(owner)
    await dead.store.close().catch(() => undefined)
    // What stood at a gate stood there in the dead process.
    this.gates.clear()
  }

  /** Closes the process as its host would. */
  async close(): Promise<void> {
    const closing = this.#living
    await closing.muster.close()
    this.time.remove(closing.clock)
    if (this.#process === closing) this.#process = undefined
  }

  /** Begins or takes up the walk of a list. */
  walk(list: string, options: Parameters<Muster['coordinator']['enumerateTarget']>[1] = {}) {
    const run = this.muster.coordinator.enumerateTarget(this.puppet.target(list), options)
    // Nobody may be listening when a walk breaks.
    run.done.catch(() => undefined)
    return run
  }

  async resume(
    sessionId: string,
    options: Parameters<Muster['coordinator']['resumeTarget']>[1] = {},
  ): Promise<EnumerationResult> {
    const run = this.muster.coordinator.resumeTarget(await this.load(sessionId), options)
    run.done.catch(() => undefined)
    return run
  }

  async load(sessionId: string): Promise<SessionState> {
    const state = await this.muster.repositories.sessions.load(sessionId)
    if (state === null) throw new Error(`session ${sessionId} is not stored`)
    return state
  }

  /** Another process takes the session over. */
  async steal(sessionId: string): Promise<void> {
    const thief = await this.database.open({ clock: { now: () => this.time.now } })
    await thief.claimSession({
      sessionId,
      owner: 'another/1/0-thief',
      leaseMs: 1e9,
      isGone: () => true,
    })
    await thief.close()
  }

  /** Where the session's enumerator is; undefined when there is none. */
  enumeratorState(sessionId: string): string | undefined {
    const snapshot = this.recorder.snapshotOf(enumeratorActorId(sessionId))
    return snapshot === undefined ? undefined : stateOf(snapshot)
  }

  /** Waits until the session's enumerator is in a state. */
  async reached(sessionId: string, state: string): Promise<void> {
    await until(
      () => `the enumerator is ${state}; it is ${this.enumeratorState(sessionId)}`,
      () => this.enumeratorState(sessionId) === state,
    )
  }

  /** Asks for what is stored by now, as another program would. */
  look(): Promise<Ask> {
    return this.database.look()
  }

  /** The status column, read by another program. */
  async storedStatus(sessionId: string): Promise<string | undefined> {
    const look = await this.look()
    const sql = `select status from sessions where session_id = '${sessionId}'`
    return (look(sql) as { status: string }[])[0]?.status
  }

  /** Lets everything happen that is going to, what the database is asked for among it. */
  settle(): Promise<void> {
    return settle(() => !this.#calls.areUnderWay)
  }

  /** Takes and acknowledges every task that is there. */
  async takeTasks(run: EnumerationResult): Promise<Task[]> {
    const tasks: Task[] = []
    for await (const task of run.tasks) tasks.push(task)
    return tasks
  }
}

/** The store, which notes under whose name sessions are claimed: the names end with the process. */
function remembering(owners: Set<string>, store: Store): Store {
  return {
    ...store,
    claimSession(params) {
      owners.add(params.owner)
      return store.claimSession(params)
    },
  }
}

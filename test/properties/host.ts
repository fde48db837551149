import { setTimeout as sleep } from 'node:timers/promises'
import type { AnyActorRef, InspectionEvent } from 'xstate'
import {
  LeaseError,
  PauseError,
  type EnumerationResult,
  type MusterOptions,
  type SessionState,
  type Task,
} from '../../src/index.ts'
import type { SessionSnapshot } from '../../src/domain/session-state.ts'
import { sealSnapshot } from '../../src/enumeration/envelope.ts'
import { Rig, TIMES } from '../model/rig.ts'
import { Activity } from './activity.ts'
import { ListedSource } from './listed-source.ts'
import type { World } from './world.ts'

/** How long a database may take to close that has a thread to end; milliseconds. */
const PATIENCE_MS = 10_000

/** From the start of a process to its end. */
interface Life {
  isOver: boolean
  /** A statement of it was made to fail. */
  hadDiskError: boolean
  isClosing: boolean
}

/** How a host stops a walk. */
interface Stop {
  readonly cancel: AbortController
  readonly drain: AbortController
}

const newStop = (): Stop => ({ cancel: new AbortController(), drain: new AbortController() })
const signalsOf = ({ cancel, drain }: Stop) => ({ signal: cancel.signal, drain: drain.signal })

/** A walk that a host began, and what became of it. */
export interface Run extends Stop {
  readonly life: Life
  readonly sessionId: string
  readonly result: EnumerationResult
  outcome: { readonly state: SessionState } | { readonly error: unknown } | undefined
}

/** One loop of a host over a session's tasks. */
export interface Reader {
  readonly life: Life
  readonly run: Run
  readonly tasks: AsyncIterator<Task>
  inHand: Task | undefined
  isAsking: boolean
  isOver: boolean
  /** It has just been told that there are no more tasks. */
  saysEnd: boolean
}

/** One process with the program in it that uses Muster. It can end and begin again. */
export class Host {
  readonly name: string
  readonly #world: World
  readonly source: ListedSource
  readonly activity: Activity
  readonly rig: Rig
  #life: Life = { isOver: true, hadDiskError: false, isClosing: false }
  #isAsleep = false
  /** Resolves when a process that died in a write is gone. */
  dying: Promise<void> = Promise.resolve()
  #closing: Promise<void> = Promise.resolve()
  runs: Run[] = []
  readers: Reader[] = []

  constructor(name: string, world: World, options: MusterOptions) {
    this.name = name
    this.#world = world
    this.activity = new Activity(world.oneAtATime)
    this.source = new ListedSource(world.listings)
    this.source.onAsk = (list) => this.#expectNoLimit(list)
    const inspect = (event: InspectionEvent) => this.#look(event)
    this.rig = new Rig(
      { ...options, inspect },
      { path: world.path, time: world.time, puppet: this.source, gates: this.activity },
    )
  }

  get isRunning(): boolean {
    return this.rig.isRunning
  }

  get isAwake(): boolean {
    return this.isRunning && !this.#isAsleep
  }

  async start(): Promise<void> {
    this.#life = { isOver: false, hadDiskError: false, isClosing: false }
    this.#isAsleep = false
    this.runs = []
    this.readers = []
    await this.rig.start()
  }

  crash(): Promise<void> {
    this.#life.isOver = true
    return (this.dying = this.rig.crash())
  }

  get isClosing(): boolean {
    return this.#life.isClosing
  }

  /** Closes as its host would; whoever asks finds nobody any more. */
  beginClose(): void {
    if (!this.isRunning || this.#life.isClosing) return
    const life = this.#life
    const { owners } = this.rig
    life.isClosing = true
    this.#closing = this.#untilClosed(life, owners)
    this.#closing.catch(() => undefined)
  }

  async #untilClosed(life: Life, owners: ReadonlySet<string>): Promise<void> {
    try {
      await this.rig.close()
    } catch (thrown) {
      if (!life.isOver) this.#world.faults.push(`${this.name} cannot close: ${String(thrown)}`)
    }
    await this.#world.calm()
    // It may have died over it.
    if (!life.isOver) this.#expectNothingLeft(life, owners)
    life.isOver = true
  }

  /** Closes while time passes: a request that hangs is waited for until the watchdog barks. */
  async close(): Promise<void> {
    const life = this.#life
    this.beginClose()
    for (let i = 0; i < 20 && !life.isOver; i += 1) {
      await this.#world.calm()
      if (!life.isOver) this.#world.time.pass(TIMES.stallMs)
    }
    // The thread that merges the log of a database ends in its own time.
    if (!life.isOver) await Promise.race([this.#closing, sleep(PATIENCE_MS)])
    if (!life.isOver) throw new Error(`${this.name} was closed, and does not end`)
  }

  #expectNothingLeft(life: Life, owners: ReadonlySet<string>): void {
    const { faults } = this.#world
    if (this.runs.some(({ outcome }) => outcome === undefined)) {
      faults.push(`${this.name} is closed, and a walk of it is not done`)
    }
    if (this.readers.some(({ isAsking }) => isAsking)) {
      faults.push(`${this.name} is closed, and somebody still waits for a task`)
    }
    if (!life.hadDiskError && this.#world.leases().some((owner) => owners.has(owner))) {
      faults.push(`${this.name} is closed, and still has a lease`)
    }
  }

  /** The process is suspended, and knows nothing of it. */
  sleep(): void {
    this.rig.sleep()
    this.#isAsleep = true
  }

  wake(): void {
    this.rig.wake()
    this.#isAsleep = false
  }

  walk(list: string): Run {
    const stop = newStop()
    return this.#follow(this.rig.walk(list, signalsOf(stop)), stop)
  }

  async resume(sessionId: string): Promise<Run> {
    const stop = newStop()
    return this.#follow(await this.rig.resume(sessionId, signalsOf(stop)), stop)
  }

  #follow(result: EnumerationResult, stop: Stop): Run {
    const known = this.runs.find((run) => run.result === result)
    if (known !== undefined) return known
    const life = this.#life
    const { sessionId } = result
    const run: Run = { life, sessionId, result, ...stop, outcome: undefined }
    this.runs.push(run)
    result.done.then(
      (state) => this.#ended(run, { state }),
      (error: unknown) => this.#ended(run, { error }),
    )
    return run
  }

  #ended(run: Run, outcome: NonNullable<Run['outcome']>): void {
    run.outcome = outcome
    if (run.life.isOver) return
    this.#expectNoWrite(run)
    const fault =
      'state' in outcome
        ? this.#world.faultOfEnd(outcome.state)
        : this.#faultOfBreak(run.life, outcome.error)
    if (fault !== null) this.#world.faults.push(`${this.name}: ${fault}`)
  }

  /** A write is finished before the walk is called over, unless it is of the walk after that. */
  #expectNoWrite({ sessionId }: Run): void {
    const isWalkedAgain = this.runs.some((run) => {
      return run.sessionId === sessionId && run.outcome === undefined
    })
    if (isWalkedAgain || !this.activity.isCommitting(sessionId)) return
    this.#world.faults.push(`${this.name}: a walk is done, and still writes`)
  }

  /** Nothing is asked of a source before the end of a wait that it asked for, whoever was told of it. */
  #expectNoLimit(list: string): void {
    if (this.#life.isOver) return
    const limited = this.#world.ask<{ lease_owner: string | null }>(
      'select lease_owner from sessions where target_name = ? and waiting_until > ?',
      list,
      this.#world.time.now,
    )
    const isOurs = limited.some(({ lease_owner: owner }) => this.rig.owners.has(owner ?? ''))
    if (isOurs) this.#world.faults.push(`${this.name}: "${list}" is asked before its limit is over`)
  }

  /** A walk breaks only where somebody else has the session, or the disk failed. */
  #faultOfBreak(life: Life, error: unknown): string | null {
    if (error instanceof LeaseError && this.#world.canBeRefused) return null
    if (error instanceof PauseError) return null
    if (life.hadDiskError && String(error).includes('disk I/O error')) return null
    return `a walk broke: ${String((error as Error)?.stack ?? error)}`
  }

  /** Begins to take a session's tasks. */
  take(run: Run): void {
    const tasks = run.result.tasks[Symbol.asyncIterator]()
    const reader: Reader = {
      life: run.life,
      run,
      tasks,
      inHand: undefined,
      isAsking: false,
      isOver: false,
      saysEnd: false,
    }
    this.readers.push(reader)
    this.ask(reader)
  }

  /** Asks for the next task, which acknowledges the one in hand. */
  ask(reader: Reader): void {
    if (reader.isAsking || reader.isOver) return
    const { ledger } = this.#world
    const before = reader.inHand
    reader.isAsking = true
    reader.inHand = undefined
    if (before !== undefined) ledger.acknowledging(before)
    this.#next(reader, before).catch((thrown: unknown) => {
      reader.isOver = true
      const isKnown = reader.life.isOver || reader.life.hadDiskError
      if (!isKnown) this.#world.faults.push(`a reader's loop broke: ${String(thrown)}`)
    })
  }

  async #next(reader: Reader, before: Task | undefined): Promise<void> {
    const { life, tasks } = reader
    const { done, value } = await tasks.next().finally(() => {
      reader.isAsking = false
    })
    // What a process says that is gone counts for nothing.
    if (life.isOver) return
    const isCertain = done !== true || !life.isClosing
    if (before !== undefined && isCertain) this.#world.ledger.acknowledged(before)
    if (done === true) {
      reader.saysEnd = !reader.isOver
      reader.isOver = true
    } else this.#hand(reader, value)
  }

  #hand(reader: Reader, task: Task): void {
    const isTwice = this.readers.some(
      ({ inHand, isOver }) => inHand?.taskId === task.taskId && !isOver,
    )
    if (isTwice) this.#world.faults.push(`${task.resourceUri} is in two hands`)
    this.#world.ledger.handedOut(task)
    reader.inHand = task
  }

  /** A loop that has just come to its end leaves no task behind that nobody here has in hand. */
  expectAllTaken(): void {
    const { ledger, faults, hosts } = this.#world
    const isAlone = hosts.filter(({ isRunning }) => isRunning).length === 1
    const inHand = new Set(this.readers.map((reader) => reader.inHand?.taskId))
    for (const reader of this.readers.filter(({ saysEnd }) => saysEnd)) {
      reader.saysEnd = false
      const { life, run } = reader
      const isWalked = this.runs.some(
        ({ sessionId, outcome }) => sessionId === run.sessionId && outcome === undefined,
      )
      if (life.isClosing || life.hadDiskError || !isAlone || isWalked) continue
      const left = this.#outstanding(run).filter((id) => !inHand.has(id) && !ledger.isTaken(id))
      if (left.length > 0) faults.push(`${this.name}: a loop ended before the tasks did`)
    }
  }

  #outstanding({ sessionId }: Run): readonly string[] {
    return this.#world.askEach<string>(
      `select task_id from tasks join sessions on sessions.id = tasks.session
       where session_id = ? and acknowledged_at is null`,
      sessionId,
    )
  }

  /** Leaves the loop; the task in hand was not acknowledged. */
  leave(reader: Reader): void {
    reader.isOver = true
    void this.#left(reader)
  }

  /** It is in hand until the loop has given it back. */
  async #left(reader: Reader): Promise<void> {
    await reader.tasks.return?.().catch(() => undefined)
    reader.inHand = undefined
  }

  /** From here on a statement counts as the next; it fails, or the process dies there. */
  breakAt(statement: number, phase: 'before' | 'after', what: 'fails' | 'dies'): void {
    const { disk } = this.rig
    const life = this.#life
    let left = statement
    disk.watch = (sql, at) => {
      // A transaction that failed has to be taken back.
      if (at !== phase || (what === 'fails' && sql === 'rollback')) return
      left -= 1
      if (left > 0) return
      disk.watch = undefined
      if (what === 'dies') {
        void this.crash()
        throw new Error('the process died')
      }
      life.hadDiskError = true
      throw new Error('disk I/O error')
    }
  }

  /** What the actor of a session is, is stored already. */
  #look(event: InspectionEvent): void {
    const actorRef = event.actorRef as AnyActorRef
    if (event.type !== '@xstate.snapshot' || this.#life.isOver) return
    const [kind, sessionId = ''] = actorRef.id.split(':')
    if (kind !== 'session') return
    const snapshot = event.snapshot as SessionSnapshot
    if ((snapshot.status as string) === 'stopped') return
    // Where another process has the session by now, the row is ahead of this one.
    if (!this.rig.owners.has(this.#world.ownerOf(sessionId) ?? '')) return
    const live = JSON.stringify(sealSnapshot(snapshot))
    if (this.#world.checkpoint(sessionId) === live) return
    this.#world.faults.push(`${this.name}: session ${sessionId} is ${live}, and not stored so`)
  }
}

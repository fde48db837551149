import { createActor, fromCallback, fromPromise, waitFor, type SnapshotFrom } from 'xstate'
import { orchestratorMachine } from '../../machines/index.ts'
import type { EventBus } from '../delivery/event-bus.ts'
import { timersOf, type TimeProvider } from '../domain/clock.ts'
import { errorRecord, LeaseError, MusterError } from '../domain/errors.ts'
import { newId } from '../domain/identity.ts'
import type { Job } from '../domain/job.ts'
import {
  isActive,
  targetKeyOf,
  type SessionState,
  type TargetConfig,
} from '../domain/session-state.ts'
import type { Coordinator } from '../enumeration/coordinator.ts'
import type { Inspect } from '../enumeration/ports.ts'
import type { EnumerationResult } from '../enumeration/result.ts'
import type { StopSignals } from '../enumeration/signals.ts'
import type { Store } from '../store/store.ts'
import type { Leadership } from './leadership.ts'
import { trackProgress } from './progress.ts'
import { trackRules } from './rules.ts'

/** Where the orchestrator learns what is to be walked. @throws InvalidInputError */
export interface ConfigLoader {
  load(): Promise<readonly TargetConfig[]>
}

/** What came of one round of enumeration. */
export interface Round {
  /** The sessions whose walk is over, however they ended. */
  readonly sessions: readonly SessionState[]
  /** The targets whose walk broke, or could not begin. */
  readonly failures: readonly {
    readonly targetName: string
    readonly sessionId: string | null
    readonly error: unknown
  }[]
}

export interface OrchestratorDeps {
  readonly coordinator: Coordinator
  readonly store: Store
  readonly bus: EventBus
  readonly clock: TimeProvider
  readonly leadership: Leadership
  readonly configLoader: ConfigLoader
  readonly inspect?: Inspect | undefined
}

/** Decides what is walked: the model's orchestrator. */
export interface Orchestrator {
  /** Takes part: campaigns for leadership, and listens for rules and progress. Resolves when it is ready. */
  run(): Promise<void>
  /**
   * One round: loads the targets, resumes what was interrupted, starts the
   * rest, and resolves when all of it is walked. A round that a process died in
   * is gone on with: what it had walked to its end is not walked again. Runs
   * when this process leads.
   *
   * @throws InvalidInputError when the targets cannot be used; nothing was started then
   */
  enumerate(): Promise<Round>
  /** Takes up interrupted sessions; one that cannot be is passed over. */
  resumeEnumerations(states: readonly SessionState[]): Promise<EnumerationResult[]>
  /** Creates a job, with scan targets that are known already. */
  createJob(job: {
    readonly name: string
    readonly scanTargetIds?: readonly string[]
  }): Promise<Job>
  /** Stops deciding; the walks under way finish their page. */
  stop(): Promise<void>
}

interface Walking {
  readonly config: TargetConfig
  readonly result: EnumerationResult
}

/** What one round gathers as it goes through its states. */
class RoundInHand {
  targets: readonly TargetConfig[] = []
  id: number | undefined
  /** One of them aborts when the round is cut short. */
  readonly stop: Required<StopSignals>
  /** Sessions that came to their end in this round before this process took it up. */
  readonly ended: SessionState[] = []
  readonly walking: Walking[] = []
  readonly failures: Round['failures'][number][] = []
  readonly over = Promise.withResolvers<Round>()
  isOver = false
  #byKey: ReadonlyMap<string, TargetConfig> | undefined

  constructor(stop: Required<StopSignals>) {
    this.stop = stop
    const markOver = () => {
      this.isOver = true
    }
    this.over.promise.then(markOver, markOver)
  }

  /**
   * The target as it is loaded now: a session that was paused for its credential
   * goes on with the one that took its place.
   */
  currently(config: TargetConfig): TargetConfig {
    this.#byKey ??= new Map(this.targets.map((target) => [targetKeyOf(target), target]))
    return this.#byKey.get(targetKeyOf(config)) ?? config
  }

  get isCutShort(): boolean {
    return this.stop.signal.aborted || this.stop.drain.aborted
  }
}

export function createOrchestrator(deps: OrchestratorDeps): Orchestrator {
  return new MachineOrchestrator(deps)
}

class MachineOrchestrator implements Orchestrator {
  readonly #deps: OrchestratorDeps
  readonly #actor
  #untrack: (() => void)[] = []
  #cancel = new AbortController()
  readonly #drain = new AbortController()
  #round: RoundInHand | undefined

  constructor(deps: OrchestratorDeps) {
    this.#deps = deps
    this.#actor = createActor(this.#logic(), {
      id: 'orchestrator',
      clock: timersOf(deps.clock),
      ...(deps.inspect === undefined ? {} : { inspect: deps.inspect }),
    })
    // Without an observer, an error of the root actor would end the host's process.
    this.#actor.subscribe({ error: (error) => this.#round?.over.reject(error) })
  }

  async run(): Promise<void> {
    if (this.#actor.getSnapshot().status !== 'active') throw stopped()
    if (this.#untrack.length > 0) return
    const { bus, store, clock } = this.#deps
    this.#untrack = [
      trackRules({ bus, rules: store.repositories.rules, clock }),
      trackProgress({ bus, store, clock }),
    ]
    this.#actor.start()
  }

  async enumerate(): Promise<Round> {
    await this.run()
    // Of several callers that wait for their turn, one begins, and the others wait on.
    while (!this.#canBegin()) await this.#awaitTurn()
    const round = new RoundInHand(this.#stopSignals())
    this.#round = round
    this.#actor.send({ type: 'orchestrator.enumerate' })
    return round.over.promise
  }

  async resumeEnumerations(states: readonly SessionState[]): Promise<EnumerationResult[]> {
    const round = new RoundInHand(this.#stopSignals())
    for (const state of states) this.#resume(round, state)
    return round.walking.map(({ result }) => result)
  }

  async createJob(params: {
    readonly name: string
    readonly scanTargetIds?: readonly string[]
  }): Promise<Job> {
    const { jobs } = this.#deps.store.repositories
    const job = {
      jobId: newId(),
      name: params.name,
      createdAt: new Date(this.#deps.clock.now()),
    }
    await jobs.create(job)
    await jobs.associate(job.jobId, params.scanTargetIds ?? [])
    return job
  }

  async stop(): Promise<void> {
    for (const untrack of this.#untrack.splice(0)) untrack()
    if (this.#actor.getSnapshot().status !== 'active') return
    this.#actor.start()
    this.#actor.send({ type: 'orchestrator.stop' })
    await waitFor(this.#actor, (state: SnapshotFrom<typeof orchestratorMachine>) => {
      return state.status !== 'active'
    })
  }

  #logic() {
    const inHand = () => {
      if (this.#round === undefined) throw new Error('no round is in hand')
      return this.#round
    }
    return orchestratorMachine.provide({
      actors: {
        campaign: fromCallback(({ sendBack }) =>
          this.#deps.leadership.campaign((leads) =>
            sendBack({ type: leads ? 'leadership.gained' : 'leadership.lost' }),
          ),
        ),
        loadTargets: fromPromise(async () => {
          inHand().targets = await this.#deps.configLoader.load()
        }),
        resumeInterrupted: fromPromise(({ signal }) => this.#takeUpRound(inHand(), signal)),
        startTargets: fromPromise(async () => this.#startTargets(inHand())),
        awaitWalks: fromPromise(() => this.#awaitWalks(inHand())),
        // Waits for the pages in hand, so that whoever stops may close the store.
        drain: fromPromise(() => this.#endRound()),
      },
      actions: {
        cancelWalks: () => this.#cancelWalks(),
        drainWalks: () => this.#drain.abort(),
        roundEnded: () => this.#endRound(),
        roundFailed: (_, { error }) => this.#round?.over.reject(error),
      },
    })
  }

  /** @throws CLOSED when no round can begin any more */
  #canBegin(): boolean {
    const snapshot = this.#actor.getSnapshot()
    if (snapshot.status !== 'active') throw stopped()
    // The walks of a round that was cut short may still be finishing their pages.
    return snapshot.matches({ active: { leading: 'idle' } }) && this.#round?.isOver !== false
  }

  /** Resolves when it may have become possible to begin a round. */
  async #awaitTurn(): Promise<void> {
    await this.#round?.over.promise.catch(() => undefined)
    await waitFor(
      this.#actor,
      (state) => state.status !== 'active' || state.matches({ active: { leading: 'idle' } }),
    )
  }

  #stopSignals(): Required<StopSignals> {
    return { signal: this.#cancel.signal, drain: this.#drain.signal }
  }

  #cancelWalks(): void {
    this.#cancel.abort()
    this.#cancel = new AbortController()
  }

  async #takeUpRound(round: RoundInHand, signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#deps
    const { roundId, sessions } = await store.openRound({ at: clock.now() })
    round.id = roundId
    const unfinished = new Set((await store.findUnfinished()).map(({ sessionId }) => sessionId))
    // Whoever leads by now takes the round up; its sessions are theirs.
    if (signal.aborted) return
    for (const state of sessions) {
      if (isActive(state.status)) this.#resume(round, state)
      // Walked to its end by a process that then died with tasks in hand.
      else if (unfinished.has(state.sessionId)) this.#start(round, round.currently(state.config))
      else round.ended.push(state)
    }
  }

  #resume(round: RoundInHand, state: SessionState): void {
    const config = round.currently(state.config)
    this.#walk(round, config, state.sessionId, () =>
      this.#deps.coordinator.resumeTarget({ ...state, config }, round.stop),
    )
  }

  #start(round: RoundInHand, config: TargetConfig): void {
    const { spec, ...target } = config
    this.#walk(round, config, null, () =>
      this.#deps.coordinator.enumerateTarget({ ...target, [target.sourceType]: spec }, round.stop),
    )
  }

  #startTargets(round: RoundInHand): void {
    const taken = new Set(
      [...round.walking, ...round.ended].map(({ config }) => targetKeyOf(config)),
    )
    for (const config of round.targets) {
      if (!taken.has(targetKeyOf(config))) this.#start(round, config)
    }
  }

  /** Begins one walk; what is wrong with it is noted, and never stops the others. */
  #walk(
    round: RoundInHand,
    config: TargetConfig,
    sessionId: string | null,
    begin: () => EnumerationResult,
  ): void {
    try {
      round.walking.push({ config, result: begin() })
    } catch (error) {
      round.failures.push({ targetName: config.name, sessionId, error })
    }
  }

  async #awaitWalks(round: RoundInHand): Promise<void> {
    await Promise.all(
      round.walking.map(async ({ config, result }) => {
        await Promise.all([
          this.#publishTasks(result),
          result.done.catch((error: unknown) => {
            const { sessionId } = result
            round.failures.push({ targetName: config.name, sessionId, error })
          }),
        ])
      }),
    )
    // A round that was cut short is gone on with, and so is one that another process has a part of;
    // one stuck session does not keep it open.
    const elsewhere = round.failures.some(({ error }) => error instanceof LeaseError)
    if (round.id === undefined || round.isCutShort || elsewhere) return
    await this.#deps.store.closeRound({ roundId: round.id, at: this.#deps.clock.now() })
  }

  /** Puts a walk's tasks on the bus; a task is acknowledged when its handlers have taken it. */
  async #publishTasks(result: EnumerationResult): Promise<void> {
    const { bus } = this.#deps
    if (!bus.hasSubscribers('task.created')) return
    try {
      for await (const { credentials: _, ...task } of result.tasks) {
        await bus.publish('task.created', { task })
      }
    } catch (thrown) {
      process.emitWarning(
        `session ${result.sessionId}: its tasks are not delivered further in this round: ${errorRecord(thrown).message}`,
        'MusterWarning',
      )
    }
  }

  async #endRound(): Promise<void> {
    const round = this.#round
    if (round === undefined) return
    const settled = await Promise.allSettled(round.walking.map(({ result }) => result.done))
    const walked = settled.filter((s) => s.status === 'fulfilled').map((s) => s.value)
    round.over.resolve({
      sessions: [...round.ended, ...walked],
      failures: round.failures,
    })
  }
}

const stopped = () =>
  new MusterError('CLOSED', 'the orchestrator has stopped: create another Muster to enumerate')

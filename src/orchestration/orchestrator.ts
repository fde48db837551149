import {
  createActor,
  fromCallback,
  fromPromise,
  waitFor,
  type AnyActorRef,
  type SnapshotFrom,
} from 'xstate'
import { orchestratorMachine } from '../../machines/index.ts'
import type { EventBus } from '../delivery/event-bus.ts'
import { timersOf, type TimeProvider } from '../domain/clock.ts'
import { LeaseError, MusterError } from '../domain/errors.ts'
import { newId } from '../domain/identity.ts'
import type { Job } from '../domain/job.ts'
import type { SessionState, TargetConfig } from '../domain/session-state.ts'
import type { Coordinator, Handover } from '../enumeration/coordinator-port.ts'
import type { Inspect } from '../enumeration/ports.ts'
import type { EnumerationResult } from '../enumeration/result.ts'
import type { StopSignals } from '../enumeration/signals.ts'
import type { Store } from '../store/store.ts'
import type { Leadership } from './leadership.ts'
import { LocalRound } from './local-round.ts'
import { trackProgress } from './progress.ts'
import { RoundInHand, type Round, type RoundWork } from './round.ts'
import { trackRules } from './rules.ts'
import { RoundWatch, SharedRound, type SharedDeps } from './shared-round.ts'

export type { Round } from './round.ts'

/** Where the orchestrator learns what is to be walked. @throws InvalidInputError */
export interface ConfigLoader {
  load(): Promise<readonly TargetConfig[]>
}

export interface OrchestratorDeps {
  readonly coordinator: Coordinator
  /** Under this name leases are held here. */
  readonly owner: string
  readonly store: Store
  readonly bus: EventBus
  readonly clock: TimeProvider
  readonly leadership: Leadership
  readonly configLoader: ConfigLoader
  readonly inspect?: Inspect | undefined
  /** Publishes tasks on a bus that outlives the process. */
  readonly handover?: Handover | undefined
  /** Given where several hosts walk together. */
  readonly shared?: Omit<SharedDeps, 'store' | 'clock'> | undefined
}

/** Decides what is walked: the model's orchestrator. */
export interface Orchestrator {
  /** Takes part: campaigns for leadership, and listens for rules and progress. Resolves when it is ready. */
  run(): Promise<void>
  /**
   * One round: loads the targets, resumes what was interrupted, starts the
   * rest, and resolves when all of it is walked. A round that a process died in
   * is gone on with: what it had walked to its end is not walked again. Runs
   * when this process leads. Where several hosts walk together, the one that
   * leads decides for all, and for the others it resolves when that round is over.
   *
   * @throws InvalidInputError when the targets cannot be used; nothing was started then
   */
  enumerate(): Promise<Round>
  /** Takes up interrupted sessions; one that cannot be is passed over, and one that somebody paused stays paused. */
  resumeEnumerations(states: readonly SessionState[]): Promise<EnumerationResult[]>
  /** Creates a job, with scan targets that are known already. */
  createJob(job: {
    readonly name: string
    readonly scanTargetIds?: readonly string[]
  }): Promise<Job>
  /** Stops deciding; the walks under way finish their page. */
  stop(): Promise<void>
}

/** The orchestrator, and its actor for whoever watches. */
export interface RunningOrchestrator extends Orchestrator {
  readonly actor: AnyActorRef
}

export function createOrchestrator(deps: OrchestratorDeps): RunningOrchestrator {
  return new MachineOrchestrator(deps)
}

class MachineOrchestrator implements RunningOrchestrator {
  readonly #deps: OrchestratorDeps
  readonly #actor
  #untrack: (() => void)[] = []
  #cancel = new AbortController()
  readonly #drain = new AbortController()
  #round: RoundInHand | undefined
  #work: RoundWork | undefined

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

  get actor(): AnyActorRef {
    return this.#actor
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
    this.#deps.shared?.pool.start()
  }

  async enumerate(): Promise<Round> {
    await this.run()
    const { shared, store } = this.#deps
    if (shared !== undefined) {
      return shared.demand.during(async () => {
        return this.#enumerateTogether(shared, await RoundWatch.begin(store))
      })
    }
    // Of several callers that wait for their turn, one begins, and the others wait on.
    while (!this.#canBegin()) await this.#awaitTurn()
    const round = this.#newRound()
    return this.#begin(round, new LocalRound(this.#deps, round))
  }

  /** Leads the round, or waits for the host that does; one follows the other where leadership changes. */
  async #enumerateTogether(
    shared: NonNullable<OrchestratorDeps['shared']>,
    watch: RoundWatch,
  ): Promise<Round> {
    for (;;) {
      const mayBegin = this.#canBegin()
      // A store that fails is asked again: it may be about to come back.
      const over = await watch.look().catch(() => undefined)
      if (over !== undefined) return over
      if (!mayBegin || !this.#canBegin()) {
        await this.#awaitTurn(shared.pollMs)
        continue
      }
      const round = this.#newRound()
      const work = new SharedRound({ ...this.#deps, ...shared }, round, watch.after)
      const result = await this.#begin(round, work).catch((thrown: unknown) => {
        // It was ended by another in this very moment: it will be seen at the next look.
        if (thrown instanceof LeaseError) return undefined
        throw thrown
      })
      if (result === undefined) continue
      if (round.isClosed || this.#drain.signal.aborted) return result
    }
  }

  #newRound(): RoundInHand {
    return new RoundInHand(this.#stopSignals())
  }

  #begin(round: RoundInHand, work: RoundWork): Promise<Round> {
    this.#round = round
    this.#work = work
    this.#actor.send({ type: 'orchestrator.enumerate' })
    return round.over.promise
  }

  async resumeEnumerations(states: readonly SessionState[]): Promise<EnumerationResult[]> {
    const walks = new LocalRound(this.#deps, this.#newRound())
    for (const state of states) walks.resume(state)
    return walks.results
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
    await this.#deps.shared?.pool.stop()
    if (this.#actor.getSnapshot().status !== 'active') return
    this.#actor.start()
    this.#actor.send({ type: 'orchestrator.stop' })
    await waitFor(this.#actor, (state: SnapshotFrom<typeof orchestratorMachine>) => {
      return state.status !== 'active'
    })
  }

  #logic() {
    const inHand = () => {
      if (this.#work === undefined) throw new Error('no round is in hand')
      return this.#work
    }
    return orchestratorMachine.provide({
      actors: {
        campaign: fromCallback(({ sendBack }) =>
          this.#deps.leadership.campaign((leads) =>
            sendBack({ type: leads ? 'leadership.gained' : 'leadership.lost' }),
          ),
        ),
        loadTargets: fromPromise(async () => {
          const round = this.#round
          const targets = await this.#deps.configLoader.load()
          if (round !== undefined) round.targets = targets
        }),
        resumeInterrupted: fromPromise(({ signal }) => inHand().takeUp(signal)),
        startTargets: fromPromise(() => inHand().startTargets()),
        awaitWalks: fromPromise(() => inHand().awaitWalks()),
        // Waits for the pages in hand, so that whoever stops may close the store.
        drain: fromPromise(() => this.#endRound()),
      },
      actions: {
        cancelWalks: () => this.#cancelWalks(),
        drainWalks: () => this.#drain.abort(),
        // What is wrong with it is told to who waits for the round.
        roundEnded: () => void this.#endRound().catch(() => undefined),
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

  /** Resolves when it may have become possible to begin a round, or after a time. */
  async #awaitTurn(timeout = Infinity): Promise<void> {
    await this.#round?.over.promise.catch(() => undefined)
    const mayBegin = (state: SnapshotFrom<typeof orchestratorMachine>) =>
      state.status !== 'active' || state.matches({ active: { leading: 'idle' } })
    if (timeout === Infinity) await waitFor(this.#actor, mayBegin)
    else await waitFor(this.#actor, mayBegin, { timeout }).catch(() => undefined)
  }

  #stopSignals(): Required<StopSignals> {
    return { signal: this.#cancel.signal, drain: this.#drain.signal }
  }

  #cancelWalks(): void {
    this.#cancel.abort()
    this.#cancel = new AbortController()
  }

  async #endRound(): Promise<void> {
    const [round, work] = [this.#round, this.#work]
    if (round === undefined || work === undefined) return
    try {
      round.over.resolve(await work.result())
    } catch (thrown) {
      round.over.reject(thrown)
      throw thrown
    }
  }
}

const stopped = () =>
  new MusterError('CLOSED', 'the orchestrator has stopped: create another Muster to enumerate')

import { createActor, type SnapshotFrom } from 'xstate'
import {
  enumeratorActorId,
  type EnumeratorOutput,
  type coordinatorMachine,
} from '../../machines/index.ts'
import { announce } from '../delivery/event-bus.ts'
import { timersOf } from '../domain/clock.ts'
import { forScanner } from '../domain/credentials.ts'
import { errorRecord, LeaseError, MusterError, PauseError } from '../domain/errors.ts'
import { newId } from '../domain/identity.ts'
import {
  isActive,
  targetKeyOf,
  type SessionState,
  type TargetConfig,
} from '../domain/session-state.ts'
import { coordinatorLogic } from './actors.ts'
import { Channels } from './channels.ts'
import { openSnapshot } from './envelope.ts'
import type { ClaimedSession } from '../store/store.ts'
import type {
  ClaimOptions,
  EnumerateOptions,
  Handover,
  SharedCoordinator,
} from './coordinator-port.ts'
import { startHeartbeat } from './heartbeat.ts'
import { storeSession, unstarted } from './new-session.ts'
import { isGone, newOwner, ownedHere } from './owner.ts'
import type { CredentialResolver, EnumerationDeps, CoordinatorActor } from './ports.ts'
import { patiently } from './patiently.ts'
import { resultStreams, type EnumerationResult } from './result.ts'
import { createWalk } from './create-walk.ts'
import { refuseUnknownCredentials } from './credentials.ts'
import { checkedSignals, type StopSignals } from './signals.ts'
import type { Walk } from './walk.ts'
import { Walker } from './walker.ts'

interface OpenWalk {
  readonly walk: Walk
  readonly result: EnumerationResult
  readonly done: PromiseWithResolvers<SessionState>
  /** Resolves when the walk has left nothing behind in this process. */
  readonly finished: PromiseWithResolvers<void>
  /** Aborts when the walk is over: what listens for it lets go. */
  readonly over: AbortController
  /** Aborts when nothing more is to be handed on here. */
  readonly letGo: AbortController
  handover: Promise<void> | undefined
}

interface Start {
  readonly config: TargetConfig
  readonly credentials: CredentialResolver
  readonly sessionId: string
  readonly targetKey: string
  readonly isNew: boolean
  /** Whether an ended session is taken up again. */
  readonly onPurpose: boolean
  /** Whether it was asked for by its target, and not by its identity. */
  readonly isByTarget?: boolean
  readonly signals: StopSignals
  readonly handover?: Handover | undefined
  /** The session, where it was claimed already. */
  readonly claimed?: ClaimedSession
}

/** Answers older than a month are of places that nobody walks any more. */
const ANSWERS_KEPT_MS = 30 * 86_400_000

export class EnumerationCoordinator implements SharedCoordinator {
  readonly #deps: EnumerationDeps
  readonly owner = newOwner()
  readonly #walks = new Map<string, OpenWalk>()
  /** Walks that are over, and whose lease is held until all is handed on; a session can have several. */
  readonly #handingOn = new Set<OpenWalk>()
  /** The walks that have something left in this process: those above, and those that are giving up their leases. */
  readonly #leaving = new Set<Promise<void>>()
  readonly #unfinished: Map<string, string>
  readonly #walker: Walker
  readonly #actor: CoordinatorActor
  readonly #stopHeartbeat: () => void
  readonly #closed = new AbortController()
  readonly #channels: Channels
  /** The credentials that came with a target's own spec, for resuming it in this process. */
  readonly #credentials = new Map<string, CredentialResolver>()
  #closing = false

  private constructor(deps: EnumerationDeps, unfinished: Map<string, string>) {
    this.#deps = deps
    this.#unfinished = unfinished
    this.#channels = new Channels({
      ...deps,
      closed: this.#closed.signal,
      isWalked: (sessionId) => this.#walks.has(sessionId),
      // One that could not be stored is not taken up, whoever reads from it.
      onBegun: ({ targetKey }) => this.#settleTarget(targetKey).catch(() => undefined),
      onDrained: ({ targetKey }) => this.#settleTarget(targetKey).catch(() => undefined),
    })
    this.#walker = new Walker({ ...deps, owner: this.owner, coordinator: () => this.#actor })
    const logic = coordinatorLogic({
      ...deps,
      walker: this.#walker,
      walk: (id) => this.#open(id).walk,
      requestStarted: (id) => this.#enumerator(id)?.send({ type: 'request.started' }),
      walkEnded: (id, output) => this.#ended(id, output),
      walkBroke: (id, error) => this.#broke(id, error),
    })
    this.#actor = createActor(logic, {
      id: 'coordinator',
      clock: timersOf(deps.clock),
      ...(deps.inspect === undefined ? {} : { inspect: deps.inspect }),
    }) as CoordinatorActor
    // Without an observer, an error of the root actor would end the host's process.
    this.#actor.subscribe({ error: (error) => this.#breakAll(error) })
    this.#actor.start()
    ownedHere.add(this.owner)
    this.#stopHeartbeat = startHeartbeat(deps.settings.leaseMs, timersOf(deps.clock), () =>
      this.#renewLeases(),
    )
  }

  /** A coordinator that knows which sessions the database holds unfinished. */
  static async create(deps: EnumerationDeps): Promise<EnumerationCoordinator> {
    const { store, clock } = deps
    await store.repositories.answers.prune(new Date(clock.now() - ANSWERS_KEPT_MS))
    const unfinished = new Map<string, string>()
    for (const { targetKey, sessionId } of await store.findUnfinished()) {
      // The oldest first: its tasks have waited longest.
      if (!unfinished.has(targetKey)) unfinished.set(targetKey, sessionId)
    }
    return new EnumerationCoordinator(deps, unfinished)
  }

  enumerateTarget(spec: unknown, options: EnumerateOptions = {}): EnumerationResult {
    this.#refuseWhenClosed()
    const { config, credentials } = this.#deps.parse(spec, options.auth)
    const targetKey = targetKeyOf(config)
    this.#credentials.set(targetKey, credentials)
    const known = this.#unfinished.get(targetKey)
    return this.#start({
      config,
      credentials,
      targetKey,
      sessionId: known ?? newId(),
      isNew: known === undefined,
      onPurpose: false,
      isByTarget: known !== undefined,
      signals: checkedSignals(options),
      handover: options.handover,
    })
  }

  resumeTarget(
    state: SessionState,
    options: Omit<EnumerateOptions, 'auth'> = {},
  ): EnumerationResult {
    this.#refuseWhenClosed()
    const targetKey = targetKeyOf(state.config)
    const shared = this.#deps.credentials
    const own = this.#credentials.get(targetKey)
    return this.#start({
      config: state.config,
      credentials: own === undefined || shared.knows(state.config) ? shared : own,
      targetKey,
      sessionId: state.sessionId,
      isNew: false,
      onPurpose: !isActive(state.status),
      signals: checkedSignals(options),
      handover: options.handover,
    })
  }

  get walking(): number {
    return this.#walks.size + this.#handingOn.size
  }

  async claim(options: ClaimOptions): Promise<EnumerationResult[]> {
    const { store, settings, sources } = this.#deps
    const { limit, except, handover, currently } = options
    const claimed = await store.claimSessions({
      owner: this.owner,
      leaseMs: settings.leaseMs,
      limit,
      sourceTypes: [...sources.keys()],
      // A lease of ours that ran out while the process was held up is taken back by its walk.
      except: [...except, ...this.#walks.keys(), ...this.#handedOn()],
      announcing: handover !== undefined,
      isGone,
    })
    if (this.#closing) {
      for (const { state } of claimed) {
        await store.releaseLease({ sessionId: state.sessionId, owner: this.owner })
      }
      return []
    }
    return claimed.map((session) => {
      const config = currently(session.state.config)
      return this.#start({
        config,
        credentials: this.#deps.credentials,
        targetKey: targetKeyOf(config),
        sessionId: session.state.sessionId,
        isNew: false,
        onPurpose: false,
        signals: {},
        handover,
        claimed: session,
      })
    })
  }

  async offer(
    config: TargetConfig,
    { roundId, announcing }: { readonly roundId: number; readonly announcing: boolean },
  ): Promise<void> {
    const { store, clock } = this.#deps
    const state = unstarted({ sessionId: newId(), config }, clock)
    try {
      await patiently(() => storeSession(state, this.#deps, { roundId, announcing }), this.#deps)
    } catch (thrown) {
      if (!(thrown instanceof LeaseError) || thrown.code !== 'LEASE_HELD') throw thrown
      for (const { sessionId } of await store.findUnfinished(targetKeyOf(config))) {
        await store.offerSession({ sessionId, announcing })
      }
    }
  }

  /** Finishes the pages in hand, gives up the leases and stops. */
  async close(): Promise<void> {
    this.#closing = true
    for (const { walk } of this.#walks.values()) walk.stopping ??= 'drain'
    for (const { letGo } of this.#handingOn) letGo.abort()
    this.#actor.send({ type: 'coordinator.drain' })
    await Promise.all(this.#leaving)
    this.#closed.abort()
    this.#stopHeartbeat()
    this.#actor.stop()
    ownedHere.delete(this.owner)
  }

  #refuseWhenClosed(): void {
    if (!this.#closing) return
    throw new MusterError('CLOSED', 'this Muster is closed: create another with createMuster()')
  }

  #start(start: Start): EnumerationResult {
    const running = this.#walks.get(start.sessionId)
    if (running !== undefined) return running.result
    const channel = this.#channels.of(start)
    channel.changes.reopen()
    const walk = createWalk(this.#deps, { ...start, ...channel })
    const done = Promise.withResolvers<SessionState>()
    // Nobody has to wait for `done`; who does gets the rejection all the same.
    done.promise.catch(() => undefined)
    const result = {
      sessionId: start.sessionId,
      done: done.promise,
      ...resultStreams(walk, {
        store: this.#deps.store,
        closed: this.#closed.signal,
        channel: () => this.#channels.of(start),
        credentials: async () => forScanner(await start.credentials.resolve(start.config)),
      }),
    }
    const finished = Promise.withResolvers<void>()
    this.#leaving.add(finished.promise)
    const [over, letGo] = [new AbortController(), new AbortController()]
    const open = { walk, result, done, finished, over, letGo, handover: undefined }
    this.#walks.set(start.sessionId, open)
    this.#unfinished.set(start.targetKey, start.sessionId)
    this.#begin(open, start).catch((thrown: unknown) => this.#finish(open, thrown))
    return result
  }

  /** From the stored session to a running enumerator; starting and resuming are the same road. */
  async #begin(open: OpenWalk, start: Start): Promise<void> {
    const { walk } = open
    this.#listen(open, start.signals)
    refuseUnknownCredentials(walk)
    if (start.isNew) await this.#createNew(walk, start)
    const claimed = start.claimed ?? (await this.#claimOne(walk, start))
    walk.state = taken(claimed.state, walk.config)
    walk.revision = claimed.revision
    const checkpoint = claimed.state.lastCheckpoint?.data ?? {}
    const snapshot = openSnapshot(walk.sessionId, checkpoint)
    open.handover = start.handover?.({
      result: open.result,
      session: walk.state,
      revision: walk.revision,
      signal: open.letGo.signal,
    })
    if (start.isByTarget && this.#deps.store.isShared) await this.#refuseEndedElsewhere(walk)
    if (walk.stopping !== null) return this.#finish(open)
    this.#actor.send({ type: 'session.open', sessionId: walk.sessionId, snapshot })
    await this.#takeUp(walk, start.onPurpose)
    if (!isActive(walk.state.status) || walk.stopping !== null) return this.#finish(open)
    // One that was offered and never walked begins here.
    const wasOffered = start.claimed?.state.status === 'INITIALIZED'
    const resumed = !start.isNew && !wasOffered
    announce(this.#deps.bus, 'session.started', { session: walk.state, resumed })
    const { maxAttempts, backoffMs, maxBackoffMs, stallMs, holdMs } = this.#deps.settings
    this.#actor.send({
      type: 'enumerator.open',
      input: {
        sessionId: walk.sessionId,
        maxAttempts,
        backoffMs,
        maxBackoffMs,
        stallMs,
        holdMs,
      },
    })
  }

  /** Another process may have walked it to its end since this one looked: whoever asks for the target wants more than that. */
  async #refuseEndedElsewhere({ sessionId, state, config }: Walk): Promise<void> {
    if (isActive(state.status)) return
    const left = await this.#deps.store.findUnfinished(targetKeyOf(config))
    if (left.some((unfinished) => unfinished.sessionId === sessionId)) return
    throw new LeaseError(
      'LEASE_LOST',
      `session ${sessionId} of target "${config.name}" was walked to its end by another process: call again to walk the target anew`,
    )
  }

  #claimOne(walk: Walk, { handover }: Start): Promise<ClaimedSession> {
    const { store, settings } = this.#deps
    const request = {
      sessionId: walk.sessionId,
      owner: this.owner,
      leaseMs: settings.leaseMs,
      announcing: handover !== undefined,
      isGone,
    }
    return patiently(() => store.claimSession(request), this.#deps)
  }

  /** Hears the caller's signals as long as the walk goes on; one of them may outlive many walks. */
  #listen(open: OpenWalk, { signal, drain }: Start['signals']): void {
    const { walk } = open
    const stop = (how: 'cancel' | 'drain') => () => {
      if (walk.stopping !== 'cancel') walk.stopping = how
      this.#enumerator(walk.sessionId)?.send({ type: `enumerator.${how}` })
    }
    const options = { once: true, signal: open.over.signal }
    signal?.addEventListener('abort', stop('cancel'), options)
    drain?.addEventListener('abort', stop('drain'), options)
    if (signal?.aborted === true) walk.stopping = 'cancel'
    else if (drain?.aborted === true) walk.stopping = 'drain'
  }

  async #createNew(walk: Walk, start: Start): Promise<void> {
    try {
      await patiently(() => storeSession(walk.state, this.#deps), this.#deps)
    } catch (thrown) {
      // What could not be stored is not there to be taken up by the next call.
      this.#unfinished.delete(start.targetKey)
      throw thrown
    }
  }

  async #takeUp(walk: Walk, onPurpose: boolean): Promise<void> {
    const at = this.#deps.clock.now()
    if (walk.state.status === 'INITIALIZED') {
      return this.#walker.takeUp(walk, { type: 'session.start', at })
    }
    if (!onPurpose || isActive(walk.state.status)) return
    const { sessionId } = walk
    const lastFailedItem = await this.#deps.store.repositories.failedItems.lastId(sessionId)
    const event = { type: 'session.resume', at, lastFailedItem } as const
    if (!this.#walker.can(walk, event)) return
    // What it was held against is held against it again at its next end.
    await this.#walker.takeUp(walk, event, { told: { comparison: null } })
  }

  #ended(sessionId: string, { end, reason }: EnumeratorOutput): void {
    const open = this.#walks.get(sessionId)
    if (open === undefined) return
    if (end === 'abandoned') {
      this.#finish(open, open.walk.error ?? new LeaseError('LEASE_LOST', reason ?? 'lease lost'))
    } else if (end === 'paused') {
      this.#finish(open, open.walk.error)
    } else if (end === 'broken') {
      this.#finish(open, open.walk.error ?? new MusterError('STORE_FAILED', reason ?? 'unknown'))
    } else {
      this.#finish(open)
    }
  }

  #broke(sessionId: string, error: unknown): void {
    const open = this.#walks.get(sessionId)
    if (open !== undefined) this.#finish(open, error)
  }

  #breakAll(error: unknown): void {
    for (const open of this.#walks.values()) this.#finish(open, error)
  }

  /** The walk is over in this process: at its end, stopped, or broken by an error. */
  #finish(open: OpenWalk, error?: unknown): void {
    const { walk, done, finished } = open
    if (!this.#walks.delete(walk.sessionId)) return
    walk.error = error
    open.over.abort()
    this.#handingOn.add(open)
    // What is left to hand on is the next one's, unless the walk came to an end or a pause here.
    const isLeft = walk.stopping === null && (error === undefined || error instanceof PauseError)
    if (!isLeft) open.letGo.abort()
    // A coordinator that has drained has let go of its sessions already.
    if (this.#actor.getSnapshot().status === 'active') {
      this.#actor.send({ type: 'session.close', sessionId: walk.sessionId })
    }
    walk.changes.close()
    this.#settle(open).finally(() => {
      this.#handingOn.delete(open)
      // Told when the session is free again: a handler may take it up at once.
      this.#announceEnd(walk)
      this.#channels.dropIdle(walk.sessionId)
      this.#leaving.delete(finished.promise)
      finished.resolve()
      if (error === undefined) done.resolve(walk.state)
      else done.reject(error)
    })
  }

  #handedOn(): string[] {
    return [...this.#handingOn].map(({ walk }) => walk.sessionId)
  }

  /** Drops the page ahead, gives up the lease, and looks up what of the target is left for another call. */
  async #settle(open: OpenWalk): Promise<void> {
    const { walk, handover } = open
    const { store } = this.#deps
    const { sessionId, config } = walk
    try {
      await this.#walker.leave(walk)
      await handover
      this.#handingOn.delete(open)
      // Taken up anew here meanwhile, or handed on still, it has its lease from this same process.
      if (!this.#walks.has(sessionId) && !this.#handedOn().includes(sessionId)) {
        await store.releaseLease({ sessionId, owner: this.owner })
      }
      await this.#settleTarget(targetKeyOf(config))
    } catch {
      // A lease that cannot be given back runs out by itself; what ended the walk is reported already.
    }
  }

  #announceEnd(walk: Walk): void {
    const { bus } = this.#deps
    if (walk.error === undefined && !isActive(walk.state.status)) {
      announce(bus, 'session.ended', { session: walk.state })
      return
    }
    announce(bus, 'session.interrupted', {
      sessionId: walk.sessionId,
      targetName: walk.config.name,
      error: walk.error === undefined ? null : errorRecord(walk.error),
    })
  }

  /** Whether something of the target is left to walk or to deliver; else the next call starts afresh. */
  async #settleTarget(targetKey: string): Promise<void> {
    const [left] = await this.#deps.store.findUnfinished(targetKey)
    // Begun since the look at the database, which may not have it yet.
    if (this.#walks.has(this.#unfinished.get(targetKey) ?? '')) return
    if (left === undefined) this.#unfinished.delete(targetKey)
    else this.#unfinished.set(targetKey, left.sessionId)
  }

  async #renewLeases(): Promise<void> {
    const { store, settings } = this.#deps
    for (const open of [...this.#walks.values(), ...this.#handingOn]) {
      const { walk } = open
      // One that is not claimed yet has no lease to renew, and none to lose.
      if (walk.revision === 0) continue
      const fence = { sessionId: walk.sessionId, owner: this.owner }
      // A renewal that fails is tried again at the next beat; the fence holds meanwhile.
      const held = await store.renewLease({ ...fence, leaseMs: settings.leaseMs }).catch(() => true)
      const reason = `session ${walk.sessionId} was taken over by another process`
      // The answer may come late, when the session is walked anew.
      if (held) continue
      open.letGo.abort()
      if (this.#walks.get(walk.sessionId) !== open) continue
      this.#enumerator(walk.sessionId)?.send({ type: 'lease.lost', reason })
    }
  }

  #open(sessionId: string): OpenWalk {
    const open = this.#walks.get(sessionId)
    if (open === undefined) throw new Error(`session ${sessionId} is not walked here`)
    return open
  }

  #enumerator(sessionId: string) {
    const { children } = this.#actor.getSnapshot() as SnapshotFrom<typeof coordinatorMachine>
    return children[enumeratorActorId(sessionId) as keyof typeof children]
  }
}

/** A session as it is taken up. A limit is its credential's: who comes with another one asks at once. */
function taken(state: SessionState, { authRef }: TargetConfig): SessionState {
  return state.config.authRef === authRef ? state : { ...state, waiting: null }
}

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
import { AskWatch, type Asks } from './asks.ts'
import { BudgetNotes } from './budget-notes.ts'
import { cancellation, cancelUnwalked, PAUSED_ON_REQUEST, pausedOnRequest } from './carry-out.ts'
import type {
  ClaimOptions,
  EnumerateOptions,
  ResumeOptions,
  SharedCoordinator,
} from './coordinator-port.ts'
import { startHeartbeat } from './heartbeat.ts'
import { storeSession } from './new-session.ts'
import { leftBecause } from './notes.ts'
import { offerTarget, refuseEndedElsewhere } from './offer.ts'
import { openWalk, type OpenWalk, type Start } from './open-walk.ts'
import { isGone, newOwner, ownedHere } from './owner.ts'
import type { CredentialResolver, CoordinatorActor, EnumerationDeps } from './ports.ts'
import { patiently } from './patiently.ts'
import { resultStreams, type EnumerationResult } from './result.ts'
import { createWalk, type WalkDeps } from './create-walk.ts'
import { refuseUnknownCredentials } from './credentials.ts'
import { checkedSignals } from './signals.ts'
import type { Walk } from './walk.ts'
import { Walker } from './walker.ts'

/** Answers older than a month are of places that nobody walks any more. */
const ANSWERS_KEPT_MS = 30 * 86_400_000

export class EnumerationCoordinator implements SharedCoordinator {
  readonly #deps: WalkDeps
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
  readonly #asks: AskWatch
  readonly #closed = new AbortController()
  readonly #channels: Channels
  /** The credentials that came with a target's own spec, for resuming it in this process. */
  readonly #credentials = new Map<string, CredentialResolver>()
  #closing = false

  private constructor(deps: EnumerationDeps, unfinished: Map<string, string>) {
    this.#deps = { ...deps, notes: new BudgetNotes(deps) }
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
    this.#asks = new AskWatch({
      ...deps,
      owner: this.owner,
      isNeeded: () => this.walking > 0,
      obey: (asks) => this.#obey(asks),
    })
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
      lift: false,
      asked: null,
      isByTarget: known !== undefined,
      signals: checkedSignals(options),
      handover: options.handover,
    })
  }

  resumeTarget(state: SessionState, options: ResumeOptions = {}): EnumerationResult {
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
      lift: options.lift ?? true,
      asked: state.asked,
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
        const lease = { sessionId: state.sessionId, owner: this.owner }
        await store.releaseLease({ ...lease, left: 'stopped on request' })
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
        lift: false,
        asked: session.state.asked,
        signals: {},
        handover,
        claimed: session,
      })
    })
  }

  async offer(
    config: TargetConfig,
    to: { readonly roundId: number; readonly announcing: boolean },
  ): Promise<void> {
    await offerTarget(this.#deps, config, to)
  }

  /** The root of the actors that walk. */
  get actor(): CoordinatorActor {
    return this.#actor
  }

  /** Whether this process has a walk of the session, or is about to. */
  isWalking(sessionId: string): boolean {
    return this.#walks.has(sessionId)
  }

  /** Looks at once what is asked of the sessions that are walked here. */
  async look(): Promise<void> {
    await this.#asks.look()
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
    this.#asks.stop()
    this.#deps.notes.stop()
    this.#actor.stop()
    ownedHere.delete(this.owner)
  }

  #refuseWhenClosed(): void {
    if (!this.#closing) return
    throw new MusterError('CLOSED', 'this Muster is closed: create another with createMuster()')
  }

  #start(start: Start): EnumerationResult {
    const running = this.#walks.get(start.sessionId)
    if (running !== undefined) {
      if (start.lift) this.#lift(running)
      return running.result
    }
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
    const open = openWalk(walk, result, done)
    this.#leaving.add(open.finished.promise)
    this.#walks.set(start.sessionId, open)
    this.#unfinished.set(start.targetKey, start.sessionId)
    this.#begin(open, start).catch((thrown: unknown) => this.#finish(open, thrown))
    return result
  }

  /** From the stored session to a running enumerator; starting and resuming are the same road. */
  async #begin(open: OpenWalk, start: Start): Promise<void> {
    const { walk } = open
    this.#listen(open, start.signals)
    // To end a session takes no credential.
    if (start.asked !== 'cancel') refuseUnknownCredentials(walk)
    if (start.isNew) await this.#createNew(walk, start)
    const claimed = start.claimed ?? (await this.#claimOne(walk, start))
    walk.state = taken(claimed.state, walk.config)
    walk.revision = claimed.revision
    walk.asked = claimed.state.asked
    const checkpoint = claimed.state.lastCheckpoint?.data ?? {}
    const snapshot = openSnapshot(walk.sessionId, checkpoint)
    open.handover = start.handover?.({
      result: open.result,
      session: walk.state,
      revision: walk.revision,
      signal: open.letGo.signal,
    })
    if (start.isByTarget && this.#deps.store.isShared) {
      await refuseEndedElsewhere(this.#deps.store, walk)
    }
    if (walk.stopping !== null) return this.#finish(open)
    this.#actor.send({ type: 'session.open', sessionId: walk.sessionId, snapshot })
    await this.#takeUp(walk, start.onPurpose)
    if (!isActive(walk.state.status) || walk.stopping !== null) return this.#finish(open)
    if (walk.asked !== null) return this.#carryOut(open)
    // One that was offered and never walked begins here.
    const wasOffered = start.claimed?.state.status === 'INITIALIZED'
    const resumed = !start.isNew && !wasOffered
    announce(this.#deps.bus, 'session.started', { session: walk.state, resumed })
    this.#openEnumerator(walk)
  }

  #openEnumerator({ sessionId }: Walk): void {
    const { maxAttempts, backoffMs, maxBackoffMs, stallMs, holdMs } = this.#deps.settings
    this.#actor.send({
      type: 'enumerator.open',
      input: { sessionId, maxAttempts, backoffMs, maxBackoffMs, stallMs, holdMs },
    })
  }

  #claimOne(walk: Walk, { handover, lift }: Start): Promise<ClaimedSession> {
    const { store, settings } = this.#deps
    const request = {
      sessionId: walk.sessionId,
      owner: this.owner,
      leaseMs: settings.leaseMs,
      lift,
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
    const { walk } = open
    if (end === 'abandoned') {
      this.#finish(open, walk.error ?? new LeaseError('LEASE_LOST', reason ?? 'lease lost'))
    } else if (end === 'paused') {
      this.#finish(open, walk.error)
    } else if (end === 'broken') {
      this.#finish(open, walk.error ?? new MusterError('STORE_FAILED', reason ?? 'unknown'))
    } else if (end === 'stopped' && (walk.stopping === null || walk.asked !== null)) {
      this.#carryOut(open).catch((thrown: unknown) => this.#finish(open, thrown))
    } else {
      this.#finish(open)
    }
  }

  /** What others ask of the sessions that are walked here: their pages in hand are finished first. */
  #obey(asks: Asks): void {
    for (const { walk } of this.#walks.values()) {
      const ask = asks.get(walk.sessionId) ?? null
      // What is asked of one that is not claimed yet comes with its claim.
      if (walk.revision === 0 || ask === walk.asked) continue
      walk.asked = ask
      walk.state = { ...walk.state, asked: ask }
      if (ask !== null) this.#enumerator(walk.sessionId)?.send({ type: 'enumerator.drain' })
    }
    for (const { walk, letGo } of this.#handingOn) {
      // Its end is written by whoever has its lease: nothing more is handed on before.
      const isToEnd = asks.get(walk.sessionId) === 'cancel' && isActive(walk.state.status)
      if (isToEnd) letGo.abort()
    }
  }

  /** Somebody takes up a session whose walk here may be coming to rest for a pause: it is to go on. */
  #lift(open: OpenWalk): void {
    const { sessionId } = open.walk
    const { store } = this.#deps
    const lift = { sessionId, ask: null, by: this.owner }
    // One that has ended, or is to be cancelled, has no pause to lift.
    open.lifting = patiently(() => store.steerSession(lift), this.#deps).catch(() => undefined)
  }

  /**
   * A walk has come to rest because something was asked of its session: does it,
   * under the lease. What counts is what is asked by now; where a pause was lifted
   * while the page in hand was finished, the same walk goes on.
   */
  async #carryOut(open: OpenWalk): Promise<void> {
    const { walk } = open
    const { sessionId } = walk
    for (let isPaused = false; ;) {
      const { lifting } = open
      await lifting
      const ask = (await patiently(() => this.#asks.asks(), this.#deps)).get(sessionId) ?? null
      if (open.lifting !== lifting) continue
      walk.asked = ask
      if (ask === null) return await this.#goOn(open, isPaused)
      if (ask === 'cancel') return await this.#cancel(open)
      if (isPaused) return this.#finish(open, pausedOnRequest(sessionId, walk.config.name))
      if (!(await this.#recordPause(walk))) return this.#finish(open, walk.error)
      isPaused = true
    }
  }

  /** @returns whether the session is still this process's */
  async #recordPause(walk: Walk): Promise<boolean> {
    walk.state = { ...walk.state, asked: 'pause' }
    // That a source asked to be left alone until a time outlasts the pause: it is not asked earlier for it.
    if ((walk.state.waiting?.until?.getTime() ?? 0) > this.#deps.clock.now()) return true
    const wait = { sessionId: walk.sessionId, until: null, reason: PAUSED_ON_REQUEST }
    const outcome = await this.#walker.recordWait(walk, wait)
    return outcome.kind !== 'stale'
  }

  /** The walk goes on, unless its host has stopped it meanwhile. */
  async #goOn(open: OpenWalk, wasPaused: boolean): Promise<void> {
    const { walk } = open
    const { sessionId } = walk
    if (wasPaused) await this.#deps.store.offerSession({ sessionId })
    const waiting = wasPaused && walk.state.waiting?.until === null ? null : walk.state.waiting
    walk.state = { ...walk.state, asked: null, waiting }
    if (walk.stopping !== null) return this.#finish(open)
    this.#openEnumerator(walk)
  }

  /** A process that is closing has let go of its session's actor: the end is then written when the lease is given up. */
  async #cancel(open: OpenWalk): Promise<void> {
    const { walk } = open
    const isAlive = this.#actor.getSnapshot().status === 'active'
    if (isAlive) await this.#walker.takeUp(walk, cancellation(this.#deps.clock.now()))
    this.#finish(open)
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
      if (walk.error === undefined) done.resolve(walk.state)
      else done.reject(walk.error)
    })
  }

  #handedOn(): string[] {
    return [...this.#handingOn].map(({ walk }) => walk.sessionId)
  }

  /** Drops the page ahead, gives up the lease, and looks up what of the target is left for another call. */
  async #settle(open: OpenWalk): Promise<void> {
    const { walk, handover } = open
    const { sessionId, config } = walk
    try {
      await this.#walker.leave(walk)
      await handover
      this.#handingOn.delete(open)
      // Taken up anew here meanwhile, or handed on still, it has its lease from this same process.
      if (!this.#walks.has(sessionId) && !this.#handedOn().includes(sessionId)) {
        await this.#giveUp(walk)
      }
      await this.#settleTarget(targetKeyOf(config))
    } catch {
      // A lease that cannot be given back runs out by itself; what ended the walk is reported already.
    }
  }

  /** Gives up the lease. What was asked of the session while nobody looked any more is done then. */
  async #giveUp(walk: Walk): Promise<void> {
    const { store } = this.#deps
    const { sessionId, credentials } = walk
    const lease = { sessionId, owner: this.owner }
    if (!isActive(walk.state.status)) return store.releaseLease(lease)
    const left = leftBecause(walk, (text) => credentials.mask(text))
    await store.releaseLease({ ...lease, left })
    if (walk.revision === 0 || walk.error instanceof LeaseError) return
    // Whoever asks for something from now on sees that nobody walks it, and does it.
    const state = await store.repositories.sessions.load(sessionId)
    if (state?.asked === 'cancel') {
      const ended = await cancelUnwalked(this.#deps, sessionId)
      if (ended !== null) Object.assign(walk, { state: ended, error: undefined })
    }
    // A pause that was lifted before the lease was given up has left its mark.
    const isMarked = state?.waiting?.reason === PAUSED_ON_REQUEST
    if (state?.asked === null && isMarked) await store.offerSession({ sessionId })
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

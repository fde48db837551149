import assert from 'node:assert/strict'
import { createActor } from 'xstate'
import { sessionMachine, type SessionEvent } from '../../../machines/index.ts'
import { nextSnapshot } from '../../../src/domain/next-snapshot.ts'
import { newId } from '../../../src/domain/identity.ts'
import { isActive, machineState, type SessionSnapshot } from '../../../src/domain/session-state.ts'
import { openSnapshot, sealSnapshot } from '../../../src/enumeration/envelope.ts'
import { storeSession, unstarted } from '../../../src/enumeration/new-session.ts'
import type { ClaimedSession, Store } from '../../../src/store/store.ts'
import type { Life } from '../life.ts'
import type { Scenario } from '../scenario.ts'
import { column } from './kit.ts'

const TARGETS = ['a', 'b', 'paused']
const LEASE_MS = 60_000
const GONE = 'host/1/0-gone'
const HOUR_MS = 3_600_000
const AT = 1_800_000_000_000

const configOf = (name: string) => ({
  name,
  sourceType: 'scripted',
  authRef: null,
  spec: { list: name },
})

/** One of several machines: it leads, offers the targets of a round, and walks what it can claim. */
class Host {
  readonly #life: Life
  readonly #store: Store
  readonly #request
  readonly #clock

  constructor(life: Life, store: Store, turn: { readonly owner: string; readonly now: number }) {
    this.#life = life
    this.#store = store
    this.#clock = { now: () => turn.now }
    const isGone = (owner: string) => owner === GONE
    this.#request = { owner: turn.owner, leaseMs: LEASE_MS, isGone }
  }

  async work(): Promise<void> {
    const store = this.#store
    // One that led on this machine has just died; of others nobody can say that they are gone.
    assert.equal(await store.lead({ ...this.#request, owner: GONE }), true)
    assert.equal(await store.lead(this.#request), true)
    // Another round would walk everything anew.
    if ((await store.lastRound())?.isOpen !== false) await this.#round()
    await store.resign(this.#request)
  }

  async #round(): Promise<void> {
    const store = this.#store
    const { roundId } = await store.openRound({ at: this.#clock.now() })
    await this.#offer(roundId)
    for (let claimed = await this.#claim(); claimed.length > 0; claimed = await this.#claim()) {
      for (const session of claimed) await this.#walk(session)
    }
    assert.deepEqual(await store.unendedOfRound(roundId), [])
    await store.closeRound({ roundId, at: this.#clock.now() })
  }

  async #offer(roundId: number): Promise<void> {
    const store = this.#store
    const begun = await store.sessionsOfRound(roundId)
    for (const { sessionId } of begun) await store.offerSession({ sessionId })
    for (const name of TARGETS) {
      if (begun.some(({ targetName }) => targetName === name)) continue
      const state = unstarted({ sessionId: newId(), config: configOf(name) }, this.#clock)
      await storeSession(state, { store, clock: this.#clock }, { roundId })
      this.#life.note(`offered ${name}`)
    }
  }

  #claim(): Promise<ClaimedSession[]> {
    const wanted = { limit: 10, sourceTypes: ['scripted'], except: [], announcing: true }
    return this.#store.claimSessions({ ...this.#request, ...wanted })
  }

  async #walk(claimed: ClaimedSession): Promise<void> {
    const [store, life] = [this.#store, this.#life]
    const { sessionId, targetName, status } = claimed.state
    const lease = { sessionId, owner: this.#request.owner }
    if (targetName === 'paused' && !life.facts.has('mended')) {
      await store.recordWaiting({ ...lease, waiting: { reason: 'refused', until: null } })
      await store.releaseLease(lease)
      life.note('mended')
      return store.offerSession({ sessionId })
    }
    if (isActive(status)) await this.#walkToItsEnd(claimed)
    life.note(`announced ${sessionId}`)
    await store.markAnnounced({ sessionId })
    await store.releaseLease(lease)
  }

  async #walkToItsEnd({ state, revision }: ClaimedSession): Promise<void> {
    const at = this.#clock.now()
    const stored = openSnapshot(state.sessionId, state.lastCheckpoint?.data ?? {})
    let live = createActor(sessionMachine, {
      snapshot: stored,
      input: undefined as never,
    }).getSnapshot() as SessionSnapshot
    const events: SessionEvent[] = [
      { type: 'session.start', at },
      { type: 'listing.exhausted', at, shortfalls: [] },
    ]
    let read = revision
    for (const event of events.filter((event) => live.can(event) || event !== events[0])) {
      live = nextSnapshot(sessionMachine, live, event)
      const { sessionId } = state
      const { owner, leaseMs } = this.#request
      await this.#store.commitSession({
        fence: { sessionId, owner, revision: read, leaseMs },
        session: { ...state, waiting: null, ...machineState(live) },
        checkpoint: sealSnapshot(live),
      })
      read += 1
    }
  }
}

/** Each life is a host of its own, an hour after the one before: by then the leases of that one have run out. */
export const hostsScenario: Scenario = {
  title: 'hosts that claim the sessions of a round, and one that leads them',
  async live(life) {
    const turn = life.facts.of('host').length
    life.note(`host ${turn}`)
    const now = AT + turn * HOUR_MS
    const store = await life.store({ clock: { now: () => now } })
    try {
      await new Host(life, store, { owner: `host-${turn}/1/0-x`, now }).work()
    } finally {
      await store.close()
    }
  },
  whole(database, facts) {
    const announced = facts.of('announced')
    const claimants = column(
      database,
      `select distinct lease_owner from sessions where lease_owner is not null`,
    )
    const unannounced = column(
      database,
      `select session_id from sessions where status = 'COMPLETED' and announcement_owed = 0`,
    ).filter((session) => !announced.includes(session as string))
    const isClosed = column(database, 'select completed_at from rounds').some(Boolean)
    const [left] = column(
      database,
      `select count(*) from sessions where status <> 'COMPLETED' or announcement_owed = 1`,
    )
    const offered = column(database, 'select target_name from sessions')
    return [
      ...(claimants.length < 2 ? [] : [`the leases are of ${claimants.join(' and ')}`]),
      ...unannounced.map((session) => `the end of ${String(session)} is owed to nobody`),
      ...(isClosed && left !== 0
        ? [`the round is over, and ${String(left)} sessions are not`]
        : []),
      ...(new Set(offered).size === offered.length ? [] : [`two of one target: ${offered.join()}`]),
      ...facts.of('offered').filter((name) => !offered.includes(name)),
    ]
  },
  truth(database, facts) {
    assert.deepEqual(
      database
        .prepare(
          `select target_name, status, announcement_owed, waiting_reason
            from sessions order by 1`,
        )
        .raw()
        .all(),
      TARGETS.map((name) => [name, 'COMPLETED', 0, null]),
    )
    assert.deepEqual(column(database, 'select completed_at is null from rounds'), [0])
    assert.deepEqual(column(database, 'select owner from leaders'), [])
    assert.deepEqual(
      new Set(facts.of('announced')),
      new Set(column(database, 'select session_id from sessions')),
    )
  },
}

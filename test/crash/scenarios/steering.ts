import assert from 'node:assert/strict'
import type Database from 'better-sqlite3'
import { newId } from '../../../src/domain/identity.ts'
import { storeSession, unstarted } from '../../../src/enumeration/new-session.ts'
import type { BudgetNote } from '../../../src/sources/source.ts'
import { openDatabase } from '../../../src/store/open-database.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Life } from '../life.ts'
import type { Scenario } from '../scenario.ts'
import { column } from './kit.ts'

const AT = 1_800_000_000_000
const HOUR_MS = 3_600_000
const LEASE_MS = 60_000
const NOTES = 3

const noteOf = (remaining: number): BudgetNote => ({
  credential: 'fingerprint',
  label: 'gh',
  limits: ['core', 'search'].map((resource) => ({
    resource,
    told: { limit: 60, remaining, resetAt: 9e14 },
    underWay: 0,
    blockedMs: 0,
  })),
})

/** What is done to a session, step by step; each life goes on after the last that is known to be done. */
class Steps {
  readonly #life: Life
  readonly #store: Store
  readonly #sessionId: string
  readonly #owner: string

  constructor(life: Life, store: Store, of: { sessionId: string; owner: string }) {
    this.#life = life
    this.#store = store
    this.#sessionId = of.sessionId
    this.#owner = of.owner
  }

  async #once(step: string, work: () => Promise<unknown>): Promise<void> {
    if (this.#life.facts.has(`did ${step}`)) return
    await work()
    this.#life.note(`did ${step}`)
  }

  async all(): Promise<void> {
    const [store, sessionId, owner] = [this.#store, this.#sessionId, this.#owner]
    const steer = (ask: 'pause' | 'cancel' | null) =>
      store.steerSession({ sessionId, ask, by: 'somebody' })
    const claim = { sessionId, owner, leaseMs: LEASE_MS, isGone: () => true }
    await this.#once('pause', () => steer('pause'))
    await this.#once('lift', () => store.claimSession({ ...claim, lift: true }))
    await this.#once('ask', () => steer('pause'))
    await this.#once('leave', () => this.#leave(claim))
    await this.#once('end', () => steer(null))
    await this.#once('cancel', () => steer('cancel'))
    for (let note = 0; note < NOTES; note += 1) {
      await this.#once(`note ${note}`, () => store.noteBudget(noteOf(50 - note)))
    }
  }

  /** By one who drains what it has in hand: whoever comes after a crash has to lift the pause for it, and to ask anew. */
  async #leave(claim: Parameters<Store['claimSession']>[0]): Promise<void> {
    const [store, sessionId, owner] = [this.#store, this.#sessionId, this.#owner]
    if ((await store.asksOf(owner)).length === 0) {
      await store.claimSession({ ...claim, lift: true })
      await store.steerSession({ sessionId, ask: 'pause', by: 'somebody' })
    }
    const waiting = { reason: 'paused on request', until: null }
    await store.recordWaiting({ sessionId, owner, waiting })
    await store.releaseLease({ sessionId, owner, left: 'paused on request' })
  }
}

/** The last that the record says of a kind has to be what the session's row says. */
function recordProblems(database: Database.Database): string[] {
  const [asked] = column(database, 'select asked from sessions')
  const [leased] = column(database, 'select lease_owner is not null from sessions')
  const lastOf = (events: readonly string[]) =>
    column(
      database,
      `select event from audit where event in (${events.map((e) => `'${e}'`).join()})
        order by id desc limit 1`,
    )[0]
  const lastAsked = lastOf(['pause-asked', 'cancel-asked', 'pause-lifted'])
  const expected = lastAsked === 'pause-lifted' ? null : (String(lastAsked).split('-')[0] ?? null)
  const isHeld = ['claimed', 'taken-over'].includes(
    String(lastOf(['claimed', 'taken-over', 'left'])),
  )
  return [
    ...(lastAsked === undefined || expected === asked
      ? []
      : [`asked is ${String(asked)}, and the record says ${String(lastAsked)}`]),
    ...(!isHeld && leased === 1 ? ['the record does not say who has the lease'] : []),
  ]
}

/** Each life is of another process, an hour after the one before: by then the lease of that one has run out. */
export const steeringScenario: Scenario = {
  title: 'a session that is paused, lifted, left and cancelled, and limits that are noted',
  async prepare(path) {
    const clock = { now: () => AT - HOUR_MS }
    const store = await openDatabase(path, { clock })
    const config = { name: 'steered', sourceType: 'scripted', authRef: null, spec: {} }
    await storeSession(unstarted({ sessionId: newId(), config }, clock), { store, clock })
    await store.close()
  },
  async live(life) {
    const turn = life.facts.of('life').length
    life.note(`life ${turn}`)
    const now = AT + turn * HOUR_MS
    const store = await life.store({ clock: { now: () => now } })
    try {
      const [session] = await store.repositories.sessions.list(1)
      const sessionId = session?.sessionId ?? ''
      await new Steps(life, store, { sessionId, owner: `host-${turn}/1/0-x` }).all()
    } finally {
      await store.close()
    }
  },
  whole(database, facts) {
    const limits = column(database, `select count(*) from budgets`)[0]
    const isNoted = facts.has('did note 0')
    return [
      ...recordProblems(database),
      ...(limits === 2 || (limits === 0 && !isNoted)
        ? []
        : [`${String(limits)} of the 2 limits of a note are there`]),
    ]
  },
  truth(database) {
    assert.deepEqual(column(database, 'select asked from sessions'), ['cancel'])
    assert.deepEqual(column(database, 'select lease_owner from sessions'), [null])
    assert.deepEqual(database.prepare('select label, remaining from budgets').raw().all(), [
      ['gh', 50 - NOTES + 1],
      ['gh', 50 - NOTES + 1],
    ])
    const events = column(database, 'select event from audit order by id')
    for (const event of ['pause-asked', 'paused', 'pause-lifted', 'left', 'cancel-asked']) {
      assert.ok(events.includes(event), `${event} is not in the record: ${events.join()}`)
    }
  },
}

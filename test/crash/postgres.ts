import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { ownedHere } from '../../src/enumeration/owner.ts'
import { openPostgresStore } from '../../src/store/postgres/open.ts'
import { Mirror, type Rows } from '../model/mirror.ts'
import { freshDatabase } from '../support/postgres.ts'
import { Facts, Life, type Boundary, type OpenOptions } from './life.ts'
import { inPlace } from './places.ts'
import type { Scenario } from './scenario.ts'
import { isPostgresWrite } from './statements.ts'
import { problemsIn } from './whole.ts'

/** How long a process that is dead may take to notice, in milliseconds; it does nothing more in any case. */
const LAST_BREATH_MS = 300

/** Each life connects anew; more of them would be waited for, and not used. */
const POOL_SIZE = 3

class Death extends Error {}

/** After it, what is on the server or what the world has seen is not what it was; between two of these nothing differs. */
const matters = ({ what, phase, isStatement }: Boundary): boolean =>
  phase === 'after' && (isStatement ? isPostgresWrite(what) : what.startsWith('noted'))

/** A database on PostgreSQL, in which processes live and die one after the other. */
export class PostgresPlace {
  readonly #url: string
  readonly #mirror: Mirror
  readonly #drop: () => Promise<void>

  private constructor(url: string, mirror: Mirror, drop: () => Promise<void>) {
    this.#url = url
    this.#mirror = mirror
    this.#drop = drop
  }

  static async make(): Promise<PostgresPlace> {
    const { url, drop } = await freshDatabase()
    await (await openPostgresStore({ url })).close()
    return new PostgresPlace(url, await Mirror.open(url), drop)
  }

  async close(): Promise<void> {
    await this.#mirror.close()
    await this.#drop()
  }

  /** What a scenario begins with, and how many moments its life has at which it matters to die. */
  async record(scenario: Scenario): Promise<{ readonly before: Rows; readonly moments: string[] }> {
    await this.#mirror.put()
    await scenario.prepare?.(this.#url)
    const before = await this.#mirror.rows()
    const moments: string[] = []
    await inPlace(async (path) => {
      const facts = new Facts()
      const onBoundary = (boundary: Boundary) => {
        if (matters(boundary)) moments.push(boundary.what)
      }
      await scenario.live(new Life({ path, facts, onBoundary, open: this.#open }))
      await this.#expectTruth(scenario, facts)
    })
    return { before, moments }
  }

  /** One process dies at its n-th moment, from 1; what it leaves has to be whole, and the next comes to the truth. */
  dieAndRestart(scenario: Scenario, before: Rows, nth: number): Promise<void> {
    return inPlace(async (path) => {
      await this.#mirror.put(before)
      const facts = new Facts(await this.#die(scenario, path, nth))
      await this.#expectWhole(scenario, facts)
      await scenario.live(new Life({ path, facts, open: this.#open }))
      await this.#expectTruth(scenario, facts)
    })
  }

  /** @returns what the world has seen of it */
  async #die(scenario: Scenario, path: string, nth: number): Promise<readonly string[]> {
    const facts = new Facts()
    const death = Promise.withResolvers<void>()
    let seen = 0
    let known: readonly string[] | undefined
    const onBoundary = (boundary: Boundary) => {
      if (known === undefined && matters(boundary)) {
        seen += 1
        if (seen === nth) {
          known = [...facts.all]
          death.resolve()
        }
      }
      // Who only watches an actor must not throw; nothing of what it sees leaves the process any more.
      const isHeard = boundary.isStatement || boundary.what.startsWith('noted')
      if (known !== undefined && isHeard) throw new Death('the process is gone')
    }
    const life = new Life({ path, facts, onBoundary, open: this.#open })
    const living = scenario.live(life).catch((thrown: unknown) => {
      if (known === undefined) throw thrown
    })
    await Promise.race([living, death.promise])
    if (known === undefined) return facts.all
    await this.#mirror.endOthers()
    await Promise.race([Promise.all([living, life.end()]), sleep(LAST_BREATH_MS)])
    // Nobody in this process has these names any more.
    ownedHere.clear()
    return known
  }

  readonly #open = ({ migrations: _, ...options }: OpenOptions) =>
    openPostgresStore({ url: this.#url, poolSize: POOL_SIZE, ...options })

  async #expectWhole(scenario: Scenario, facts: Facts): Promise<void> {
    const database = await this.#mirror.look()
    assert.deepEqual(problemsIn(database, scenario, facts), [])
    database.close()
  }

  async #expectTruth(scenario: Scenario, facts: Facts): Promise<void> {
    const database = await this.#mirror.look()
    assert.deepEqual(problemsIn(database, scenario, facts), [])
    scenario.truth(database, facts)
    database.close()
  }
}

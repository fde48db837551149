import { copyFileSync, rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { MusterOptions, SessionState } from '../../src/index.ts'
import { TestTime } from '../model/rig.ts'
import { calm, OneAtATime } from './activity.ts'
import { Host } from './host.ts'
import { Ledger } from './ledger.ts'
import { Listings } from './listings.ts'

let worlds = 0

/** Two processes over one file and one source, and all that is known of what they should do. */
export class World {
  readonly path: string
  readonly time = new TestTime()
  readonly listings = new Listings()
  readonly oneAtATime = new OneAtATime()
  readonly #file: Database.Database
  readonly #statements = new Map<string, Database.Statement>()
  readonly ledger: Ledger
  readonly hosts: readonly [Host, Host]
  readonly faults: string[] = []
  /** Whether somebody else may have a session, or a target two of them. */
  canBeRefused = false

  /** @param empty a database as it is before anything is walked */
  constructor(empty: string, options: MusterOptions = {}) {
    worlds += 1
    this.path = `${empty}-${worlds}`
    copyFileSync(empty, this.path)
    this.#file = new Database(this.path, { readonly: true })
    this.ledger = new Ledger(this.ask)
    this.hosts = [new Host('the first', this, options), new Host('the second', this, options)]
  }

  get awake(): readonly Host[] {
    return this.hosts.filter((host) => host.isAwake)
  }

  async calm(): Promise<void> {
    await calm(this.hosts.map(({ activity }) => activity))
    await Promise.all(this.hosts.map(({ dying }) => dying))
    await calm(this.hosts.map(({ activity }) => activity))
  }

  /** Everything ends, and nothing of it is left. */
  async end(): Promise<void> {
    for (const host of this.hosts) await host.crash()
    this.#file.close()
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${this.path}${suffix}`, { force: true })
  }

  /** Asks the file as another program would. */
  readonly ask = <T = Record<string, unknown>>(sql: string, ...values: unknown[]): T[] => {
    const statement = this.#statements.get(sql) ?? this.#file.prepare(sql)
    this.#statements.set(sql, statement)
    return statement.all(...values) as T[]
  }

  /** The one column that a question asks for. */
  askEach<T>(sql: string, ...values: unknown[]): T[] {
    return this.ask(sql, ...values).map((row) => Object.values(row)[0] as T)
  }

  /** Who has leases. */
  leases(): readonly string[] {
    return this.askEach('select lease_owner from sessions where lease_owner is not null')
  }

  ownerOf(sessionId: string): string | null | undefined {
    const sql = 'select lease_owner from sessions where session_id = ?'
    return this.askEach<string | null>(sql, sessionId)[0]
  }

  checkpoint(sessionId: string): string | undefined {
    return this.askEach<string>('select data from checkpoints where target_id = ?', sessionId)[0]
  }

  /** What a walk says of its session at its end is what is stored, unless another goes on with it. */
  faultOfEnd({ sessionId, status, metrics }: SessionState): string | null {
    const [row] = this.ask<{ status: string; owner: string | null }>(
      `select status, total_batches as totalBatches, items_processed as itemsProcessed,
       items_skipped as itemsSkipped, items_failed as itemsFailed, lease_owner as owner from sessions where session_id = ?`,
      sessionId,
    )
    if (row === undefined) return 'a session is done, and not stored'
    // It says what it wrote itself; another process may have gone on, and ended, unless there was no going on.
    if (row.owner !== null || (this.canBeRefused && status !== 'COMPLETED')) return null
    const { totalBatches, itemsProcessed, itemsSkipped, itemsFailed } = metrics
    const said = { status, totalBatches, itemsProcessed, itemsSkipped, itemsFailed }
    const { owner: _, ...stored } = row
    if (JSON.stringify(said) === JSON.stringify(stored)) return null
    return `done says ${JSON.stringify(said)}, stored is ${JSON.stringify(stored)}`
  }
}

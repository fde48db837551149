import { setTimeout as sleep } from 'node:timers/promises'
import { isCommit, type Onlooker } from './audit.ts'
import { Fleet, type HostProcess } from './fleet.ts'

/** What one host has and the other takes from it. */
export type Prize = 'session' | 'leadership'

/** What befalls the one that has it. */
export type Blow = 'kill' | 'stop'

/** How one host took from another what that one had. */
export interface Taken {
  /** From the blow to the first page that the other committed, or to its leadership; milliseconds. */
  readonly tookMs: number
  /** What was left of the lease when the other took it; milliseconds by the database's clock. */
  readonly leftMs: number
}

export interface DuelOptions {
  readonly onlooker: Onlooker
  readonly database: string
  /** A config of one target that takes longer than the duel. */
  readonly config: string
  readonly leaseMs: number
  /** Two names, or the same one twice: hosts of one name know when the other is dead. */
  readonly names: readonly [string, string]
}

/** How often it is looked whether it has happened; the times are the database's. */
const LOOK_MS = 10

/** Between two blows, at the most; milliseconds. */
const LONGEST_PAUSE_MS = 3_000

const HOLDERS: Readonly<Record<Prize, string>> = {
  session: 'select lease_owner as owner from sessions where lease_owner is not null',
  leadership: 'select owner from leaders',
}

/** Two hosts, of which one goes on with what the other had, again and again. */
export class Duel {
  readonly fleet: Fleet
  readonly #options: DuelOptions

  constructor(options: DuelOptions) {
    this.#options = options
    const { database, config, leaseMs } = options
    this.fleet = new Fleet({
      database,
      config,
      leaseMs,
      maxSessions: 1,
      pageSize: 10,
      latencyMs: 20,
    })
  }

  begin(): void {
    for (const name of this.#options.names) this.fleet.start(name)
  }

  /** Strikes the host that has it, waits for the other, and has the first one back. */
  async strike(prize: Prize, blow: Blow): Promise<Taken> {
    await Promise.all(this.fleet.awake.map((host) => host.awaitSaid('ready')))
    // Anywhere between two renewals.
    await sleep(Math.random() * Math.min(this.#options.leaseMs, LONGEST_PAUSE_MS))
    const { host, owner } = await this.#holder(prize)
    const struckAt = Date.now()
    if (blow === 'kill') host.kill()
    else host.stop()
    const taken = await this.#awaitOther(prize, owner, struckAt)
    if (blow === 'stop') host.wake()
    else this.fleet.start(host.name)
    return taken
  }

  end(): Promise<void> {
    return this.fleet.end()
  }

  async #holder(prize: Prize): Promise<{ readonly host: HostProcess; readonly owner: string }> {
    for (;;) {
      const rows = await this.#options.onlooker.ask<{ owner: string }>(HOLDERS[prize])
      const owner = rows[0]?.owner
      const host = this.fleet.ready.find(({ pid }) => owner?.includes(`/${pid}/`))
      if (host !== undefined && owner !== undefined) return { host, owner }
      await sleep(LOOK_MS)
    }
  }

  async #awaitOther(prize: Prize, owner: string, struckAt: number): Promise<Taken> {
    const look = prize === 'session' ? this.#firstPage : this.#lead
    for (;;) {
      const taken = await look.call(this, owner, struckAt)
      if (taken !== undefined) return taken
      await sleep(LOOK_MS)
    }
  }

  async #firstPage(owner: string, struckAt: number): Promise<Taken | undefined> {
    // What was committed as the blow fell is the struck one's, and may be dated after it.
    const changes = (await this.#options.onlooker.changes()).filter(({ at }) => at >= struckAt)
    const claim = changes.find((change) => change.was_owner === owner && change.owner !== owner)
    const page = changes.find((change) => isCommit(change) && change.owner === claim?.owner)
    if (claim === undefined || page === undefined) return undefined
    return { tookMs: page.at - struckAt, leftMs: claim.left_when_written ?? 0 }
  }

  async #lead(owner: string, struckAt: number): Promise<Taken | undefined> {
    const leads = await this.#options.onlooker.leaders()
    const led = leads.find(({ at, was_owner }) => at >= struckAt && was_owner === owner)
    return led && { tookMs: led.at - struckAt, leftMs: led.left_when_written ?? 0 }
  }
}

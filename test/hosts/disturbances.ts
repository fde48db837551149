import { setTimeout as sleep } from 'node:timers/promises'
import type { OwnServer } from '../support/servers/server.ts'
import type { Onlooker } from './audit.ts'
import type { Fleet, HostProcess } from './fleet.ts'

/** What is done to hosts and servers while a round is walked. */
export type Disturbance =
  'kill' | 'stop' | 'restart postgres' | 'kill postgres' | 'restart nats' | 'kill nats'

export interface Counts {
  readonly kills: number
  readonly stops: number
  /** Restarts of each server; every other one is a kill. */
  readonly restarts: number
}

/** Before a killed host is started again: at least, and by how much more at the most, in milliseconds. */
const LEAST_PAUSE_MS = 100
const MORE_PAUSE_MS = 900

/** For how long a server that was killed is down, in milliseconds. */
const DOWN_MS = 300

/** A stopped host is woken after so long even where nobody has taken its sessions. */
const LONGEST_STOP_MS = 20_000

/** All of them, in an order that is drawn. */
export function drawOrder(
  { kills, stops, restarts }: Counts,
  below: (limit: number) => number,
): Disturbance[] {
  const servers = Array.from({ length: restarts }, (_, n): Disturbance[] =>
    n % 2 === 0 ? ['kill postgres', 'restart nats'] : ['restart postgres', 'kill nats'],
  )
  const all: Disturbance[] = [
    ...Array<Disturbance>(kills).fill('kill'),
    ...Array<Disturbance>(stops).fill('stop'),
    ...servers.flat(),
  ]
  for (let last = all.length - 1; last > 0; last -= 1) {
    const other = below(last + 1)
    ;[all[last], all[other]] = [all[other] as Disturbance, all[last] as Disturbance]
  }
  return all
}

export interface Disturbed {
  readonly fleet: Fleet
  readonly onlooker: Onlooker
  readonly postgres: OwnServer
  readonly nats: OwnServer
  readonly below: (limit: number) => number
}

/** Does them, and knows what is still under way. */
export class Disturber {
  readonly done: Record<Disturbance, number> = {
    kill: 0,
    stop: 0,
    'restart postgres': 0,
    'kill postgres': 0,
    'restart nats': 0,
    'kill nats': 0,
  }
  /** Connections of hosts to the database, when there were most. */
  most = 0
  readonly #at: Disturbed
  readonly #underWay = new Set<Promise<void>>()

  constructor(at: Disturbed) {
    this.#at = at
  }

  async do(what: Disturbance): Promise<void> {
    const { postgres, nats } = this.#at
    if (what === 'kill') await this.#kill()
    else if (what === 'stop') await this.#stop()
    else if (what === 'restart postgres') await postgres.restart()
    else if (what === 'restart nats') await nats.restart()
    else await killed(what === 'kill postgres' ? postgres : nats)
    this.done[what] += 1
  }

  /** Resolves when every host that was killed or stopped is there again. */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  #meanwhile(work: () => Promise<void>): void {
    const running = work().finally(() => this.#underWay.delete(running))
    this.#underWay.add(running)
  }

  /** Any host that takes part; one of them at least is left alone. */
  async #draw(from: () => readonly HostProcess[] | Promise<readonly HostProcess[]>) {
    for (;;) {
      const hosts = await from()
      if (hosts.length > 0 && this.#at.fleet.ready.length > 1) {
        return hosts[this.#at.below(hosts.length)] as HostProcess
      }
      await sleep(20)
    }
  }

  async #kill(): Promise<void> {
    const { fleet, below } = this.#at
    const host = await this.#draw(() => fleet.ready)
    host.kill()
    this.#meanwhile(async () => {
      await sleep(LEAST_PAUSE_MS + below(MORE_PAUSE_MS))
      fleet.start(host.name)
    })
  }

  /** Stops a host that walks something, until others have taken all of it. */
  async #stop(): Promise<void> {
    const host = await this.#draw(() => this.#walking())
    host.stop()
    const giveUpAt = performance.now() + LONGEST_STOP_MS
    this.#meanwhile(async () => {
      while (performance.now() < giveUpAt && (await this.#holds(host)) > 0) await sleep(20)
      host.wake()
    })
  }

  async #walking(): Promise<HostProcess[]> {
    const { fleet } = this.#at
    const held = await Promise.all(fleet.ready.map((host) => this.#holds(host)))
    return fleet.ready.filter((host, n) => (held[n] ?? 0) > 0 && host.isAwake)
  }

  #holds({ owner }: HostProcess): Promise<number> {
    return this.#at.onlooker.number(
      `select count(*) from sessions where lease_owner like $1 and completed_at is null`,
      [owner],
    )
  }
}

async function killed(server: OwnServer): Promise<void> {
  await server.kill()
  await sleep(DOWN_MS)
  await server.restart()
}

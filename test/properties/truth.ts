import { expect } from 'vitest'
import {
  addShortfalls,
  sessionActorId,
  type SessionContext,
  type Shortfall,
} from '../../machines/index.ts'
import type { Comparison } from '../../src/domain/session-state.ts'
import type { JsonValue } from '../../src/index.ts'
import { expectConsistent, expectStoredAsLive } from '../model/agreement.ts'
import type { Host } from './host.ts'
import type { ListedPage } from './listings.ts'
import type { World } from './world.ts'

export interface SessionRow {
  readonly id: number
  readonly session_id: string
  readonly target_name: string
  readonly status: string
  readonly data: string
  readonly lease_owner: string | null
  readonly failure_reason: string | null
  readonly waiting_reason: string | null
  readonly waiting_until: number | null
  readonly asked: string | null
  readonly comparison: string | null
  readonly items_found: number
  readonly items_processed: number
  readonly items_skipped: number
  readonly items_failed: number
}

/** What a session was when it was last looked at. */
interface Before {
  readonly status: string
  readonly pages: number
  readonly tasks: number
}

const OVER = new Set(['COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED'])

export const sessionsIn = (world: World): readonly SessionRow[] =>
  world.ask<SessionRow>(
    `select sessions.*, checkpoints.data from sessions
     join checkpoints on checkpoints.target_id = sessions.session_id order by sessions.id`,
  )

export const contextOf = ({ data }: SessionRow): SessionContext =>
  (JSON.parse(data) as { snapshot: { context: SessionContext } }).snapshot.context

/** How many pages of its listing a session has kept. */
export function pagesKept({ listings }: World, row: SessionRow): number {
  const { position } = contextOf(row)
  const at = position.at === 'retrying' ? position.resumeAt : position
  if (at.at === 'start') return 0
  return at.at === 'end' ? listings.pages(row.target_name).length : Number(at.cursor)
}

/** Holds the file, the hosts and the actors against what the source has listed. */
export class Truth {
  readonly #world: World
  readonly #before = new Map<string, Before>()
  /** Sessions that somebody takes up on purpose after their end. */
  readonly #resumed = new Set<string>()

  constructor(world: World) {
    this.#world = world
  }

  /** The session is about to be taken up after its end. */
  resuming(sessionId: string): void {
    this.#resumed.add(sessionId)
  }

  /** Holds once nothing happens any more by itself. */
  expectTrue(): void {
    this.expectFile()
    const sessions = sessionsIn(this.#world)
    for (const host of this.#world.awake) this.#expectHost(host, sessions)
  }

  /** Holds at any moment, in the middle of everything. */
  expectFile(): void {
    const { faults, ledger, ask } = this.#world
    expect([...faults, ...ledger.faults, ...ledger.compare()]).toEqual([])
    expectConsistent(ask, { twice: true })
    for (const session of sessionsIn(this.#world)) this.#expectSession(session)
  }

  #expectSession(row: SessionRow): void {
    const pages = this.#world.listings.pages(row.target_name).slice(0, pagesKept(this.#world, row))
    this.#expectItems(row, pages)
    this.#expectSays(row, pages)
    this.#expectVerdict(row)
    this.#expectAccount(row, pages)
    this.#expectWait(row)
    this.#expectHistory(row, pages.length)
  }

  /** Of the pages that were kept, every item is a task or a failed item, and nothing else is either. */
  #expectItems(row: SessionRow, pages: readonly ListedPage[]): void {
    const listed = pages.flatMap(({ items }) => items)
    const tasks = this.#world.askEach<string>(
      `select uri from tasks where session = ${row.id} order by uri`,
    )
    const failed = this.#world.askEach<string>(
      `select item from failed_items where session = ${row.id}`,
    )
    const texts = new Set(listed.filter((item) => typeof item === 'string'))
    const taken = (item: string) => tasks.includes(`puppet://${item}`)
    expect(tasks).toEqual([...texts].filter(taken).map(uriOf).toSorted())
    for (const item of new Set(listed)) {
      const isListed = listed.filter((other) => other === item).length
      const hasFailed = failed.filter((other) => other === JSON.stringify(item)).length
      const fault = this.#world.listings.isLeftOut(item)
        ? faultOfLeftOut(item, hasFailed, tasks)
        : faultOf(item, isListed, hasFailed, tasks)
      expect({ item, ...fault }).toEqual({ item })
    }
    expect(failed.filter((item) => !listed.some((l) => JSON.stringify(l) === item))).toEqual([])
    const skipped = listed.filter((item) => this.#world.listings.isLeftOut(item)).length
    expect({
      found: row.items_found,
      processed: row.items_processed,
      skipped: row.items_skipped,
      failed: row.items_failed,
    }).toEqual({
      found: listed.length,
      processed: listed.length - skipped - failed.length,
      skipped,
      failed: failed.length,
    })
    const reasons = this.#world.askEach<string>(
      `select reason from failed_items where session = ${row.id}`,
    )
    expect(reasons.filter((reason) => !/ is bad$| is no text$/.test(reason))).toEqual([])
  }

  /** What the source said of its listing beside its items. */
  #expectSays(row: SessionRow, pages: readonly ListedPage[]): void {
    const { total, shortfalls } = contextOf(row)
    const all = pages.flatMap((page) => page.shortfalls ?? [])
    expect(shortfalls).toEqual(addShortfalls([], all as Shortfall[]))
    expect(total).toBe(pages.findLast((page) => typeof page.total === 'number')?.total ?? null)
  }

  /** How it ended follows from what is missing. */
  #expectVerdict(row: SessionRow): void {
    const { position, shortfalls } = contextOf(row)
    if (!OVER.has(row.status)) return
    expect(row.asked, 'nothing is asked of what has ended').toBeNull()
    if (row.failure_reason === 'cancelled on request') return expect(row.status).toBe('FAILED')
    if (position.at !== 'end') {
      expect(row.status).toBe('FAILED')
      expect(row.failure_reason).not.toBeNull()
      return
    }
    const isLost = row.items_failed > 0
    const verdict =
      isLost && row.items_processed + row.items_skipped === 0 ? 'FAILED' : 'PARTIALLY_COMPLETED'
    const expected = isLost || shortfalls.length > 0 ? verdict : 'COMPLETED'
    expect(row.status).toBe(expected)
  }

  /** A complete session has seen what it listed, each resource once, and nothing else where it was alone. */
  #expectAccount(row: SessionRow, pages: readonly ListedPage[]): void {
    if (row.status !== 'COMPLETED') return
    const { seen, missing } = JSON.parse(row.comparison ?? '{}') as Partial<Comparison>
    const listed = new Set(pages.flatMap(({ items }) => items)).size
    const [sessions] = this.#world.askEach<number>(
      'select count(*) from sessions where target_name = ?',
      row.target_name,
    )
    expect(seen).toBeGreaterThanOrEqual(listed)
    if (sessions === 1) expect({ seen, missing }).toEqual({ seen: listed, missing: 0 })
  }

  /** What is waited for is a limit or a pause that the source asked for, and of an unfinished session. */
  #expectWait({ status, waiting_reason: reason, waiting_until: until }: SessionRow): void {
    if (reason === null) return expect(until).toBeNull()
    expect(OVER.has(status)).toBe(false)
    const pauses = ['the token was refused', 'paused on request']
    expect(until === null ? pauses : ['limited']).toContain(reason)
  }

  /** Nothing that was kept goes away, and what has ended stays so unless somebody resumes it. */
  #expectHistory(row: SessionRow, pages: number): void {
    const id = row.session_id
    const [tasks = 0] = this.#world.askEach<number>(
      `select count(*) from tasks where session = ${row.id}`,
    )
    const before = this.#before.get(id) ?? { status: 'INITIALIZED', pages: 0, tasks: 0 }
    expect(pages).toBeGreaterThanOrEqual(before.pages)
    expect(tasks).toBeGreaterThanOrEqual(before.tasks)
    if (before.status === 'COMPLETED' || (OVER.has(before.status) && !this.#resumed.has(id))) {
      expect({ status: row.status, pages, tasks }).toEqual(before)
    }
    if (before.status !== 'INITIALIZED') expect(row.status).not.toBe('INITIALIZED')
    this.#before.set(id, { status: row.status, pages, tasks })
  }

  /** What it asks for comes next, and its actors are what is stored. */
  #expectHost(host: Host, sessions: readonly SessionRow[]): void {
    const { rig, source, runs } = host
    for (const row of sessions) {
      if (row.lease_owner === null || !rig.owners.has(row.lease_owner)) continue
      const isWalked = runs.some(
        ({ sessionId, outcome }) => sessionId === row.session_id && outcome === undefined,
      )
      if (!isWalked) continue
      expect(OVER.has(row.status)).toBe(false)
      if (rig.recorder.snapshotOf(sessionActorId(row.session_id)) !== undefined) {
        expectStoredAsLive(rig, row.session_id, this.#world.ask)
      }
      const asked = source.open.filter(({ list }) => list === row.target_name)
      if (contextOf(row).position.at === 'retrying') continue
      for (const { number } of asked) expect(number).toBe(pagesKept(this.#world, row) + 1)
    }
  }
}

const uriOf = (item: JsonValue) => `puppet://${String(item)}`

function faultOfLeftOut(item: JsonValue, failed: number, tasks: readonly string[]) {
  if (failed > 0) return { fault: 'an item that is left out has failed' }
  return tasks.includes(uriOf(item)) ? { fault: 'an item that is left out is a task' } : {}
}

/** What is wrong with what became of an item; a bad one can be mended between two looks at it. */
function faultOf(item: JsonValue, listed: number, failed: number, tasks: readonly string[]) {
  const isTask = typeof item === 'string' && tasks.includes(uriOf(item))
  const canFail = typeof item !== 'string' || item.startsWith('bad')
  if (!canFail && failed > 0) return { fault: 'a good item has failed' }
  if (!isTask && failed !== listed) return { fault: 'an item is lost' }
  if (isTask && failed >= listed) return { fault: 'an item is a task and has failed' }
  return {}
}

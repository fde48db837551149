/**
 * The window of the list that is looked at, kept as it is now; and, for
 * scrolling, what of its surroundings was read before. A list of any length
 * takes the same memory.
 */
import { signal } from '@preact/signals'
import type { SessionPage, SessionView } from '../../wire.ts'
import { api, listParams, messageOf, type Window } from '../api.ts'
import { follow } from '../live.ts'
import type { ListQuery } from '../route.ts'

/** Rows that are read at once; windows begin at multiples of it. */
const CHUNK = 50
/** Rows that are kept at the most. */
const KEPT = 20 * CHUNK

interface Listing {
  readonly query: ListQuery
  readonly total: number | null
  readonly rows: ReadonlyMap<number, SessionView>
  /** Whether it is still the last query's, until the first of this one's rows are here: nothing flickers. */
  readonly isStale: boolean
}

/** The list of the last query; rows that were not read yet are missing. */
export const listing = signal<Listing | null>(null)
export const listProblem = signal<string | null>(null)

let followed: Window = { offset: 0, limit: CHUNK }
const reading = new Set<number>()

const isSameQuery = (a: ListQuery, b: ListQuery): boolean =>
  a.status === b.status && a.search === b.search && a.sort === b.sort

const isCurrent = (query: ListQuery): boolean => {
  const current = listing.peek()
  return current !== null && isSameQuery(current.query, query)
}

/** The rows nearest to the window that is followed. */
function nearest(rows: Map<number, SessionView>): Map<number, SessionView> {
  if (rows.size <= KEPT) return rows
  const isNear = (index: number) => Math.abs(index - followed.offset) < KEPT / 2
  return new Map([...rows].filter(([index]) => isNear(index)))
}

function take(query: ListQuery, page: SessionPage): void {
  const current = listing.peek()
  if (current === null || !isSameQuery(current.query, query)) return
  // Where sessions came or went, every place after them holds another.
  const isMoved = current.isStale || current.total !== page.total
  const rows = new Map(isMoved ? [] : current.rows)
  for (const [i, row] of page.rows.entries()) rows.set(page.offset + i, row)
  listing.value = { query, total: page.total, rows: nearest(rows), isStale: false }
  listProblem.value = null
}

function followWindow(query: ListQuery): void {
  follow({
    params: listParams(query, followed),
    onSessions: (page) => take(query, page),
  })
}

async function read(query: ListQuery, offset: number): Promise<void> {
  if (reading.has(offset)) return
  reading.add(offset)
  try {
    take(query, await api.sessions(query, { offset, limit: CHUNK }))
  } catch (error) {
    if (isCurrent(query)) listProblem.value = messageOf(error)
  } finally {
    reading.delete(offset)
  }
}

/** Begins the list of another query, where it is another. */
export function list(query: ListQuery): void {
  if (!isCurrent(query)) {
    followed = { offset: 0, limit: CHUNK }
    reading.clear()
    const { total = null, rows = new Map<number, SessionView>() } = listing.peek() ?? {}
    listing.value = { query, total, rows, isStale: true }
  }
  followWindow(query)
}

let settle: ReturnType<typeof setTimeout> | undefined

/** Reads what is missing of these rows, and follows them once scrolling has come to rest. */
export function look(query: ListQuery, first: number, last: number): void {
  const from = Math.floor(first / CHUNK) * CHUNK
  const to = Math.min(Math.floor(last / CHUNK) * CHUNK, from + 2 * CHUNK)
  const rows = listing.peek()?.rows
  clearTimeout(settle)
  settle = setTimeout(() => {
    if (!isCurrent(query)) return
    const next = { offset: from, limit: to - from + CHUNK }
    if (next.offset === followed.offset && next.limit === followed.limit) return
    followed = next
    followWindow(query)
  }, 250)
  for (let offset = from; offset <= to; offset += CHUNK)
    if (rows?.has(Math.max(offset, first)) !== true) void read(query, offset)
}

/** No list is looked at any more. */
export const unlook = (): void => clearTimeout(settle)

import type { VirtualItem } from '@tanstack/virtual-core'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { count } from '../format.ts'
import type { ListQuery } from '../route.ts'
import { SessionRow } from './session-row.tsx'
import { list, listing, listProblem, look, unlook } from './sessions.ts'
import { useRows } from './use-rows.ts'

/** Of a row of the table, or of a card on a narrow screen; each is measured once it is drawn. */
const ESTIMATE = matchMedia('(max-width: 52rem)').matches ? 132 : 57

/** Where each list was left, so that the way back leads there. */
const left = new Map<string, number>()

const COLUMNS = ['Target', 'Status', 'Progress', 'Rate', 'Time left', 'Last change'] as const

/** Room for the rows that are not drawn. */
const Room = ({ height }: { readonly height: number }) =>
  height < 1 ? null : (
    <tr aria-hidden="true" class="room">
      <td colSpan={COLUMNS.length} style={{ height: `${height}px` }} />
    </tr>
  )

function Nothing({ query }: { readonly query: ListQuery }) {
  if (query.search !== '')
    return <p class="empty">No session here has “{query.search}” in its target’s name or its id.</p>
  return <p class="empty">There is no session here.</p>
}

function useReturn(query: ListQuery, isHere: boolean): void {
  const key = JSON.stringify(query)
  const isBack = useRef(false)
  useLayoutEffect(() => {
    if (!isHere || isBack.current) return
    isBack.current = true
    const top = left.get(key)
    if (top !== undefined) scrollTo({ top })
  }, [isHere, key])
  useEffect(() => {
    const note = () => left.set(key, scrollY)
    addEventListener('scroll', note, { passive: true })
    return () => removeEventListener('scroll', note)
  }, [key])
}

function DrawnRows({
  items,
  height,
  margin,
  measure,
  onFocus,
}: {
  readonly items: readonly VirtualItem[]
  readonly height: number
  readonly margin: number
  readonly measure: (row: Element | null) => void
  readonly onFocus: (index: number) => void
}) {
  const rows = listing.value?.rows
  const drawn = items.map((item, i) => {
    const before = item.start - (items[i - 1]?.end ?? margin)
    return [
      <Room key={`before ${item.index}`} height={before} />,
      <SessionRow
        key={item.index}
        index={item.index}
        session={rows?.get(item.index)}
        measure={measure}
        onFocus={onFocus}
      />,
    ]
  })
  return (
    <>
      {drawn}
      <Room height={height - ((items.at(-1)?.end ?? margin) - margin)} />
    </>
  )
}

/** The sessions of a query: a table whose rows are links, of which those on the screen are drawn. */
export function SessionList({ query }: { readonly query: ListQuery }) {
  useEffect(() => list(query), [query])
  useEffect(() => unlook, [])
  const table = useRef<HTMLTableSectionElement>(null)
  const focused = useRef(-1)
  const { total = null, isStale = true } = listing.value ?? {}
  const rows = useRows(total ?? 0, table, { estimate: ESTIMATE, focused })
  const first = rows.items[0]?.index ?? 0
  const last = rows.items.at(-1)?.index ?? 0
  useEffect(() => {
    if (!isStale && (total ?? 0) > 0) look(query, first, last)
  }, [query, isStale, first, last, total])
  useReturn(query, !isStale)
  if (listProblem.value !== null && total === null)
    return <p class="empty tone-bad">{listProblem.value}</p>
  if (total === null) return <p class="empty">Reading the sessions …</p>
  if (total === 0) return <Nothing query={query} />
  return (
    <table class="sessions" role="table" aria-rowcount={total + 1} aria-busy={isStale}>
      <caption class="unseen">{count(total)} sessions</caption>
      <thead role="rowgroup">
        <tr role="row" aria-rowindex={1}>
          {COLUMNS.map((name) => (
            <th key={name} role="columnheader" scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" ref={table} onFocusOut={() => (focused.current = -1)}>
        <DrawnRows {...rows} onFocus={(index) => (focused.current = index)} />
      </tbody>
    </table>
  )
}

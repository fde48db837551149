/** Which rows of a long list are on the screen, while the page itself scrolls. */
import {
  defaultRangeExtractor,
  observeWindowOffset,
  observeWindowRect,
  Virtualizer,
  windowScroll,
  type VirtualItem,
} from '@tanstack/virtual-core'
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks'

export interface Rows {
  readonly items: readonly VirtualItem[]
  /** Of all rows together, in pixels. */
  readonly height: number
  /** Where the list begins, in pixels from the top of the page. */
  readonly margin: number
  readonly measure: (row: Element | null) => void
}

const ROOM = 8

/**
 * @param focused the row that the keyboard is at: it stays, however far the page is scrolled
 * @param estimate of a row's height, in pixels
 */
export function useRows(
  total: number,
  container: RefObject<HTMLElement | null>,
  {
    estimate,
    focused,
  }: { readonly estimate: number; readonly focused: { readonly current: number } },
): Rows {
  const [, redraw] = useReducer((n: number, _: void) => n + 1, 0)
  const margin = useRef(0)
  const options = {
    count: total,
    getScrollElement: () => window,
    estimateSize: () => estimate,
    scrollMargin: margin.current,
    overscan: ROOM,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialOffset: () => scrollY,
    onChange: () => redraw(),
    rangeExtractor: (range: Parameters<typeof defaultRangeExtractor>[0]) => {
      const seen = defaultRangeExtractor(range)
      const at = focused.current
      if (at < 0 || at >= total || seen.includes(at)) return seen
      return [...seen, at].toSorted((a, b) => a - b)
    },
  }
  const [virtualizer] = useState(() => new Virtualizer<Window, Element>(options))
  virtualizer.setOptions(options)
  useEffect(() => virtualizer._didMount(), [])
  useLayoutEffect(() => {
    virtualizer._willUpdate()
    const top = (container.current?.getBoundingClientRect().top ?? 0) + scrollY
    if (Math.abs(top - margin.current) < 1) return
    margin.current = top
    redraw()
  })
  return {
    items: virtualizer.getVirtualItems(),
    height: virtualizer.getTotalSize(),
    margin: margin.current,
    measure: virtualizer.measureElement,
  }
}

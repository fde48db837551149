/** The statecharts, read once: they are part of the program. */
import { signal } from '@preact/signals'
import type { Charts } from '../../wire.ts'
import { api } from '../api.ts'

export const charts = signal<Charts | null>(null)

let isReading = false

/** Reads them unless they are there; where that fails, the next who wants them tries again. */
export function readCharts(): void {
  if (isReading || charts.peek() !== null) return
  isReading = true
  api.charts().then(
    (told) => (charts.value = told),
    () => (isReading = false),
  )
}

import type { Goal, Measure } from './goals.ts'

/** One round: what was measured of us and of the baseline, one right after the other. */
export interface Sample {
  readonly ours: number
  readonly base: number
}

/** One line of the table. */
export interface Row {
  readonly what: string
  /** What ours is held against, in words. */
  readonly against: string
  /** Of both numbers, such as `items/s`. */
  readonly unit: string
  readonly measure: Measure
  /** Left out where the row only informs. */
  readonly goal?: Goal
  readonly samples: readonly Sample[]
}

/** A line for what could not be measured, and what to do about it. */
export interface Missing {
  readonly what: string
  readonly why: string
}

export type Line = Row | Missing

export const isMissing = (line: Line): line is Missing => 'why' in line

/** What a figure is measured with. */
export interface Bench {
  /** Whether it only has to be seen that it runs. */
  readonly quick: boolean
  readonly rounds: number
  /** Rounds of a figure whose single round takes long. */
  roundsAtMost(most: number): number
  /** How many items: as many as were asked for, else the figure's own number for a full or a quick run. */
  items(full: number, quick: number): number
  /** A new folder on the disk that is measured; it is gone when the bench is. */
  folder(): string
  /** Deletes a folder before the end: a figure's databases can be large. */
  discard(folder: string): void
  /** Tells the person who waits. */
  say(text: string): void
}

/** One question that the bench answers. */
export interface Figure {
  /** For `--only`. */
  readonly name: string
  measure(bench: Bench): Promise<readonly Line[]>
}

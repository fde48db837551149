/**
 * How ours is held against the baseline of its own round: `ratio` is ours over
 * the baseline's, `difference` ours less the baseline's.
 */
export type Measure = 'ratio' | 'difference'

/** What a figure has to reach; a goal that is not given is not judged. */
export interface Goal {
  readonly measure: Measure
  /** Which way is good. */
  readonly better: 'higher' | 'lower'
  readonly must: number
  readonly aim: number
}

export type Verdict = 'reached the aim' | 'reached' | 'missed'

/** At least this share of the raw limit. */
export const shareOf = (must: number, aim: number): Goal => ({
  measure: 'ratio',
  better: 'higher',
  must,
  aim,
})

/** At most so many times the baseline. */
export const timesAtMost = (must: number, aim: number): Goal => ({
  measure: 'ratio',
  better: 'lower',
  must,
  aim,
})

/** At most so much more than the baseline. */
export const moreAtMost = (must: number, aim: number): Goal => ({
  measure: 'difference',
  better: 'lower',
  must,
  aim,
})

export const held = (measure: Measure, ours: number, base: number): number =>
  measure === 'ratio' ? ours / base : ours - base

/** By the median: one bad round of a busy machine decides nothing. */
export function verdictOf({ better, must, aim }: Goal, median: number): Verdict {
  const reaches = (limit: number) => (better === 'higher' ? median >= limit : median <= limit)
  if (reaches(aim)) return 'reached the aim'
  return reaches(must) ? 'reached' : 'missed'
}

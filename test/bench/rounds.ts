import type { Bench, Sample } from './figure.ts'
import { median } from './statistics.ts'

/** Runs its work once, on files of its own, and returns what was measured. */
export type Contestant = () => Promise<number> | number

/** The numbers of one round, by contestant. */
export type Round<Name extends string> = Readonly<Record<Name, number>>

interface Options {
  readonly bench: Bench
  /** Of the figure, for the progress. */
  readonly name: string
  /** Default: the bench's. */
  readonly rounds?: number
  /** Whether a first round is run and not counted; processes of their own need none. Default: true. */
  readonly warmUp?: boolean
  /** Runs after each round, such as a check that all wrote the same. */
  readonly after?: () => void
}

/**
 * Runs all contestants in each round, every other round in reverse order, so
 * that a machine that grows slower or faster favours none of them.
 */
export async function interleave<Name extends string>(
  contestants: Readonly<Record<Name, Contestant>>,
  { bench, name, rounds = bench.rounds, warmUp = true, after = () => undefined }: Options,
): Promise<readonly Round<Name>[]> {
  const names = Object.keys(contestants) as Name[]
  const measured: Round<Name>[] = []
  for (let round = warmUp ? 0 : 1; round <= rounds; round += 1) {
    bench.say(`${name}: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}`)
    const found: Partial<Record<Name, number>> = {}
    for (const who of round % 2 === 1 ? names : names.toReversed()) {
      collectGarbage()
      found[who] = await contestants[who]()
    }
    after()
    if (round > 0) measured.push(found as Round<Name>)
  }
  return measured
}

/** What one contestant measured, held against another of the same round. */
export const against = <Name extends string>(
  rounds: readonly Round<Name>[],
  ours: Name,
  base: Name,
): Sample[] => rounds.map((round) => ({ ours: round[ours], base: round[base] }))

/** Of several contestants, the one that is best by its median; the better way is the lower or the higher one. */
export function bestOf<Name extends string>(
  rounds: readonly Round<Name>[],
  names: readonly Name[],
  better: 'higher' | 'lower',
): Name {
  const medianOf = (name: Name) => median(rounds.map((round) => round[name]))
  const lowestFirst = names.toSorted((a, b) => medianOf(a) - medianOf(b))
  const best = lowestFirst.at(better === 'lower' ? 0 : -1)
  if (best === undefined) throw new RangeError('expected at least one contestant; got none')
  return best
}

/** One contestant's garbage must not be collected in the time of the next. */
export function collectGarbage(): void {
  globalThis.gc?.()
}

/** How many a second, of so many in so many milliseconds. */
export const perSecond = (count: number, ms: number): number => (count / ms) * 1_000

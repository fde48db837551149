import { seed } from './effort.ts'

/**
 * Draws numbers that look random and follow from the seed of the run and a
 * name, so that one test's draws do not move when another draws more.
 */
export function drawing(name: string): (below: number) => number {
  let state = seed
  for (const letter of name) state = Math.imul(state ^ letter.charCodeAt(0), 0x9e37_79b1)
  // mulberry32: enough for picking places, and a line long.
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/**
 * Notices a listing that leads round in a circle, however long the circle is,
 * with a state that does not grow: Brent's algorithm keeps one position of the
 * way and compares every later one with it, moving on at growing distances.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'

export const loopGuard = z.object({
  /** A digest of the position kept. */
  mark: z.string().max(64),
  steps: z.int().nonnegative(),
  limit: z.int().positive(),
})
export type LoopGuard = z.infer<typeof loopGuard>

/** Enough that two positions of one listing do not share it by chance. */
const DIGEST_LENGTH = 16

const digest = (position: string): string =>
  createHash('sha256').update(position).digest('base64url').slice(0, DIGEST_LENGTH)

/** @returns the guard for the next position, or undefined where this one was met before. */
export function visit(guard: LoopGuard | undefined, position: string): LoopGuard | undefined {
  const here = digest(position)
  if (guard === undefined) return { mark: here, steps: 0, limit: 1 }
  if (guard.mark === here) return undefined
  const steps = guard.steps + 1
  return steps < guard.limit
    ? { ...guard, steps }
    : { mark: here, steps: 0, limit: guard.limit * 2 }
}

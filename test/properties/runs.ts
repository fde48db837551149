import type fc from 'fast-check'
import { effort, seed } from '../support/effort.ts'

/** Replays one case: the `path` and `replayPath` that a failure prints, with its `MUSTER_SEED`. */
const path = process.env['MUSTER_PATH']
export const replayPath = process.env['MUSTER_REPLAY']

/** How many runs, of what seed. */
export const runs = (usual: number, long: number): fc.Parameters<unknown> => ({
  seed,
  numRuns: Number(process.env['MUSTER_RUNS'] ?? effort(usual, long)),
  // Short lists of commands hardly meet each other.
  unbiased: true,
  ...(path === undefined ? {} : { path }),
})

/** How long all of it may take, on a machine that is busy with other things. */
export const PATIENCE_MS = effort(240_000, 3_600_000)

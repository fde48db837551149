/**
 * How hard the tests look. `npm test` looks at the same cases each time and is
 * quick; `npm run test:long` looks at many more, drawn from a seed that it
 * prints: `MUSTER_SEED=… npm run test:long` looks at the very same again.
 */
export const isLong = process.env['MUSTER_LONG'] === '1'

/** The seed of everything that is drawn at random; the configuration of the tests sets it. */
export const seed = Number(process.env['MUSTER_SEED'])

/** How many: in the usual run, and in the long one. */
export const effort = (usual: number, long: number): number => (isLong ? long : usual)

import { onTestFinished } from 'vitest'
import { createMuster, type Muster, type MusterOptions } from '../../src/index.ts'
import { scriptedSource, type Scripted } from './scripted-source.ts'

/** Settings under which a test does not wait. */
export const QUICK = { backoffMs: 1, maxBackoffMs: 4, maxAttempts: 4, leaseMs: 5_000 } as const

/** A Muster over scripted listings, closed when the test ends. */
export async function musterOver(
  listings: Record<string, Scripted>,
  options: MusterOptions = {},
): Promise<Muster> {
  const muster = await createMuster({
    database: ':memory:',
    ...QUICK,
    sources: [scriptedSource(listings)],
    ...options,
  })
  onTestFinished(() => muster.close())
  return muster
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

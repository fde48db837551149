import type { batchMachine } from '../../../machines/index.ts'
import type { Alphabet } from '../alphabet.ts'

const REASON = '"bad" is bad'

/** How many items of a page are kept, left out, and fail. */
const OUTCOMES: Readonly<Record<string, readonly [kept: number, skipped: number, failed: number]>> =
  {
    'every item is kept': [2, 0, 0],
    'there are no items': [0, 0, 0],
    'one item is left out': [1, 1, 0],
    'one item fails': [1, 0, 1],
    'one is left out, one fails': [0, 1, 1],
    'every item fails': [0, 0, 1],
  }

/** What can become of a page. */
export const batchAlphabet: Alphabet<typeof batchMachine> = {
  input: { batchId: 'b', sessionId: 'a', number: 1, expectedItems: 2, at: 0 },
  events: () => [
    ...Object.values(OUTCOMES).map(([processed, skipped, failed]) => ({
      type: 'batch.settle' as const,
      at: 1,
      processed,
      skipped,
      failed,
      firstReason: failed > 0 ? REASON : null,
    })),
    { type: 'batch.fail', at: 1, error: 'the source is gone' },
  ],
  name(event) {
    if (event.type === 'batch.fail') return 'the page cannot be had'
    const outcome = [event.processed, event.skipped, event.failed].join()
    const found = Object.entries(OUTCOMES).find(([, counts]) => counts.join() === outcome)
    return found?.[0] ?? event.type
  },
}

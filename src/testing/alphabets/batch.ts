import type { batchMachine } from '../../../machines/index.ts'
import type { Alphabet } from '../alphabet.ts'

const REASON = '"bad" is bad'

/** How many items of a page are kept and how many fail. */
const OUTCOMES: Readonly<Record<string, readonly [processed: number, failed: number]>> = {
  'every item is kept': [2, 0],
  'there are no items': [0, 0],
  'one item fails': [1, 1],
  'every item fails': [0, 1],
}

/** What can become of a page. */
export const batchAlphabet: Alphabet<typeof batchMachine> = {
  input: { batchId: 'b', sessionId: 'a', number: 1, expectedItems: 2, at: 0 },
  events: () => [
    ...Object.values(OUTCOMES).map(([processed, failed]) => ({
      type: 'batch.settle' as const,
      at: 1,
      processed,
      failed,
      firstReason: failed > 0 ? REASON : null,
    })),
    { type: 'batch.fail', at: 1, error: 'the source is gone' },
  ],
  name(event) {
    if (event.type === 'batch.fail') return 'the page cannot be had'
    const { processed, failed } = event
    const found = Object.entries(OUTCOMES).find(([, o]) => o[0] === processed && o[1] === failed)
    return found?.[0] ?? event.type
  },
}

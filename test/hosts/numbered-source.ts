import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { defineSource, type AnySource } from '../../src/index.ts'

/** The word for it in a target spec. */
export const NUMBERED = 'numbered'

const spec = z.strictObject({ list: z.string(), count: z.int() })

export type NumberedSpec = z.infer<typeof spec>

/** The key of a list's resource of that number. */
export const keyOf = (list: string, number: number): string =>
  `${list}/${String(number).padStart(7, '0')}`

/** A source whose lists can be told by anybody: every process sees the same, and so does who looks afterwards. */
export function numberedSource({
  pageSize,
  latencyMs,
}: {
  readonly pageSize: number
  /** Before each page. */
  readonly latencyMs: number
}): AnySource {
  return defineSource<NumberedSpec, string>({
    type: NUMBERED,
    comparable: true,
    spec,
    identify: (item) => ({ key: item, uri: `numbered://${item}`, name: item, version: '1' }),
    async *enumerate({ list, count }, cursor, { signal }) {
      for (let from = Number(cursor ?? 0); from < count; from += pageSize) {
        await sleep(latencyMs, undefined, { signal })
        const length = Math.min(pageSize, count - from)
        const items = Array.from({ length }, (_, index) => keyOf(list, from + index))
        yield { items, cursor: from + length, total: count }
      }
    },
  })
}

/** A target as a config file has it. */
export const numberedTarget = (list: string, count: number) => ({
  name: list,
  source_type: NUMBERED,
  [NUMBERED]: { list, count },
})

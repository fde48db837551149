import { inspect } from 'node:util'
import { z } from 'zod'
import { InvalidInputError } from '../../src/domain/errors.ts'
import { s3Source } from '../../src/sources/s3/index.ts'
import { defineSource, type AnySource } from '../../src/sources/source.ts'
import { urlSource } from '../../src/sources/url/index.ts'

/** A source that enumerates nothing, with keys like those of GitHub's. */
const github = defineSource({
  type: 'github',
  spec: z.strictObject({
    org: z.string().optional(),
    user: z.string().optional(),
    repoList: z.array(z.string()).optional(),
    repoListFile: z.string().optional(),
    baseUrl: z.string().optional(),
    perPage: z.int().optional(),
  }),
  identify: (item: string) => ({ key: item, uri: item, name: item }),
  async *enumerate() {},
})

export const sources: ReadonlyMap<string, AnySource> = new Map(
  [github, urlSource(), s3Source()].map((source) => [source.type, source as AnySource]),
)

/** The faults that a call throws, one a line. */
export function problemsOf(call: () => unknown): readonly string[] {
  try {
    call()
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems
    throw error
  }
  return []
}

/** Everything that an object gives away of itself. */
export function everythingSaid(value: unknown): string {
  const { stack = '' } = value as { stack?: string }
  return [
    String(value),
    JSON.stringify(value),
    inspect(value, { depth: 9, showHidden: true }),
    stack,
  ].join('\n')
}

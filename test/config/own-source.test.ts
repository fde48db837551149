import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { knownKeys } from '../../src/config/schema-keys.ts'
import { createCredentialStore } from '../../src/config/secrets.ts'
import { parseTargetSpec } from '../../src/config/target-spec.ts'
import { defineSource, type AnySource } from '../../src/sources/source.ts'
import { problemsOf } from './support.ts'

const credentials = createCredentialStore()

const feed = (spec: AnySource['spec']): AnySource =>
  defineSource({
    type: 'feed',
    spec,
    identify: (item: string) => ({ key: item, uri: item, name: item }),
    async *enumerate() {},
  }) as AnySource
const parseFeed = (spec: unknown, part: unknown) =>
  parseTargetSpec(
    { name: 'news', sourceType: 'feed', feed: part },
    { credentials, sources: new Map([['feed', feed(spec as AnySource['spec'])]]) },
  )
const standard = (validate: (value: unknown) => unknown) => ({
  '~standard': { version: 1, vendor: 'test', validate },
})

describe("a source of one's own", () => {
  test('may use any Standard Schema', () => {
    const schema = standard((value) => ({ value }))
    expect(parseFeed(schema, { url: 'https://example.com' }).spec).toEqual({
      url: 'https://example.com',
    })
  })

  test('is told where its own schema found a fault', () => {
    const issue = { message: 'is no feed', path: [{ key: 'url' }] }
    const schema = standard(() => ({ issues: [issue] }))
    expect(problemsOf(() => parseFeed(schema, { url: 5 }))).toEqual(['feed.url: is no feed; got 5'])
  })

  test('has its keys suggested, whatever its schema is made of', () => {
    const schema = z.union([
      z.strictObject({ since: z.date() }),
      z.strictObject({ feedUrl: z.string(), check: z.custom<string>() }),
    ])
    const source = feed(schema as unknown as AnySource['spec'])
    expect(knownKeys(source)).toEqual(['since', 'feedUrl', 'check'])
    expect(knownKeys(source, ['feedUrl'])).toBeUndefined()
    expect(knownKeys(feed(standard((value) => ({ value })) as AnySource['spec']))).toBeUndefined()
  })

  test('does not have values shown whose names sound secret', () => {
    const schema = z.strictObject({ apiToken: z.string(), url: z.string() })
    expect(problemsOf(() => parseFeed(schema, { apiToken: 83231 }))).toEqual([
      'feed.apiToken: expected string',
      'feed.url: is missing; expected string',
    ])
  })

  test('with a schema that throws while it parses is refused, and nothing is left to fail unseen', async () => {
    const unhandled: unknown[] = []
    const listen = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    onTestFinished(() => void process.off('unhandledRejection', listen))
    const spec = z.object({}).transform(() => {
      throw new Error('a bug')
    })
    expect(problemsOf(() => parseFeed(spec, {}))).not.toEqual([])
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(unhandled).toEqual([])
  })

  test('with a schema that is asynchronous is refused', () => {
    const schema = standard(async (value) => ({ value }))
    expect(problemsOf(() => parseFeed(schema, {}))).toEqual([
      'feed: the spec schema of source "feed" is asynchronous, which is not supported; make it synchronous',
    ])
  })

  test.each<[unknown, string]>([
    ['text', 'feed: the spec schema has to give a plain object; it gave "text"'],
    [{ at: new Date() }, 'feed.at: is an instance of Date; expected plain data'],
    [{ call() {} }, 'feed.call: is a function; expected plain data'],
    [{ n: Infinity }, 'feed.n: is Infinity; expected a number that JSON can hold'],
  ])('with a schema that gives %j is refused', (value, problem) => {
    const [first] = problemsOf(() =>
      parseFeed(
        standard(() => ({ value })),
        {},
      ),
    )
    expect(first).toContain(problem)
  })
})

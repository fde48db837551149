import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { JsonValue } from '../../../src/domain/json.ts'
import type { Page } from '../../../src/sources/source.ts'
import { urlSource } from '../../../src/sources/url/index.ts'
import { collect } from '../collect.ts'
import { contextOf, itemsOf, specOf } from './walking.ts'

const spec = specOf({ stdin: true })
const urls = (count: number) =>
  Array.from({ length: count }, (_, index) => `https://data.example/${index}`)

/** Input in pieces that end anywhere. */
const input = (text: string, piece = 1000): Readable =>
  Readable.from(
    (function* () {
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
    })(),
    { objectMode: false },
  )

const open = (stdin: Readable, cursor?: JsonValue, signal?: AbortSignal) =>
  urlSource({ stdin }).enumerate(spec, cursor, contextOf({}, signal))

const walk = (text: string, cursor?: JsonValue): Promise<Page[]> =>
  collect(open(input(text), cursor))

const take = async (pages: AsyncIterable<Page>, count: number): Promise<Page[]> => {
  const taken: Page[] = []
  for await (const page of pages) {
    taken.push(page)
    if (taken.length === count) break
  }
  return taken
}

describe('the lines of standard input', () => {
  const text = `# ours\r\n${urls(2600).join('\r\n')}`

  test('are the same as those of a file', async () => {
    const pages = await walk(text)
    expect(itemsOf(pages)).toEqual(urls(2600))
    expect(pages.map(({ items }) => items.length)).toEqual([500, 500, 500, 500, 500, 100])
    expect(itemsOf(await walk(''))).toEqual([])
    expect(itemsOf(await walk('https://user:S3CRET@a.example/'))).toEqual([
      'https://***@a.example/',
    ])
  })

  test('go on after any page, when the same input is given again', async () => {
    const all = await walk(text)
    for (const [index, { cursor }] of all.entries()) {
      const stored = JSON.parse(JSON.stringify(cursor)) as JsonValue
      expect(await walk(text, stored)).toEqual(all.slice(index + 1))
    }
  })

  test('go on in the same process after each page, without the input being given again', async () => {
    const all = await walk(text)
    const stdin = input(text)
    const found: Page[] = []
    for (let cursor: JsonValue | undefined; ;) {
      const [page] = await take(open(stdin, cursor), 1)
      if (page === undefined) break
      found.push(page)
      cursor = page.cursor
    }
    expect(found).toEqual(all)
  })

  test('go on where the store is, though more was read', async () => {
    const all = await walk(text)
    const stdin = input(text)
    const [first] = await take(open(stdin), 3)
    expect(await collect(open(stdin, first?.cursor))).toEqual(all.slice(1))
  })

  test('go back by a few pages, and no further, since no more is kept', async () => {
    const all = await walk(text)
    const stdin = input(text)
    await collect(open(stdin))
    await expect(collect(open(stdin, all[1]?.cursor))).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining('was read beyond byte'),
    })
    expect(await collect(open(stdin, all[2]?.cursor))).toEqual(all.slice(3))
  })

  test('are not gone on with where another input is given', async () => {
    const [first] = await walk(text)
    await expect(walk(text.replace('/7\r', '/8\r'), first?.cursor)).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      retryable: false,
      message: expect.stringContaining('what stands before line 502 is not what was read'),
    })
    await expect(walk('short', first?.cursor)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
    // What comes after it may be anything.
    expect(itemsOf(await walk(`${text}\nhttps://more.example`, first?.cursor)).at(-1)).toBe(
      'https://more.example',
    )
  })

  test('are read by one target at a time', async () => {
    const stdin = input(text)
    const one = open(stdin)[Symbol.asyncIterator]()
    await one.next()
    await expect(collect(open(stdin))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('another target reads standard input, which only one can'),
    })
    // The one that was first is not disturbed.
    expect((await one.next()).value).toMatchObject({ items: urls(1000).slice(500) })
    await one.return?.()
  })

  test('are read by one target only', async () => {
    const stdin = input(text)
    await collect(open(stdin))
    await expect(collect(open(stdin))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('urlsFile'),
    })
  })

  test('are not all read before the first page is wanted no more', async () => {
    let given = 0
    const endless = Readable.from(
      (function* () {
        for (;;) {
          given += 1
          yield Buffer.from(urls(100).join('\n') + '\n')
        }
      })(),
    )
    await take(open(endless), 2)
    expect(given).toBeLessThan(100)
  })

  test('that do not come are not waited for any more', async () => {
    const silent = new Readable({ read: () => undefined })
    const abort = new AbortController()
    const waiting = collect(open(silent, undefined, abort.signal))
    setTimeout(() => abort.abort(new Error('no longer wanted')), 10)
    await expect(waiting).rejects.toThrow('no longer wanted')
    // Who comes next gets what comes late.
    const next = collect(open(silent))
    silent.push('https://late.example\n')
    silent.push(null)
    expect(itemsOf(await next)).toEqual(['https://late.example'])
  })

  test('are not UTF-16', async () => {
    const stdin = Readable.from([Buffer.from('\u{FEFF}a', 'utf16le')])
    await expect(collect(open(stdin))).rejects.toMatchObject({ code: 'SOURCE_MALFORMED' })
  })
})

test('a process that gave up on its input comes to an end', async () => {
  const program = `
    import { urlSource } from ${JSON.stringify(fileURLToPath(new URL('../../../src/sources/url/index.ts', import.meta.url)))}
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 50)
    const pages = urlSource().enumerate({ stdin: true, archiveFormat: 'none' }, undefined, { signal: abort.signal })
    await pages[Symbol.asyncIterator]().next().catch(() => console.log('given up'))
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program])
  onTestFinished(() => void child.kill())
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  // Its input stays open.
  const code = await new Promise((resolve) => child.on('exit', resolve))
  expect([code, output]).toEqual([0, 'given up\n'])
})

import {
  appendFile,
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { IncompatibleCheckpointError, SourceError } from '../../src/domain/errors.ts'
import type { JsonValue } from '../../src/domain/json.ts'
import {
  linesCursor,
  MAX_LINE_BYTES,
  overlongLine,
  readLines,
  type LinePage,
  type LinesCursor,
  type ReadLinesOptions,
} from '../../src/sources/lines.ts'
import { collect } from './collect.ts'
import { growth } from '../support/cpu-time.ts'

let folder: string
let path: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-lines-'))
  path = join(folder, 'list.txt')
})
afterAll(() => rm(folder, { recursive: true }))

async function pages(options?: ReadLinesOptions, from?: LinesCursor): Promise<LinePage[]> {
  return collect(readLines(path, from, options))
}
async function lines(text: string | Uint8Array, options?: ReadLinesOptions): Promise<string[]> {
  await writeFile(path, text)
  return (await pages(options)).flatMap((page) => page.lines)
}
async function failure(from?: LinesCursor, file = path): Promise<SourceError> {
  try {
    await collect(readLines(file, from))
  } catch (error) {
    if (error instanceof SourceError) return error
    throw error
  }
  throw new Error('the file was read')
}

describe('the lines of a file', () => {
  test.each<[string, string | Uint8Array, string[]]>([
    ['an empty file', '', []],
    ['nothing but line ends', '\n\r\n\n', []],
    ['a last line without an end', 'a\nb', ['a', 'b']],
    ['line ends of Windows', 'a\r\nb\r\n', ['a', 'b']],
    ['a byte order mark', '\u{FEFF}a\nb\n', ['a', 'b']],
    ['a byte order mark and nothing else', '\u{FEFF}', []],
    ['blank lines and comments', '# of ours\n\na\n  # more\n \t\nb # kept\n#', ['a', 'b # kept']],
    ['space around a line', '  a\t\r\n', ['a']],
    ['characters of several bytes', 'é\n漢字\n😀', ['é', '漢字', '😀']],
    ['bytes that are not UTF-8', new Uint8Array([0x61, 0xff, 0x0a, 0x62]), ['a\u{FFFD}', 'b']],
    ['a NUL, which no database takes', 'a\0b\n', ['a\u{FFFD}b']],
  ])('%s', async (_name, text, expected) => {
    for (const chunkBytes of [1, 2, 3, 1024]) {
      expect(await lines(text, { chunkBytes })).toEqual(expected)
    }
  })

  test('a cursor counts blank and comment lines, and bytes', async () => {
    await writeFile(path, '# x\r\né\n\nb\nc')
    const size = 12
    expect(await pages({ pageSize: 1 })).toMatchObject([
      { lines: ['é'], cursor: { offset: 8, line: 2, size } },
      { lines: ['b'], cursor: { offset: 11, line: 4, size } },
      { lines: ['c'], cursor: { offset: 12, line: 5, size } },
    ])
  })

  test('pages concatenated are the lines, whatever the chunk, page and place of resuming', async () => {
    const part = fc.constantFrom(
      'a',
      'bc',
      'é',
      '漢',
      '😀',
      '#',
      ' ',
      '\n',
      '\r\n',
      '\n',
      '\u{FEFF}',
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 60 }).map((parts) => parts.join('')),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 7 }),
        fc.nat(),
        async (text, chunkBytes, pageSize, at) => {
          const expected = text
            .replace(/^\u{FEFF}/u, '')
            .split(/\r?\n/)
            .map((line) => line.trim())
            .filter((line) => line !== '' && !line.startsWith('#'))
          await writeFile(path, text)
          const all = await pages({ chunkBytes, pageSize })
          expect(all.flatMap((page) => page.lines)).toEqual(expected)
          expect(all.slice(0, -1).every((page) => page.lines.length === pageSize)).toBe(true)
          const seen = all.slice(0, at % (all.length + 1))
          const rest = await pages({ chunkBytes: chunkBytes + 1, pageSize }, seen.at(-1)?.cursor)
          expect([...seen, ...rest]).toEqual(all)
        },
      ),
      { numRuns: 300 },
    )
  })

  test.each([1000, 65_536, 65_537, 256 * 1024])(
    'a line too long is one rejected item, found by its number (chunks of %i bytes)',
    async (chunkBytes) => {
      const fits = 'x'.repeat(MAX_LINE_BYTES)
      const text = `a\n${fits}\r\n${fits}y\r\n${fits.repeat(3)}\nb\n${fits}${fits}`
      const found = await lines(text, { chunkBytes })
      expect(found.map((line) => overlongLine(line) ?? line.length)).toEqual([
        1,
        MAX_LINE_BYTES,
        'line 3 is longer than 65,536 bytes; write one entry a line',
        'line 4 is longer than 65,536 bytes; write one entry a line',
        1,
        'line 6 is longer than 65,536 bytes; write one entry a line',
      ])
      const all = await pages({ chunkBytes, pageSize: 1 })
      for (const [index, page] of all.entries()) {
        expect(await pages({ chunkBytes, pageSize: 1 }, page.cursor)).toEqual(all.slice(index + 1))
      }
    },
  )

  test('a line of 300 MB does not fill the memory', async () => {
    await writeFile(path, 'a\n')
    await truncate(path, 300 * 1024 * 1024)
    const before = process.memoryUsage.rss()
    const [page] = await pages()
    expect(page?.lines[0]).toBe('a')
    expect(overlongLine(page?.lines[1] ?? '')).toContain('line 2 is longer')
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024)
  })

  test('ten times the lines take ten times as long', async () => {
    const work = async (lines: number) => {
      await writeFile(path, 'https://example.com/archives/2026/07/a.warc.gz\n'.repeat(lines))
      let count = 0
      for await (const page of readLines(path, undefined)) count += page.lines.length
      expect(count).toBe(lines)
    }
    expect(await growth(work, 50_000)).toBeLessThan(40)
  })

  test('stops when it is told to', async () => {
    await writeFile(path, 'a\nb\nc\n')
    const abort = new AbortController()
    const reading = readLines(path, undefined, { signal: abort.signal, pageSize: 1 })
    await reading.next()
    abort.abort(new Error('no longer wanted'))
    await expect(reading.next()).rejects.toThrow('no longer wanted')
  })
})

describe('a file that cannot be read', () => {
  test('is missing', async () => {
    const missing = join(folder, 'none.txt')
    expect(await failure(undefined, missing)).toMatchObject({
      code: 'NOT_FOUND',
      retryable: false,
      message: `${missing} does not exist; check the path, or put the file there`,
    })
    expect(await failure(undefined, join(path, 'below'))).toMatchObject({ code: 'NOT_FOUND' })
    expect(await failure(undefined, 'a\0b')).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('is a folder or a pipe', async () => {
    const below = join(folder, 'below')
    await mkdir(below)
    expect(await failure(undefined, below)).toMatchObject({ code: 'NOT_FOUND', retryable: false })
    expect((await failure(undefined, below)).message).toContain('is a folder, not a file; give the')
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    expect((await failure(undefined, pipe)).message).toContain('is a pipe or device, not a file')
  })

  test.runIf(process.getuid?.() !== 0)('may not be read by this user', async () => {
    const closed = join(folder, 'closed.txt')
    await writeFile(closed, 'a', { mode: 0o000 })
    expect(await failure(undefined, closed)).toMatchObject({ code: 'FORBIDDEN', retryable: false })
  })

  test.each([Buffer.from('\u{FEFF}a\n', 'utf16le'), Buffer.from([0xfe, 0xff, 0, 0x61])])(
    'is UTF-16',
    async (bytes) => {
      await writeFile(path, bytes)
      const error = await failure()
      expect(error).toMatchObject({ code: 'SOURCE_MALFORMED', retryable: false })
      expect(error.message).toContain('is UTF-16 text; save it as UTF-8')
    },
  )
})

describe('a file that changed since the walk stopped', () => {
  test.each([
    ['is shorter', 'a\n', { offset: 9, line: 2 }],
    ['has other lines', 'abc\ndef\n', { offset: 3, line: 1 }],
    ['is empty', '', { offset: 2, line: 1 }],
  ])('it %s', async (_name, text, from) => {
    await writeFile(path, text)
    const error = await failure(from)
    expect(error).toMatchObject({ code: 'SOURCE_CHANGED', retryable: false })
    expect(error.message).toContain(`${path} changed since the walk stopped: line ${from.line + 1}`)
    expect(error.message).toContain('put the file back as it was, or enumerate the target again')
  })

  test('lines added at the end are read', async () => {
    await writeFile(path, 'a\nb\n')
    const [page] = await pages()
    await appendFile(path, 'c\n')
    expect(await pages({}, page?.cursor)).toMatchObject([{ lines: ['c'] }])
  })

  test('a last line that had no end and went on is not guessed at', async () => {
    await writeFile(path, 'a\nb')
    const [page] = await pages()
    expect(await pages({}, page?.cursor)).toEqual([])
    await appendFile(path, 'c\n')
    expect(await failure(page?.cursor)).toMatchObject({ code: 'SOURCE_CHANGED' })
  })
})

/** How many bytes of files are read while something is done. */
async function bytesRead(doing: () => Promise<unknown>): Promise<number> {
  const file = await open(path, 'r')
  const prototype = Object.getPrototypeOf(file) as FileHandle
  await file.close()
  let bytes = 0
  const read = prototype.read
  const spy = vi.spyOn(prototype, 'read').mockImplementation(async function (
    this: FileHandle,
    ...args: unknown[]
  ) {
    const result = await (read as (...args: unknown[]) => Promise<{ bytesRead: number }>).apply(
      this,
      args,
    )
    bytes += result.bytesRead
    return result
  } as never)
  onTestFinished(() => spy.mockRestore())
  await doing()
  spy.mockRestore()
  return bytes
}

describe('a file of 200,000 lines', () => {
  const line = (index: number) => `https://example.com/archives/${String(index).padStart(8, '0')}`
  const text = Array.from({ length: 200_000 }, (_, index) => line(index)).join('\n')
  /** What is read of a file to have one page of it from a position on. */
  const firstPageFrom = (from: LinesCursor) =>
    bytesRead(async () => {
      for await (const page of readLines(path, from, { pageSize: 500, chunkBytes: 65_536 })) {
        expect(page.lines[0]).toBe(line(from.line))
        return
      }
    })

  test('is resumed anywhere by reading a bounded part of it, if it was not touched', async () => {
    await writeFile(path, text)
    const all = await pages({ pageSize: 20_000 })
    for (const { cursor } of all.slice(0, -1)) {
      expect(await firstPageFrom(cursor)).toBeLessThan(65_536 + 16_384 + 100)
    }
  })

  test('is read again up to the position, if it was touched and is the same', async () => {
    await writeFile(path, text)
    const all = await pages({ pageSize: 20_000 })
    await utimes(path, new Date(0), new Date(0))
    const { cursor } = all[4] as LinePage
    expect(await firstPageFrom(cursor)).toBeGreaterThan(cursor.offset)
    // What follows knows the file as it is now.
    const [next] = await pages({ pageSize: 20_000 }, cursor)
    expect(await firstPageFrom((next as LinePage).cursor)).toBeLessThan(100_000)
  })

  test('is refused if a line that was read is another now, though as long', async () => {
    await writeFile(path, text)
    const all = await pages({ pageSize: 20_000 })
    await writeFile(path, text.replace(line(70_000), line(70_001)))
    const [before, after] = [all[2] as LinePage, all[3] as LinePage]
    // The edit is behind the one position, and before the other.
    expect((await pages({ pageSize: 200_000 }, before.cursor))[0]?.lines[0]).toBe(line(60_000))
    const error = await failure(after.cursor)
    expect(error).toMatchObject({ code: 'SOURCE_CHANGED', retryable: false })
    expect(error.message).toContain(
      `${path} changed since the walk stopped: what stands before line 80001 is not what was read; put the file back`,
    )
  })

  test('is resumed from a position that an earlier version stored, as it did', async () => {
    await writeFile(path, text)
    const all = await pages({ pageSize: 20_000 })
    const { offset, line: lines } = (all[3] as LinePage).cursor
    const rest = await pages({ pageSize: 20_000 }, { offset, line: lines })
    expect(rest.map((page) => page.lines)).toEqual(all.slice(4).map((page) => page.lines))
    expect(rest[0]?.cursor).toEqual({ offset: all[4]?.cursor.offset, line: 100_000 })
  })
})

describe('a stored position', () => {
  test('is read back', () => {
    expect(linesCursor(undefined)).toBeUndefined()
    expect(linesCursor(null)).toBeUndefined()
    expect(linesCursor({ offset: 4, line: 2 })).toEqual({ offset: 4, line: 2 })
    const whole = { offset: 4, line: 2, hash: `.${'x'.repeat(43)}`, size: 9, mtime: 1.5 }
    expect(linesCursor(whole)).toEqual(whole)
  })

  test.each<JsonValue>([
    { index: 3 },
    7,
    'x',
    { offset: -1, line: 0 },
    { offset: 1.5, line: 0 },
    { offset: 1 },
    { offset: 1, line: 1, hash: 7 },
    { offset: 1, line: 1, hash: 'x' },
  ])('of another shape is refused: %j', (cursor) => {
    expect(() => linesCursor(cursor)).toThrow(IncompatibleCheckpointError)
  })
})

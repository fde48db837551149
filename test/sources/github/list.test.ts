import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JsonValue } from '../../../src/domain/json.ts'
import { createAccess } from '../../../src/sources/github/connect.ts'
import { identifyReference } from '../../../src/sources/github/repository-reference.ts'
import { enumerateRepositoryList, type ListItem } from '../../../src/sources/github/resolve.ts'
import type { Page } from '../../../src/sources/source.ts'
import { collect } from '../collect.ts'
import { contextOf, withoutToken } from './walk.ts'

const names = Array.from({ length: 2500 }, (_, index) => `acme/repo-${index}`)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-list-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A list as it is walked without a token: as text. */
const pagesOf = (
  list: { repoList?: string[]; repoListFile?: string },
  cursor?: JsonValue,
  signal?: AbortSignal,
): AsyncIterable<Page<ListItem>> =>
  enumerateRepositoryList(
    { ...list, baseUrl: 'https://api.github.com', perPage: 100 },
    cursor,
    contextOf({ credentials: withoutToken }, signal),
    createAccess(),
  )

const walk = async (
  list: Parameters<typeof pagesOf>[0],
  cursor?: JsonValue,
): Promise<readonly { items: readonly string[]; cursor: JsonValue; total?: number }[]> =>
  (await collect(pagesOf(list, cursor))) as (Page<string> & { total?: number })[]

describe('repositories listed in the spec', () => {
  test('come in pages of 500 and tell their total', async () => {
    const pages = await walk({ repoList: names })
    expect(pages.map((page) => [page.items.length, page.cursor, page.total])).toEqual([
      [500, { index: 500 }, 2500],
      [500, { index: 1000 }, 2500],
      [500, { index: 1500 }, 2500],
      [500, { index: 2000 }, 2500],
      [500, { index: 2500 }, 2500],
    ])
    expect(pages.flatMap((page) => page.items)).toEqual(names)
  })

  test('go on from a cursor', async () => {
    const rest = await walk({ repoList: names }, { index: 2000 })
    expect(rest.flatMap((page) => page.items)).toEqual(names.slice(2000))
    expect(await walk({ repoList: names }, { index: 2500 })).toEqual([])
  })

  test('refuse a cursor beyond their end, or of another shape', async () => {
    await expect(walk({ repoList: ['a/b'] }, { index: 2 })).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      retryable: false,
      message: expect.stringContaining('it has 1 entries now; enumerate the target again'),
    })
    await expect(walk({ repoList: ['a/b'] }, { offset: 2, line: 1 })).rejects.toMatchObject({
      code: 'CHECKPOINT_INCOMPATIBLE',
    })
  })

  test('stop when they are told to', async () => {
    const signal = AbortSignal.abort(new Error('no longer wanted'))
    await expect(collect(pagesOf({ repoList: names }, undefined, signal))).rejects.toThrow(
      'no longer wanted',
    )
  })
})

describe('repositories in a file', () => {
  test('come in pages of 500 and go on from a cursor', async () => {
    const file = join(folder, 'repos.txt')
    await writeFile(file, names.join('\n'))
    const pages = await walk({ repoListFile: file })
    expect(pages.map((page) => page.items.length)).toEqual([500, 500, 500, 500, 500])
    expect(pages.flatMap((page) => page.items)).toEqual(names)
    expect(await walk({ repoListFile: file }, pages[0]?.cursor)).toEqual(pages.slice(1))
  })

  test('say so when the file is gone', async () => {
    const file = join(folder, 'none.txt')
    await expect(walk({ repoListFile: file })).rejects.toThrow(`${file} does not exist`)
  })
})

test('a spec with neither is refused', async () => {
  await expect(walk({})).rejects.toThrow('a list needs entries or a file')
})

test('credentials in an entry go before anything else sees it', async () => {
  const file = join(folder, 'secret.txt')
  const entries = [
    'https://user:S3CRET@github.com/acme/web',
    'https://S3CRET@github.com/acme/web',
    'git clone https://user:S3CRET@github.com/acme/web',
    'https://user:pa/S3CRET@github.com/acme/web',
    'user:S3CRET@github.com:acme/web',
    'github:user:S3CRET@acme/web',
    'https://github.com/acme/web?access_token=S3CRET',
    'github.com/acme/web/tree/main?token=S3CRET#S3CRET',
    'git@github.com:acme/web',
    'ssh://git@github.com/acme/web',
    'https://github.com/acme/web/tree/main/@acme/core',
  ]
  const redacted = [
    'https://***@github.com/acme/web',
    'https://***@github.com/acme/web',
    'git clone https://***@github.com/acme/web',
    'https://***@github.com/acme/web',
    '***@github.com:acme/web',
    'github:***@acme/web',
    'https://github.com/acme/web?***',
    'github.com/acme/web/tree/main?***',
    ...entries.slice(8),
  ]
  await writeFile(file, entries.join('\n'))
  const [fromFile] = await walk({ repoListFile: file })
  expect(fromFile?.items).toEqual(redacted)
  const [fromArray] = await walk({ repoList: entries })
  expect(fromArray?.items).toEqual(redacted)
  for (const item of redacted) {
    expect(identifyReference(item, 'github.com').key).toBe('github.com/acme/web')
  }
})

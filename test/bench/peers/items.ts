import type { Item } from './types.ts'

/** Items in a page: the size that GitHub's listings have at most (`per_page=100`). */
export const PAGE = 100

const FIRST_ID = 10_000_000

function itemAt(index: number): Item {
  const name = `repository-${index}`
  return {
    key: String(FIRST_ID + index),
    uri: `https://github.com/an-organisation/${name}`,
    name: `an-organisation/${name}`,
    metadata: {
      defaultBranch: 'main',
      visibility: index % 7 === 0 ? 'private' : 'public',
      archived: index % 11 === 0,
      fork: index % 5 === 0,
      sizeKb: (index * 7919) % 100_000,
      language: index % 2 === 0 ? 'TypeScript' : 'Go',
      pushedAt: new Date(1_700_000_000_000 + index * 60_000).toISOString(),
    },
  }
}

/** The page with this number (from 0): the same items at every call, about 200 bytes of metadata each. */
export function pageAt(number: number): Item[] {
  return Array.from({ length: PAGE }, (_, index) => itemAt(number * PAGE + index))
}

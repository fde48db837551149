import type { Identity } from '../../../src/index.ts'

/** The first repository's number; those of today have ten digits. */
const FIRST_ID = 1_000_000_000
const LANGUAGES = ['TypeScript', 'Go', 'Python', 'Rust', 'Java', null]

/** A repository as GitHub's listing tells of it, as far as a scanner needs it. */
export type MadeRepository = {
  readonly id: number
  readonly fullName: string
  readonly url: string
  readonly nodeId: string
  readonly defaultBranch: string
  readonly sizeKb: number
  readonly visibility: string
  readonly fork: boolean
  readonly archived: boolean
  readonly pushedAt: string
  readonly language: string | null
}

/** The `index`th repository of an organisation: made from its number alone, so that every run has the same. */
export function madeRepository(index: number, owner = 'acme-industries'): MadeRepository {
  const fullName = `${owner}/service-${String(index).padStart(7, '0')}`
  return {
    id: FIRST_ID + index * 7,
    fullName,
    url: `https://github.com/${fullName}`,
    nodeId: `R_kgDO${(FIRST_ID + index * 7).toString(36)}`,
    defaultBranch: index % 3 === 0 ? 'master' : 'main',
    sizeKb: (index * 7_919) % 250_000,
    visibility: index % 4 === 0 ? 'private' : 'public',
    fork: index % 11 === 0,
    archived: index % 13 === 0,
    pushedAt: new Date(1_700_000_000_000 + index * 1_000).toISOString(),
    language: LANGUAGES[index % LANGUAGES.length] ?? null,
  }
}

/** The resource that it stands for: about 200 bytes of metadata, as GitHub's have. */
export function identityOf({ id, fullName, url, pushedAt, ...facts }: MadeRepository): Identity {
  const metadata = { ...facts, cloneUrl: `${url}.git`, pushedAt }
  return { key: String(id), uri: url, name: fullName, metadata, version: pushedAt }
}

export const identitiesOf = (count: number, from = 0): Identity[] =>
  Array.from({ length: count }, (_, index) => identityOf(madeRepository(from + index)))

/** Cuts a list into pages; the last may be shorter. */
export const inPages = <T>(rows: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(rows.length / size) }, (_, page) =>
    rows.slice(page * size, (page + 1) * size),
  )

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** What a process that is gone leaves on the disk; null where there is no such file. */
export interface Files {
  readonly main: Buffer | null
  readonly wal: Buffer | null
  readonly shm: Buffer | null
  readonly journal: Buffer | null
}

export const SUFFIXES = { main: '', wal: '-wal', shm: '-shm', journal: '-journal' } as const
const NAMES = Object.keys(SUFFIXES) as (keyof Files)[]

const contentsOf = (file: string) => (existsSync(file) ? readFileSync(file) : null)

/**
 * The files of a database, as they are at this moment. Reading them gives up
 * the locks that this process has on them: no other process may have them open.
 */
export const takeFiles = (path: string): Files => ({
  main: contentsOf(path),
  wal: contentsOf(`${path}-wal`),
  shm: contentsOf(`${path}-shm`),
  journal: contentsOf(`${path}-journal`),
})

/** Puts files in the place of those that are there. */
export function putFiles(path: string, files: Partial<Files>): void {
  mkdirSync(dirname(path), { recursive: true })
  for (const name of NAMES) {
    const file = `${path}${SUFFIXES[name]}`
    const contents = files[name] ?? null
    if (contents === null) rmSync(file, { force: true })
    else writeFileSync(file, contents)
  }
}

const same = (a: Buffer | null, b: Buffer | null) =>
  a === null || b === null ? a === b : a.equals(b)

/** Whether two moments left the same on the disk; the shared memory is made anew by whoever opens. */
export const isSame = (a: Files, b: Files): boolean =>
  same(a.main, b.main) && same(a.wal, b.wal) && same(a.journal, b.journal)

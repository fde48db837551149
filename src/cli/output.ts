import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'

export type Cell = string | number | null

/** Text from outside must not move the cursor or hide what is printed. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}+/gu, ' ')
}

/** Writes data to standard output at the pace of its reader. A reader that has seen enough is no error. */
export async function printData(chunks: AsyncIterable<string> | Iterable<string>): Promise<void> {
  try {
    await pipeline(Readable.from(chunks), process.stdout, { end: false })
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EPIPE') throw thrown
  }
}

/** Everything that is not data. */
export function printNote(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** The names of everything a table draws between its cells, drawn as nothing. */
const NO_RULES = Object.fromEntries(
  (
    'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right ' +
    'left left-mid mid mid-mid right right-mid middle'
  )
    .split(' ')
    .map((name) => [name, '']),
)

/** Rows as aligned columns, without rules, so that `grep` and `awk` can read them. */
export function table(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const drawn = new Table({
    head: [...columns],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: NO_RULES,
  })
  for (const row of rows) {
    drawn.push(row.map((cell) => (cell === null ? '-' : printable(String(cell)))))
  }
  return `${drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`
}

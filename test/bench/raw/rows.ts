import type Database from 'better-sqlite3'

/** Rows a statement holds. */
const ROWS = 100

type Value = string | number | null
export type Row = Readonly<Record<string, Value>>

/** Stands for the id that the database gives the resource of the row. */
export const RESOURCE_ID = 'the id of the row’s resource'

interface Column {
  readonly name: string
  readonly notnull: number
  readonly dflt_value: string | null
  readonly pk: number
}

/** Some rows of one table, ready to be written by one statement. */
interface Chunk {
  readonly statement: Database.Statement
  readonly parameters: Value[]
  readonly rows: number
  /** Where in each row's values the resource's id goes; -1 for nowhere. */
  readonly idAt: number
}

/** A page's rows of one table. */
export type TableRows = readonly Chunk[]

/**
 * Prepares inserts into one table as it is now: what a row says of columns
 * that the table does not have, or fills by itself, is left out.
 */
export class RawTable {
  readonly #database: Database.Database
  readonly #table: string
  readonly #suffix: string
  readonly #columns: readonly Column[]
  readonly #statements = new Map<number, Database.Statement>()

  constructor(database: Database.Database, table: string, suffix: string) {
    this.#database = database
    this.#table = table
    this.#suffix = suffix
    this.#columns = database.prepare(`select * from pragma_table_info(?)`).all(table) as Column[]
  }

  /** A table that a later schema does not have gets no rows. */
  get exists(): boolean {
    return this.#columns.length > 0
  }

  prepare(rows: readonly Row[]): TableRows {
    const [first] = rows
    if (first === undefined || !this.exists) return []
    const names = this.#names(first)
    const chunks: Chunk[] = []
    for (let from = 0; from < rows.length;) {
      const size = rows.length - from >= ROWS ? ROWS : 1
      const slice = rows.slice(from, from + size)
      chunks.push({
        statement: this.#statement(names, size),
        parameters: slice.flatMap((row) => names.map((name) => row[name] ?? null)),
        rows: size,
        idAt: names.findIndex((name) => first[name] === RESOURCE_ID),
      })
      from += size
    }
    return chunks
  }

  #names(row: Row): readonly string[] {
    const unknown = this.#columns.find(
      ({ name, notnull, dflt_value, pk }) =>
        notnull === 1 && dflt_value === null && pk === 0 && !(name in row),
    )
    if (unknown !== undefined) {
      throw new Error(
        `the raw baseline does not know column ${this.#table}.${unknown.name}: tell it in test/bench/raw/writer.ts what the store writes there`,
      )
    }
    const written = this.#columns.filter(
      ({ name, dflt_value }) => dflt_value === null && name in row,
    )
    return written.map(({ name }) => name)
  }

  #statement(names: readonly string[], rows: number): Database.Statement {
    const known = this.#statements.get(rows)
    if (known !== undefined) return known
    const places = `(${names.map(() => '?').join(', ')})`
    const sql = `insert into ${this.#table} (${names.join(', ')}) values ${Array.from({ length: rows }, () => places).join(', ')} ${this.#suffix}`
    const made = this.#database.prepare(sql)
    this.#statements.set(rows, made)
    return made
  }
}

/** Writes resources. @returns their ids, in order */
export function insertResources(chunks: TableRows): number[] {
  const ids: number[] = []
  for (const { statement, parameters } of chunks) {
    for (const { id } of statement.all(parameters) as { id: number }[]) ids.push(id)
  }
  return ids
}

/** Writes rows that point at resources. @returns the last row's id */
export function insertRows(chunks: TableRows, ids: readonly number[]): number {
  let done = 0
  let last = 0
  for (const { statement, parameters, rows, idAt } of chunks) {
    const width = parameters.length / rows
    for (let row = 0; row < rows && idAt !== -1; row += 1) {
      parameters[row * width + idAt] = ids[done + row] as number
    }
    last = Number(statement.run(parameters).lastInsertRowid)
    done += rows
  }
  return last
}

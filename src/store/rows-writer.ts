import { sql, type CompiledQuery, type InsertObject, type Kysely, type QueryResult } from 'kysely'
import type { Schema } from './schema.ts'
import type { Value } from './statement.ts'
import { giveWay } from './turns.ts'

/** Rows a statement holds; what is left of a page goes by smaller ones. Ten and a hundred measured alike; one was a third slower. */
const CHUNKS = [100, 10, 1] as const

/**
 * Writes many rows with a few statements that are compiled once. Kysely builds
 * and types the SQL for a row of placeholders; each call only fills in the values.
 *
 * @param compile builds the statement for a number of rows; every value must be
 * a parameter, those that are shared first, in the order in which `shared` and
 * `values` give them
 */
export function rowsWriter<Row, Returned = never>(params: {
  readonly compile: (rows: number) => CompiledQuery<Returned>
  /** What all rows of a call have in common: it is bound once. */
  readonly shared?: (row: Row) => readonly Value[]
  /** Its own values, each as it is got from a row: a list for each row would be one more thing to collect. */
  readonly values: readonly ((row: Row) => Value)[]
  /** What a statement has to say of its rows. Default: what it returned. */
  readonly read?: (result: QueryResult<Returned>, rows: Rows<Row>) => Iterable<Returned>
}) {
  const { read = (result) => result.rows } = params
  const compiled = new Map<number, CompiledQuery<Returned>>()
  const statement = (rows: number): CompiledQuery<Returned> => {
    const known = compiled.get(rows)
    if (known !== undefined) return known
    const made = params.compile(rows)
    compiled.set(rows, made)
    return made
  }
  return async (db: Kysely<Schema>, rows: readonly Row[]): Promise<Returned[]> => {
    const returned: Returned[] = []
    const [first] = rows
    if (first === undefined) return returned
    const named = params.shared && byPlace(params.shared(first))
    let done = 0
    for (const size of CHUNKS) {
      for (; rows.length - done >= size; done += size) {
        await giveWay()
        const values = laidOut({ rows, from: done, size }, params.values)
        const parameters = named === undefined ? values : [named, values]
        const result = await db.executeQuery<Returned>({ ...statement(size), parameters })
        for (const row of read(result, { rows, from: done, size })) returned.push(row)
      }
    }
    return returned
  }
}

/** Values by the names that SQLite has for numbered places. */
const byPlace = (values: readonly Value[]) =>
  Object.fromEntries(values.map((value, index) => [index + 1, value]))

/** All values in one array that never grows: one that does is copied several times over. */
function laidOut<Row>(
  { rows, from, size }: Rows<Row>,
  values: readonly ((row: Row) => Value)[],
): Value[] {
  const all: Value[] = []
  all.length = size * values.length
  for (const [column, valueOf] of values.entries()) {
    for (let row = 0; row < size; row += 1) {
      all[row * values.length + column] = valueOf(rows[from + row] as Row)
    }
  }
  return all
}

/** Those of a statement. */
interface Rows<Row> {
  readonly rows: readonly Row[]
  readonly from: number
  readonly size: number
}

/**
 * The ids of rows that an insert made, where it made all of them: SQLite counts
 * on from the highest, and says the last.
 */
export function* idsInserted<Row>(
  { numAffectedRows, insertId }: QueryResult<unknown>,
  { rows, from, size }: Rows<Row>,
): Generator<{ readonly row: Row; readonly id: number }> {
  if (numAffectedRows !== BigInt(size)) return
  const first = Number(insertId) - size + 1
  for (let i = 0; i < size; i += 1) yield { row: rows[from + i] as Row, id: first + i }
}

/**
 * An insert of rows of placeholders. One is built, and its text is repeated:
 * a hundred of them took Kysely 4 ms, and the first page waits for five such.
 *
 * @param row what each is like: a value of its own is any of the column's type
 */
export function insertRows<Table extends keyof Schema>(
  db: Kysely<Schema>,
  table: Table,
  row: InsertObject<Schema, Table>,
  rows: number,
) {
  const one = sql`(${sql.join(Object.values(row))})`.compile(db).sql
  return db
    .insertInto(table)
    .columns(Object.keys(row) as never)
    .expression(sql`values ${sql.raw(repeat(one, rows).join(', '))}`)
}

/** As many copies of a placeholder as a statement needs. */
export const repeat = <Row>(row: Row, times: number): Row[] =>
  Array.from({ length: times }, () => row)

/** The place of a value that all rows share; its column stands before those that they do not. */
export const shared = <T extends Value>(place: number) => sql<T>`${sql.raw(`?${place}`)}`

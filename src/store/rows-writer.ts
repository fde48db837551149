import type { CompiledQuery, Kysely } from 'kysely'
import type { Schema } from './schema.ts'
import { giveWay } from './turns.ts'

/** Rows a statement holds; what is left of a page goes by smaller ones. Ten and a hundred measured alike; one was a third slower. */
const CHUNKS = [100, 10, 1] as const

type Values = readonly (string | number | null)[]

/**
 * Writes many rows with a few statements that are compiled once. Kysely builds
 * and types the SQL for rows of placeholders; each call only fills in the values.
 *
 * @param compile builds the statement for a number of rows; every value must be
 * a parameter, in the order in which `values` gives them.
 */
export function rowsWriter<Row, Returned = never>(params: {
  readonly compile: (rows: number) => CompiledQuery<Returned>
  readonly values: (row: Row) => Values
}) {
  const compiled = new Map<number, CompiledQuery<Returned>>()
  const statement = (rows: number): CompiledQuery<Returned> => {
    const known = compiled.get(rows)
    if (known !== undefined) return known
    const made = params.compile(rows)
    compiled.set(rows, made)
    return made
  }
  /** An array that grows is copied several times over: the most of what a page left to be collected. */
  const valuesOf = (rows: readonly Row[], count: number): unknown[] => {
    const values = Array.from<unknown>({ length: count })
    let filled = 0
    for (const row of rows) {
      for (const value of params.values(row)) {
        values[filled] = value
        filled += 1
      }
    }
    return values
  }
  return async (db: Kysely<Schema>, rows: readonly Row[]): Promise<Returned[]> => {
    const returned: Returned[] = []
    let done = 0
    for (const size of CHUNKS) {
      for (; rows.length - done >= size; done += size) {
        await giveWay()
        const compiled = statement(size)
        const parameters = valuesOf(rows.slice(done, done + size), compiled.parameters.length)
        const result = await db.executeQuery<Returned>({ ...compiled, parameters })
        for (const row of result.rows) returned.push(row)
      }
    }
    return returned
  }
}

/** As many copies of a row of placeholders as a statement needs. */
export const repeat = <Row>(row: Row, times: number): Row[] =>
  Array.from({ length: times }, () => row)

import type { CompiledQuery, Kysely, QueryResult } from 'kysely'
import type { Schema } from './schema.ts'

export type Value = string | number | null | readonly (string | number)[]

/**
 * A statement of the road that every page takes. Building one costs Kysely
 * about 50 µs, as long as SQLite takes to write two items; so it is built at
 * the first call, and each call fills in its values.
 *
 * @param build uses every value that it is given as one parameter, in their order
 */
export function statement<Values extends Readonly<Record<string, Value>>, Row>(
  build: (values: Values) => { compile(): CompiledQuery<Row> },
) {
  let compiled: CompiledQuery<Row> | undefined
  return (db: Kysely<Schema>, values: Values): Promise<QueryResult<Row>> => {
    compiled ??= inOrder(build(values).compile(), values)
    return db.executeQuery({ ...compiled, parameters: Object.values(values) })
  }
}

/** A value in another's place would be written without a word. */
function inOrder<Row>(compiled: CompiledQuery<Row>, values: Readonly<Record<string, Value>>) {
  const given = Object.values(values)
  const { parameters, sql } = compiled
  if (parameters.length === given.length && given.every((value, i) => value === parameters[i])) {
    return compiled
  }
  throw new RangeError(`the values ${Object.keys(values).join(', ')} are not those of: ${sql}`)
}

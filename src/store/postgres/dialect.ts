import {
  OnConflictNode,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely'
import type { Answer, Connection, Connections } from './connections.ts'
import { indexed, isLong } from './long-texts.ts'
import { patiently, type Patience } from './patience.ts'

/** An insert that says nothing of rows that are there would fail, or add a second one, when it is repeated. */
const mayBeRepeated = (statement: string): boolean =>
  !/^\s*insert\b/i.test(statement) || /\bon conflict\b/i.test(statement)

const WRITING = new Set(['INSERT', 'UPDATE', 'DELETE'])

const resultOf = <Row>({ rows, command, rowCount }: Answer<Row>): QueryResult<Row> => ({
  rows,
  ...(WRITING.has(command) && { numAffectedRows: BigInt(rowCount ?? 0) }),
})

/** The connection of a transaction, or the promise of one for each statement that stands alone. */
class PostgresConnection implements DatabaseConnection {
  readonly #connections: Connections
  readonly #patience: Patience
  #own: Connection | undefined
  #end: (() => void) | undefined

  constructor(connections: Connections, patience: Patience) {
    this.#connections = connections
    this.#patience = patience
  }

  async begin(): Promise<void> {
    const ready = Promise.withResolvers<Connection>()
    const end = Promise.withResolvers<void>()
    this.#connections
      .use((connection) => {
        ready.resolve(connection)
        return end.promise
      })
      .catch(ready.reject)
    this.#own = await ready.promise
    this.#end = end.resolve
    await this.#own.begin()
  }

  commit = async (): Promise<void> => this.#own?.commit()

  rollback = async (): Promise<void> => this.#own?.rollback()

  release(): void {
    this.#end?.()
    this.#own = undefined
    this.#end = undefined
  }

  async executeQuery<Row>({ sql: text, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    // What a transaction is made of is repeated with it, or not at all.
    if (this.#own !== undefined) return resultOf(await this.#own.run<Row>(text, parameters))
    return resultOf(await this.#runAlone<Row>(text, parameters))
  }

  streamQuery(): never {
    throw new TypeError('the store reads in windows: nothing is streamed')
  }

  #runAlone<Row>(text: string, parameters: readonly unknown[]): Promise<Answer<Row>> {
    return patiently(
      this.#patience,
      () => this.#connections.use((connection) => connection.run<Row>(text, parameters)),
      (outcome) => outcome === 'undone' || mayBeRepeated(text),
    )
  }
}

class PostgresDriver implements Driver {
  readonly #connect: () => PostgresConnection
  readonly #connections: Connections

  constructor(connections: Connections, patience: Patience) {
    this.#connections = connections
    this.#connect = () => new PostgresConnection(connections, patience)
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PostgresConnection> {
    return this.#connect()
  }

  beginTransaction = (connection: PostgresConnection): Promise<void> => connection.begin()

  commitTransaction = (connection: PostgresConnection): Promise<void> => connection.commit()

  rollbackTransaction = (connection: PostgresConnection): Promise<void> => connection.rollback()

  async releaseConnection(connection: PostgresConnection): Promise<void> {
    connection.release()
  }

  destroy(): Promise<void> {
    return this.#connections.close()
  }
}

/** Kysely's compiler; what is unique by a text of any length is so by what is indexed of it. */
class Compiler extends PostgresQueryCompiler {
  protected override visitOnConflict(node: OnConflictNode): void {
    const names = node.columns?.map(({ column }) => column.name) ?? []
    if (!names.some(isLong)) return super.visitOnConflict(node)
    const { columns: _, ...rest } = node
    const targets = names.map((name) => (isLong(name) ? sql.raw(indexed(name)) : sql.ref(name)))
    super.visitOnConflict({ ...rest, indexExpression: sql.join(targets).toOperationNode() })
  }
}

export function postgresDialect(connections: Connections, patience: Patience): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PostgresDriver(connections, patience),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new Compiler(),
  }
}

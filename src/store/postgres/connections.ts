import pg from 'pg'
import { MusterError } from '../../domain/errors.ts'
import type { StatementHook } from '../sqlite.ts'
import type { Address } from './address.ts'
import { endsConnection, explainPostgresError, type Met } from './errors.ts'
import type { PostgresLimits } from './limits.ts'
import { decodeText, encodeParameters } from './text.ts'

/** Statements that each connection keeps prepared; the store has about a hundred and twenty. */
const MAX_PREPARED = 400

/** A statement longer than this holds a list of its own, and is hardly ever asked again. */
const LONGEST_PREPARED = 20_000

/** After this long without a word, the system asks whether the server is still there; milliseconds. */
const KEEP_ALIVE_MS = 10_000

/** More than the server's own limit, so that it is the server that says so where it can. */
const ANSWER_MARGIN_MS = 5_000

/** pg_type.oid of what is read otherwise than the driver would. */
const BIGINT = 20
const TEXT = 25

/** Ids and times are safe integers; texts are decoded. */
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
    if (oid === BIGINT) return Number
    if (oid === TEXT) return decodeText
    return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown
  },
}

export interface ConnectionsOptions {
  readonly address: Address
  readonly poolSize: number
  readonly limits: PostgresLimits
  readonly onStatement?: StatementHook | undefined
}

/** Settings of every connection; those of the URL come first, so that they do not undo ours. */
function settings({ address, limits }: ConnectionsOptions): string {
  const ours = {
    // What a transaction reads after waiting for a row is what is there by then.
    default_transaction_isolation: String.raw`read\ committed`,
    // Compiling takes longer than the statements of the store do.
    jit: 'off',
    // Plans are kept from when tables were small, and would read all of one that has grown since.
    enable_seqscan: 'off',
    // What a walk looks up is in memory or on a disk without a head to move: an index is never slower.
    random_page_cost: 1.1,
    lock_timeout: limits.lockMs,
    statement_timeout: limits.statementMs,
    idle_in_transaction_session_timeout: limits.idleInTransactionMs,
  }
  const options = Object.entries(ours).map(([name, value]) => `-c ${name}=${value}`)
  return [address.options, ...options].join(' ').trim()
}

/** What a statement said. */
export type Answer<Row> = pg.QueryResult<Row & pg.QueryResultRow>

/** One connection, for as long as a step needs it. */
export class Connection {
  readonly #client: pg.PoolClient
  readonly #connections: Connections
  #isInTransaction = false
  #isOfNoUse = false

  constructor(client: pg.PoolClient, connections: Connections) {
    this.#client = client
    this.#connections = connections
  }

  async begin(): Promise<void> {
    // Set first: what breaks off in between must not leave the next user a transaction.
    this.#isInTransaction = true
    await this.run('begin')
  }

  async commit(): Promise<void> {
    await this.#send('commit', [], 'ends')
    this.#isInTransaction = false
  }

  /** Never throws: what went wrong before is what matters. A connection that cannot roll back is thrown away. */
  async rollback(): Promise<void> {
    if (!this.#isInTransaction || this.#isOfNoUse) return
    try {
      await this.run('rollback')
      this.#isInTransaction = false
    } catch {
      this.#isOfNoUse = true
    }
  }

  /** @throws StoreError with the database, what is wrong and the remedy */
  run<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Answer<Row>> {
    return this.#send(sql, parameters, this.#isInTransaction ? 'within' : 'ends')
  }

  release(): void {
    this.#client.release(this.#isOfNoUse || this.#isInTransaction)
  }

  async #send<Row>(
    sql: string,
    parameters: readonly unknown[],
    at: Met['at'],
  ): Promise<Answer<Row>> {
    const { onStatement, nameOf } = this.#connections
    onStatement?.(sql, 'before')
    const answer = await this.#client
      .query<Row & pg.QueryResultRow>({
        ...nameOf(sql),
        text: sql,
        values: encodeParameters(parameters),
      })
      .catch((thrown: unknown) => {
        if (endsConnection(thrown)) this.#isOfNoUse = true
        throw this.#connections.explained(thrown, at)
      })
    onStatement?.(sql, 'after')
    return answer
  }
}

/** The connections of one store. */
export class Connections {
  readonly #pool: pg.Pool
  readonly #shown: string
  readonly onStatement: StatementHook | undefined
  readonly #names = new Map<string, string>()
  #underWay = 0
  #closing: Promise<void> | undefined
  #allDone = Promise.withResolvers<void>()

  constructor(options: ConnectionsOptions) {
    const { address, limits, poolSize, onStatement } = options
    this.#shown = address.shown
    this.onStatement = onStatement
    this.#pool = new pg.Pool({
      connectionString: address.url,
      options: settings(options),
      fallback_application_name: 'muster',
      max: poolSize,
      connectionTimeoutMillis: limits.connectMs,
      query_timeout: limits.statementMs + ANSWER_MARGIN_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      // A host that has nothing else to do may end.
      allowExitOnIdle: true,
      types,
    })
    // A connection that is lost is told to whoever uses it; without a listener it would end the process.
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', (client) => void client.on('error', () => undefined))
  }

  /** Lends a connection for the length of some work. @throws MusterError (CLOSED) after `close` */
  async use<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new MusterError('CLOSED', 'the store was closed: open it again to go on')
    }
    this.#underWay += 1
    try {
      const connection = await this.#connect()
      try {
        return await work(connection)
      } finally {
        connection.release()
      }
    } finally {
      this.#underWay -= 1
      if (this.#underWay === 0) this.#allDone.resolve()
    }
  }

  /** Waits for what is under way, and lets go of all connections. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  explained(thrown: unknown, at: Met['at']): unknown {
    return explainPostgresError(thrown, { shown: this.#shown, at })
  }

  /** The name under which every connection keeps a statement prepared; none for more of them than are worth it. */
  readonly nameOf = (sql: string): { name?: string } => {
    const known = this.#names.get(sql)
    if (known !== undefined) return { name: known }
    if (this.#names.size >= MAX_PREPARED || sql.length > LONGEST_PREPARED) return {}
    const name = `muster_${this.#names.size}`
    this.#names.set(sql, name)
    return { name }
  }

  async #connect(): Promise<Connection> {
    try {
      return new Connection(await this.#pool.connect(), this)
    } catch (thrown) {
      throw this.explained(thrown, 'connecting')
    }
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) await this.#allDone.promise
    await this.#pool.end()
  }
}

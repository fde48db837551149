import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import pg from 'pg'
import { openStore } from '../../src/index.ts'

/** The rows of every table of a database on PostgreSQL. */
export type Rows = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>

const BIGINT = 20

/** Every number in these tests is a safe integer. */
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === BIGINT ? Number : pg.types.getTypeParser(oid, format as 'text'),
} as pg.CustomTypesConfig

/** The SQL of an empty SQLite database of the present schema, made once. */
let schema: Promise<string> | undefined

async function makeSchema(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-test-'))
  const path = join(folder, 'empty.db')
  try {
    await (await openStore({ path })).close()
    const database = new Database(path, { readonly: true })
    const made = database
      .prepare(`select sql from sqlite_master where sql is not null and name not like 'sqlite_%'`)
      .pluck()
      .all()
    const version = database.pragma('user_version', { simple: true }) as number
    database.close()
    return [...made, `pragma user_version = ${version}`].join(';\n')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * A look at a database on PostgreSQL without the store, and past it: its rows
 * in a SQLite database, so that both are asked the very same questions.
 */
export class Mirror {
  readonly #client: pg.Client
  readonly #tables: readonly string[]

  private constructor(client: pg.Client, tables: readonly string[]) {
    this.#client = client
    this.#tables = tables
  }

  /** The database must have its tables by now. */
  static async open(url: string): Promise<Mirror> {
    const client = new pg.Client({ connectionString: url, types })
    await client.connect()
    const { rows } = await client.query<{ name: string }>(
      `select relname::text as name from pg_class where relnamespace = 'public'::regnamespace
        and relkind = 'r' and relname <> 'muster_versions' order by 1`,
    )
    return new Mirror(
      client,
      rows.map(({ name }) => name),
    )
  }

  /** Of one moment, though there are many tables. */
  async rows(): Promise<Rows> {
    const selects = this.#tables.map((name) => `select * from ${name};`)
    const answers = (await this.#client.query(
      `begin isolation level repeatable read; ${selects.join(' ')} commit`,
    )) as unknown as pg.QueryResult<Record<string, unknown>>[]
    return Object.fromEntries(this.#tables.map((name, i) => [name, answers[i + 1]?.rows ?? []]))
  }

  /** The rows as they are by now, to be asked in the words of SQLite; the caller closes it. */
  async look(): Promise<Database.Database> {
    const rows = await this.rows()
    const database = new Database(':memory:')
    database.exec(await (schema ??= makeSchema()))
    database.pragma('foreign_keys = off')
    for (const [table, all] of Object.entries(rows)) {
      const names = Object.keys(all[0] ?? {})
      if (names.length === 0) continue
      const insert = database.prepare(
        `insert into ${table} (${names.join()}) values (${names.map((name) => `@${name}`).join()})`,
      )
      for (const row of all) insert.run(row)
    }
    return database
  }

  /** Has there be these rows alone; nobody else may be at work. Default: none. */
  async put(rows: Rows = {}): Promise<void> {
    await this.#client.query(this.#tables.map((name) => `delete from ${name}`).join(';'))
    for (const [table, all] of Object.entries(rows)) {
      if (all.length === 0) continue
      await this.#client.query(
        `insert into ${table} select * from json_populate_recordset(null::${table}, $1)`,
        [JSON.stringify(all)],
      )
    }
  }

  /** Ends every other connection, and has the server take back what they had begun. */
  async endOthers(): Promise<void> {
    const others = `from pg_stat_activity where datname = current_database()
      and pid <> pg_backend_pid() and backend_type = 'client backend'`
    for (;;) {
      const { rowCount } = await this.#client.query(`select pg_terminate_backend(pid) ${others}`)
      if (rowCount === 0) return
    }
  }

  close(): Promise<void> {
    return this.#client.end()
  }
}

import { existsSync, readFileSync } from 'node:fs'
import Database from 'better-sqlite3'

/** Asks a database a question, without the store: what it says must not depend on the code under test. */
export function ask<T = Record<string, unknown>>(path: string, sql: string): T[] {
  const database = new Database(path, { readonly: true, fileMustExist: true })
  try {
    return database.prepare(sql).all() as T[]
  } finally {
    database.close()
  }
}

/** One number, such as a count. */
export const askNumber = (path: string, sql: string): number =>
  Number(Object.values(ask(path, sql)[0] ?? {})[0])

/** Every row of every table, and the marks in the header: two equal dumps are two equal databases. */
export function dump(path: string): Record<string, unknown> {
  const tables = ask<{ name: string }>(
    path,
    `select name from sqlite_master where type = 'table' order by name`,
  )
  return {
    schema: ask(path, 'select name, sql from sqlite_master order by name'),
    ...ask(path, 'pragma user_version')[0],
    ...ask(path, 'pragma application_id')[0],
    ...Object.fromEntries(tables.map(({ name }) => [name, ask(path, `select * from "${name}"`)])),
  }
}

/** The bytes of a database and of the files that SQLite keeps beside it. */
export function databaseBytes(path: string): Buffer {
  const files = [path, `${path}-wal`, `${path}-shm`, `${path}-journal`]
  return Buffer.concat(files.filter((file) => existsSync(file)).map((file) => readFileSync(file)))
}

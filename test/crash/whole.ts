import Database from 'better-sqlite3'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { inconsistencies } from '../support/consistency.ts'
import type { Facts } from './life.ts'
import type { Problems, Scenario } from './scenario.ts'

/** What was acknowledged stays so, and nothing is acknowledged that nobody has got. */
function deliveryProblems(database: Database.Database, facts: Facts): Problems {
  const acknowledged = new Set(
    database.prepare('select task_id from tasks where acknowledged_at is not null').pluck().all(),
  )
  const got = new Set(facts.of('got'))
  return [
    ...facts
      .of('acknowledged')
      .filter((task) => !acknowledged.has(task))
      .map((task) => `task ${task} was acknowledged, and would come again`),
    ...[...acknowledged]
      .filter((task) => !got.has(task as string))
      .map((task) => `task ${task as string} is acknowledged, and nobody has got it`),
  ]
}

const hasTables = (database: Database.Database) =>
  database.prepare('select count(*) from sqlite_master').pluck().get() !== 0

function fileProblems(database: Database.Database): Problems {
  const integrity = database.pragma('integrity_check', { simple: true }) as string
  const version = database.pragma('user_version', { simple: true }) as number
  return [
    ...(integrity === 'ok' ? [] : [`the file is damaged: ${integrity}`]),
    ...(database.pragma('foreign_key_check') as unknown[]).map((row) => JSON.stringify(row)),
    // The tables and their version come in one commit.
    ...(hasTables(database) === version > 0 ? [] : [`version ${version} and its tables differ`]),
  ]
}

/** What is wrong with a database right after a crash; a whole one has no problems. */
export const problemsOf = (path: string, scenario: Scenario, facts: Facts): Problems =>
  look(path, (database) => problemsIn(database, scenario, facts))

export function problemsIn(
  database: Database.Database,
  scenario: Scenario,
  facts: Facts,
): Problems {
  const file = fileProblems(database)
  if (file.length > 0 || !hasTables(database)) return file
  // An earlier schema has not all that the questions are about.
  const isCurrent = Number(database.pragma('user_version', { simple: true })) >= MIGRATIONS.length
  return [
    ...(isCurrent && scenario.isPruning !== true
      ? inconsistencies((sql) => database.prepare(sql).all(), scenario)
      : []),
    ...(scenario.isPruning === true ? [] : deliveryProblems(database, facts)),
    ...(scenario.whole?.(database, facts) ?? []),
  ]
}

/** Looks at a database without the store, for reading only. */
export function look<T>(path: string, at: (database: Database.Database) => T): T {
  const database = new Database(path, { readonly: true })
  try {
    return at(database)
  } finally {
    database.close()
  }
}

/** Every row of every table: two equal contents are two equal histories. */
export function contentOf(database: Database.Database): string {
  const tables = database
    .prepare(`select name from sqlite_master where type = 'table' order by name`)
    .pluck()
    .all() as string[]
  return JSON.stringify([
    database.pragma('user_version'),
    tables.map((name) => [name, database.prepare(`select * from "${name}"`).raw().all()]),
  ])
}

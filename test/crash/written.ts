import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const STORE = fileURLToPath(new URL('../../src/store/', import.meta.url))

const BUILDERS: Readonly<Record<string, string>> = {
  insertInto: 'insert into',
  replaceInto: 'replace into',
  mergeInto: 'merge into',
  updateTable: 'update',
  deleteFrom: 'delete from',
  createTable: 'create table',
  createIndex: 'create index',
  createView: 'create view',
  alterTable: 'alter table',
  dropTable: 'drop table',
  dropIndex: 'drop index',
}

const BUILT = new RegExp(`\\.(${Object.keys(BUILDERS).join('|')})\\(\\s*'(\\w+)'`, 'g')
const RAW =
  /`\s*(insert into|update|delete from|create (?:unique )?(?:table|index)|alter table|drop \w+)\s+"?(\w+)/gi

/** What a statement does to which table: `insert into tasks`. */
export function deedOf(sql: string): string | null {
  const [, verb = '', name = ''] =
    /^\s*(?:with\b[^]*?\)\s*)?(insert into|update|delete from|create (?:unique )?(?:table|index)|alter table|drop \w+) "?(\w+)/i.exec(
      sql,
    ) ?? []
  return verb === '' ? null : `${verb.toLowerCase().replace('unique ', '')} ${name}`
}

/** Every write that stands in the source of the store, with the files it stands in; what is written for PostgreSQL alone dies there. */
export function writesInSource(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const file of globSync('**/*.ts', { cwd: STORE, exclude: ['postgres/**'] })) {
    const source = readFileSync(`${STORE}${file}`, 'utf8')
    const built = [...source.matchAll(BUILT)].map(([, b = '', name]) => `${BUILDERS[b]} ${name}`)
    const raw = [...source.matchAll(RAW)].map(([text]) => deedOf(text.slice(1)) ?? '')
    for (const deed of [...built, ...raw]) found.set(deed, [...(found.get(deed) ?? []), file])
  }
  return found
}

/** Every pragma that stands in the source of the store, without what is put into it. */
export function pragmasInSource(): string[] {
  const source =
    readFileSync(`${STORE}sqlite.ts`, 'utf8') + readFileSync(`${STORE}database-file.ts`, 'utf8')
  const names = [...source.matchAll(/(?:\.pragma\(|raw\()['"`](?:pragma )?(\w+)/g)].map(
    ([, name = '']) => name,
  )
  return (
    [...new Set(names)]
      // How long to wait for a lock is not said to the file.
      .filter((name) => name !== 'begin' && name !== 'busy_timeout')
  )
}

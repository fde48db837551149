import Database from 'better-sqlite3'

/** Called around what goes to a database file past the store's own hook. */
type Watch = (what: string, phase: 'before' | 'after') => void

const watches = new Map<string, Watch>()

/** It says nothing to the file, and would be said four times a transaction. */
const isSilent = (pragma: string) => pragma.startsWith('busy_timeout')

/**
 * Watches the pragmas and the closing of a database. The store opens, marks and
 * merges its file by these, without a statement that its hook would see.
 */
export const watchFile = (path: string, watch: Watch): void => void watches.set(path, watch)

/** Nothing more will happen there. */
export const unwatchFile = (path: string): void => void watches.delete(path)

const { prototype } = Database
const { pragma, close } = prototype

prototype.pragma = function (this: Database.Database, source, options) {
  const watch = isSilent(source) ? undefined : watches.get(this.name)
  watch?.(`pragma ${source}`, 'before')
  const result = pragma.call(this, source, options)
  watch?.(`pragma ${source}`, 'after')
  return result
}

prototype.close = function (this: Database.Database) {
  const watch = this.open ? watches.get(this.name) : undefined
  watch?.('close', 'before')
  close.call(this)
  watch?.('close', 'after')
  return this
}

import { StoreError } from '../domain/errors.ts'

interface Explanation {
  readonly code: StoreError['code']
  readonly what: string
  readonly remedy: string
  /** Added where it is found before anything was written. */
  readonly whenOpening?: string
  readonly retryable?: boolean
}

/** By the beginning of SQLite's result code (sqlite.org/rescode.html). */
const EXPLANATIONS: readonly (readonly [prefix: string, Explanation])[] = [
  [
    'SQLITE_NOTADB',
    {
      code: 'STORE_FOREIGN',
      what: 'is not a SQLite database',
      remedy: 'name another file, or move this one away; it was not changed',
    },
  ],
  [
    'SQLITE_CORRUPT',
    {
      code: 'STORE_CORRUPT',
      what: 'is damaged',
      remedy: 'restore it from a backup, or recover what can be read with "sqlite3 FILE .recover"',
      whenOpening: '; it was not changed',
    },
  ],
  [
    'SQLITE_READONLY_ROLLBACK',
    {
      code: 'STORE_CORRUPT',
      what: 'has a log and a rollback journal beside it, and only one of them can be its own',
      remedy:
        'restore all three from a backup, or move away the one that is not; nothing was changed',
    },
  ],
  [
    'SQLITE_READONLY',
    {
      code: 'STORE_READ_ONLY',
      what: 'cannot be written',
      remedy: 'give this user the right to write to the file and its folder',
    },
  ],
  [
    'SQLITE_CANTOPEN',
    {
      code: 'STORE_READ_ONLY',
      what: 'cannot be opened or created',
      remedy: 'the folder must exist and this user must be allowed to write there',
    },
  ],
  [
    'SQLITE_FULL',
    {
      code: 'STORE_FULL',
      what: 'cannot grow: the disk is full',
      remedy: 'make room and run it again; everything committed so far is kept',
      retryable: true,
    },
  ],
  [
    'SQLITE_BUSY',
    {
      code: 'STORE_BUSY',
      what: 'is locked by another process',
      remedy: 'run it again when that process has let go',
      retryable: true,
    },
  ],
  [
    'SQLITE_IOERR',
    {
      code: 'STORE_FAILED',
      what: 'could not be read or written: the disk reported an error',
      remedy: 'check the disk; everything committed so far is kept',
    },
  ],
]

/** SQLite's name for what went wrong, where it was SQLite that threw. */
export function resultCode(thrown: unknown): string | null {
  if (!(thrown instanceof Error) || !('code' in thrown)) return null
  return typeof thrown.code === 'string' && thrown.code.startsWith('SQLITE_') ? thrown.code : null
}

/** Whether SQLite refused because a row of the same unique key exists already; the key as `table.column`. */
export function isUniqueViolation(thrown: unknown, key: string): boolean {
  const cause = thrown instanceof StoreError ? thrown.cause : thrown
  if (!(cause instanceof Error) || resultCode(cause) !== 'SQLITE_CONSTRAINT_UNIQUE') return false
  return cause.message.endsWith(`: ${key}`)
}

/** What a result code means for the user: the file, what is wrong, and the remedy. */
export function storeErrorOf(
  result: string,
  path: string,
  { cause, isOpening = false }: { readonly cause?: unknown; readonly isOpening?: boolean } = {},
): StoreError {
  const found = EXPLANATIONS.find(([prefix]) => result.startsWith(prefix))?.[1]
  if (found === undefined) {
    const said = cause instanceof Error ? cause.message : 'failed'
    return new StoreError('STORE_FAILED', `database ${path}: ${said} (${result})`, { cause })
  }
  const { code, what, remedy, whenOpening = '', retryable = false } = found
  const message = `database ${path} ${what} (${result}): ${remedy}${isOpening ? whenOpening : ''}`
  return new StoreError(code, message, { cause, retryable })
}

/** What SQLite said, as an error that names the file and the remedy. Other errors pass unchanged. */
export function explainSqliteError(thrown: unknown, path: string, isOpening = false): unknown {
  const result = resultCode(thrown)
  return result === null ? thrown : storeErrorOf(result, path, { cause: thrown, isOpening })
}

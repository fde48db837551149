import pg from 'pg'
import { MusterError, StoreError } from '../../domain/errors.ts'

/**
 * What became of a step that failed for a reason that passes: `undone` where
 * nothing of it was kept, `unknown` where the connection was lost while its
 * commit was under way.
 */
export type Outcome = 'undone' | 'unknown'

const outcomes = new WeakMap<object, Outcome>()

/** Undefined where the reason does not pass: the same again would fail again. */
export const outcomeOf = (thrown: unknown): Outcome | undefined =>
  typeof thrown === 'object' && thrown !== null ? outcomes.get(thrown) : undefined

interface Explanation {
  readonly code: StoreError['code']
  readonly what: string
  readonly remedy: string
  readonly retryable?: boolean
}

const UNREACHABLE: Explanation = {
  code: 'STORE_BUSY',
  what: 'cannot be reached',
  remedy:
    'see that the server runs and that host and port are right, and run it again; everything committed so far is kept',
  retryable: true,
}

const BUSY: Explanation = {
  code: 'STORE_BUSY',
  what: 'has others at work on the same rows',
  remedy: 'run it again when they have let go',
  retryable: true,
}

const REFUSED: Explanation = {
  code: 'STORE_FAILED',
  what: 'refuses this user',
  remedy: 'see that user and password of the URL are right, and that pg_hba.conf lets them in',
}

const READ_ONLY: Explanation = {
  code: 'STORE_READ_ONLY',
  what: 'can only be read here',
  remedy: 'name the primary server, and a database whose default_transaction_read_only is off',
}

/** By the beginning of the SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html). */
const EXPLANATIONS: readonly (readonly [prefix: string, Explanation])[] = [
  ['08', UNREACHABLE],
  ['57P', UNREACHABLE],
  ['25P03', UNREACHABLE],
  [
    '53300',
    {
      ...UNREACHABLE,
      what: 'has no connection left',
      remedy: 'raise max_connections, or give each host a smaller pool',
    },
  ],
  ['28', REFUSED],
  [
    '3D000',
    {
      code: 'STORE_FAILED',
      what: 'does not exist',
      remedy: 'create it (createdb), or name another',
    },
  ],
  [
    '3F000',
    {
      code: 'STORE_FAILED',
      what: 'has no schema to make tables in',
      remedy: 'create the schema that search_path names',
    },
  ],
  [
    '42501',
    {
      code: 'STORE_READ_ONLY',
      what: 'does not let this user do that',
      remedy: 'grant it CREATE on the schema, and SELECT, INSERT, UPDATE and DELETE on its tables',
    },
  ],
  ['25006', READ_ONLY],
  [
    '53',
    {
      code: 'STORE_FULL',
      what: 'has no room left',
      remedy:
        "make room on the server's disk and run it again; everything committed so far is kept",
      retryable: true,
    },
  ],
  ['XX001', { code: 'STORE_CORRUPT', what: 'is damaged', remedy: 'restore it from a backup' }],
  [
    'XX002',
    { code: 'STORE_CORRUPT', what: 'has a damaged index', remedy: 'run REINDEX DATABASE on it' },
  ],
  ['40', BUSY],
  ['55P03', BUSY],
  [
    '57014',
    {
      ...BUSY,
      what: 'took too long for a statement',
      remedy: 'see what else is at work on the server, and run it again',
    },
  ],
]

/** Reasons that stay, by what the driver says. */
const INSECURE = /\bSSL\b|\bTLS\b|certificate/i
const NO_PASSWORD = /^SASL|password/i

function isOfState(thrown: unknown, ...prefixes: readonly string[]): boolean {
  const state = thrown instanceof pg.DatabaseError ? (thrown.code ?? '') : ''
  return prefixes.some((prefix) => state.startsWith(prefix))
}

/** Statements that were prepared for tables as they were before somebody changed them. */
function isStale(thrown: unknown): boolean {
  if (isOfState(thrown, '26000')) return true
  return isOfState(thrown, '0A000') && (thrown as Error).message.includes('cached plan')
}

/** Whether the connection is of no use after it. */
export function endsConnection(thrown: unknown): boolean {
  if (!(thrown instanceof pg.DatabaseError)) return true
  return thrown.severity === 'FATAL' || isOfState(thrown, '08', '57P', '25P03') || isStale(thrown)
}

/** Whether PostgreSQL refused a row because there is one of the same unique key, which an index of this name guards. */
export function violatesUnique(thrown: unknown, index: string): boolean {
  const cause = thrown instanceof StoreError ? thrown.cause : thrown
  return cause instanceof pg.DatabaseError && cause.code === '23505' && cause.constraint === index
}

function explanationOf(thrown: Error): Explanation | undefined {
  if (thrown instanceof pg.DatabaseError) {
    return EXPLANATIONS.find(([prefix]) => thrown.code?.startsWith(prefix))?.[1]
  }
  // The files that are opened are certificates and keys.
  if (INSECURE.test(thrown.message) || (thrown as NodeJS.ErrnoException).syscall === 'open') {
    return {
      code: 'STORE_FAILED',
      what: `cannot be connected to securely (${thrown.message})`,
      remedy: 'see what sslmode and sslrootcert of the URL say',
    }
  }
  return NO_PASSWORD.test(thrown.message) ? REFUSED : UNREACHABLE
}

/** What there is to tell of it: an error with several causes has no message of its own. */
function wordsOf(thrown: Error): string {
  const { code } = thrown as { readonly code?: unknown }
  if (thrown instanceof pg.DatabaseError) return `${code}: ${thrown.message}`
  return thrown.message || String(code ?? thrown.name)
}

/** Where an error was met. */
export interface Met {
  /** The database, without its password. */
  readonly shown: string
  /** `connecting`, with nothing sent; `within` a transaction; or at a statement that `ends` one. */
  readonly at: 'connecting' | 'within' | 'ends'
}

/** What PostgreSQL or its driver said, as an error that names the database and the remedy. */
export function explainPostgresError(thrown: unknown, { shown, at }: Met): unknown {
  if (!(thrown instanceof Error) || thrown instanceof MusterError) return thrown
  const found = explanationOf(thrown)
  const words = wordsOf(thrown)
  const message =
    found === undefined
      ? `database ${shown}: ${words}`
      : `database ${shown} ${found.what} (${words}): ${found.remedy}`
  const explained = new StoreError(found?.code ?? 'STORE_FAILED', message, {
    cause: thrown,
    retryable: found?.retryable ?? false,
  })
  const outcome = outcomeAt(thrown, found, at)
  if (outcome !== undefined) outcomes.set(explained, outcome)
  return explained
}

function outcomeAt(
  thrown: Error,
  found: Explanation | undefined,
  at: Met['at'],
): Outcome | undefined {
  if (isStale(thrown) || isOfState(thrown, '40', '55P03', '53300')) return 'undone'
  if (found !== UNREACHABLE) return undefined
  return at === 'ends' ? 'unknown' : 'undone'
}

import { InvalidInputError } from '../../domain/errors.ts'

/** Where a database is, checked before anybody connects. */
export interface Address {
  /** For the driver: without the `options`, which are joined with ours. */
  readonly url: string
  /** What the URL asks the server to set, such as `-c search_path=scans`. */
  readonly options: string
  /** For messages: no password, and nothing of the query, which can hold one. */
  readonly shown: string
}

const FORM = 'postgres://USER:PASSWORD@HOST:5432/DATABASE'

const refuse = (what: string): InvalidInputError =>
  // Never the URL itself: it holds the password.
  new InvalidInputError('INVALID_OPTIONS', [`the database URL ${what}`])

function parse(url: string): URL {
  if (!/^postgres(ql)?:\/\//i.test(url)) {
    const scheme = /^[a-z][a-z0-9+.-]*(?=:)/i.exec(url)?.[0]
    throw refuse(
      `${scheme === undefined ? 'has no scheme' : `begins with ${scheme}:`}, expected ${FORM}`,
    )
  }
  try {
    return new URL(url)
  } catch {
    throw refuse(
      `cannot be read, expected ${FORM}: write characters such as # / ? @ of a password as %23 %2F %3F %40`,
    )
  }
}

/**
 * Takes a database URL apart.
 *
 * @throws InvalidInputError (INVALID_OPTIONS) for one that cannot be used
 */
export function addressOf(given: string): Address {
  const url = parse(given)
  if (url.hash !== '') {
    throw refuse('has a # in it: write # in a password as %23')
  }
  const asked = url.searchParams
  const database = url.pathname.slice(1)
  if (database === '') throw refuse(`names no database, expected ${FORM}`)
  if (database.includes('/')) {
    throw refuse(`has a / in the name of its database: write / in a password as %2F`)
  }
  const options = asked.get('options') ?? ''
  asked.delete('options')
  const user = asked.get('user') ?? url.username
  const host = asked.get('host') ?? url.host
  return {
    url: url.href,
    options,
    shown: `postgres://${user === '' ? '' : `${user}@`}${host}/${database}`,
  }
}

import { z } from 'zod'
import { HttpProblem } from './problem.ts'
import { SESSION_FILTERS, SESSION_SORTS, type SessionFilter, type SessionSort } from './wire.ts'

/** Which window of which sessions a page shows. */
export interface PageQuery {
  readonly status: SessionFilter
  readonly search: string
  readonly sort: SessionSort
  readonly offset: number
  readonly limit: number
}

/** Rows of a window at the most; a page shows some fifty at a time. */
export const MAX_ROWS = 200

/** What is counted beyond this is no place of a list any more; also keeps numbers exact in every database. */
const MAX_OFFSET = 10_000_000

const count = (min: number, max: number, fallback: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback)

const pageQuery = z.object({
  status: z.enum(SESSION_FILTERS).default('all'),
  search: z.string().max(200).default(''),
  sort: z.enum(SESSION_SORTS).default('newest'),
  offset: count(0, MAX_OFFSET, 0),
  limit: count(1, MAX_ROWS, 50),
})

const failedQuery = z.object({
  after: count(0, Number.MAX_SAFE_INTEGER, 0),
  limit: count(1, MAX_ROWS, 50),
})

function parsed<T>(schema: z.ZodType<T>, given: Readonly<Record<string, string>>): T {
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const faults = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new HttpProblem(422, 'INVALID_QUERY', faults.join('; '))
}

/** Reads the query of a list of sessions. @throws HttpProblem (422) that names what does not fit */
export const pageQueryOf = (given: Readonly<Record<string, string>>): PageQuery =>
  parsed(pageQuery, given)

/** Reads the query of a list of failed items. @throws HttpProblem (422) */
export const failedQueryOf = (given: Readonly<Record<string, string>>) => parsed(failedQuery, given)

import { IncompatibleCheckpointError, SourceError } from '../domain/errors.ts'
import type { JsonValue } from '../domain/json.ts'
import { linesCursor, readLines } from './lines.ts'
import { redactCredentials } from './redact.ts'
import type { EnumerateContext, Page } from './source.ts'

/** Entries written out in the spec, or a file with one a line: exactly one of them. */
export interface ListSource {
  readonly values?: readonly string[] | undefined
  /** An absolute path. */
  readonly file?: string | undefined
  /** Takes credentials out of an entry. Default: `redactCredentials`, which leaves a good URL's path alone. */
  readonly redact?: (entry: string) => string
  /** Entries a page. Default: `LIST_PAGE_SIZE`. */
  readonly pageSize?: number
}

/** Entries a page. Checking a thousand URLs held the host's event loop for 14 ms; half of them, for half as long. */
export const LIST_PAGE_SIZE = 500

/**
 * Yields the pages of a list. The cursor is `{ index }` in an array, which also
 * tells the total, and `{ offset, line, hash, size, mtime }` in a file. Credentials in an entry
 * are replaced by `***`, since an entry is stored even when it is rejected.
 *
 * @throws {SourceError} when the file is missing, unreadable or changed since
 *   the cursor was made; not retryable, except for an error of the disk
 */
export async function* enumerateList(
  list: ListSource,
  cursor: JsonValue | undefined,
  context: Pick<EnumerateContext, 'signal'>,
): AsyncGenerator<Page<string>, void, undefined> {
  const { values, redact = redactCredentials, pageSize = LIST_PAGE_SIZE } = list
  if (values !== undefined) yield* pagesOfArray({ values, redact, pageSize }, cursor, context)
  else if (list.file !== undefined) {
    const options = { signal: context.signal, pageSize }
    for await (const page of readLines(list.file, linesCursor(cursor), options)) {
      yield { items: page.lines.map(redact), cursor: page.cursor }
    }
  } else throw new SourceError('SOURCE_MALFORMED', 'a list needs entries or a file; got neither')
}

function* pagesOfArray(
  {
    values,
    redact,
    pageSize,
  }: { readonly values: readonly string[]; redact(entry: string): string; pageSize: number },
  cursor: JsonValue | undefined,
  context: Pick<EnumerateContext, 'signal'>,
): Generator<Page<string>, void, undefined> {
  const total = values.length
  for (let index = indexOf(cursor, total); index < total;) {
    context.signal.throwIfAborted()
    const items = values.slice(index, index + pageSize).map(redact)
    index += items.length
    yield { items, cursor: { index }, total }
  }
}

function indexOf(cursor: JsonValue | undefined, total: number): number {
  if (cursor === undefined || cursor === null) return 0
  const { index } = cursor as { index?: unknown }
  if (!Number.isSafeInteger(index) || Number(index) < 0) {
    throw new IncompatibleCheckpointError(
      'the stored position is not one in a list (expected { index }); start the target again',
    )
  }
  if (Number(index) <= total) return Number(index)
  throw new SourceError(
    'SOURCE_CHANGED',
    `the list changed since the walk stopped at entry ${String(index)}: it has ${total} entries now; enumerate the target again from the beginning`,
  )
}

/**
 * How many entries a list has; a file is read to its end, a page at a time.
 *
 * @throws {SourceError} when the file is missing or unreadable
 */
export async function countEntries(
  { values, file }: Pick<ListSource, 'values' | 'file'>,
  { signal }: Pick<EnumerateContext, 'signal'>,
): Promise<number> {
  if (values !== undefined) return values.length
  if (file === undefined) return 0
  let count = 0
  for await (const { lines } of readLines(file, undefined, { signal, pageSize: LIST_PAGE_SIZE })) {
    count += lines.length
  }
  return count
}

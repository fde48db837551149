import type { JsonValue } from '../../domain/json.ts'
import { enumerateList } from '../list.ts'
import { maskCredentials } from '../redact.ts'
import type { EnumerateContext, Page } from '../source.ts'

/**
 * Yields the repositories that a spec lists itself, as texts for
 * `identifyReference`, 1,000 a page; nothing is asked of GitHub.
 *
 * @throws {SourceError} when the file is missing, unreadable or changed since
 *   the cursor was made
 */
export function enumerateRepositoryList(
  spec: {
    readonly repoList?: readonly string[] | undefined
    readonly repoListFile?: string | undefined
  },
  cursor: JsonValue | undefined,
  context: Pick<EnumerateContext, 'signal'>,
): AsyncIterable<Page<string>> {
  const { repoList: values, repoListFile: file } = spec
  return enumerateList({ values, file, redact: maskCredentials }, cursor, context)
}

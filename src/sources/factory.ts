import { InvalidInputError } from '../domain/errors.ts'
import { githubSource } from './github/index.ts'
import { s3Source } from './s3/index.ts'
import type { AnySource } from './source.ts'
import { urlSource } from './url/index.ts'
import { TARGET_KEYS } from '../domain/session-state.ts'

/**
 * The sources of one Muster by type: the built-in ones and the host's own.
 *
 * @throws {InvalidInputError} INVALID_OPTIONS for a type that is malformed or given twice
 */
export function createSources(extra: readonly AnySource[] = []): ReadonlyMap<string, AnySource> {
  const sources = new Map<string, AnySource>()
  for (const source of [githubSource(), s3Source(), urlSource(), ...extra]) {
    const { type } = source
    if (
      typeof type !== 'string' ||
      !/^[a-z][a-z0-9]{0,39}$/i.test(type) ||
      TARGET_KEYS.includes(type)
    ) {
      throw new InvalidInputError('INVALID_OPTIONS', [
        `sources: the type ${JSON.stringify(type)} cannot be used; expected 1 to 40 letters and digits, and none of ${TARGET_KEYS.join(', ')}`,
      ])
    }
    if (sources.has(type)) {
      throw new InvalidInputError('INVALID_OPTIONS', [
        `sources: the type "${type}" is registered twice; give your source another type`,
      ])
    }
    sources.set(type, source)
  }
  return sources
}

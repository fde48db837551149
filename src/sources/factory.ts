import { InvalidInputError } from '../domain/errors.ts'
import { githubSource } from './github/index.ts'
import { s3Source } from './s3/index.ts'
import type { AnySource } from './source.ts'
import { urlSource } from './url/index.ts'

/** Words of a target spec that no source can be called by. */
const TAKEN = ['name', 'sourceType', 'authRef', 'onlyChanged', 'deactivateAfter']

/**
 * The sources of one Muster by type: the built-in ones and the host's own.
 *
 * @throws {InvalidInputError} INVALID_OPTIONS for a type that is malformed or given twice
 */
export function createSources(extra: readonly AnySource[] = []): ReadonlyMap<string, AnySource> {
  const sources = new Map<string, AnySource>()
  for (const source of [githubSource(), s3Source(), urlSource(), ...extra]) {
    const { type } = source
    if (typeof type !== 'string' || !/^[a-z][a-z0-9]{0,39}$/i.test(type) || TAKEN.includes(type)) {
      throw new InvalidInputError('INVALID_OPTIONS', [
        `sources: the type ${JSON.stringify(type)} cannot be used; expected 1 to 40 letters and digits, and none of ${TAKEN.join(', ')}`,
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

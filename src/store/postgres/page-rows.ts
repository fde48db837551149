import { scanTargetId, taskId } from '../../domain/identity.ts'
import type { Identity } from '../../sources/source.ts'
import type { CommitPage } from '../store.ts'

/** The rows of a page, a list for each column: an array is one parameter, however many rows there are. */
export interface PageRows {
  readonly keys: readonly string[]
  readonly uris: readonly string[]
  readonly names: readonly string[]
  /** As JSON: resource and task hold the same text. */
  readonly metadata: readonly string[]
  readonly versions: readonly (string | null)[]
  /** Whether a filter let it pass. */
  readonly kept: readonly boolean[]
  /** Where it stood on the page: its task is delivered in that order. */
  readonly places: readonly number[]
  readonly scanTargetIds: readonly string[]
  readonly taskIds: readonly string[]
  /** Earlier addresses that the source tells, and the number of the row that had them, from one. */
  readonly aliases: readonly string[]
  readonly aliasRows: readonly number[]
}

/** An item met twice on one page is one row: the first counts. Keys that are one in UTF-8 are one. */
function distinct(identities: readonly Identity[]): Map<string, [Identity, number]> {
  const found = new Map<string, [Identity, number]>()
  for (const [place, identity] of identities.entries()) {
    const key = identity.key.toWellFormed()
    if (!found.has(key)) found.set(key, [identity, place])
  }
  return found
}

/**
 * The rows of a page in the order of their keys. Sessions that share resources
 * write them in one order, so that no two wait for each other.
 */
export function pageRows({ session, kept, skipped, sighted }: CommitPage): PageRows {
  const found = distinct(sighted === undefined ? kept : [...kept, ...skipped])
  const rows = [...found.values()].toSorted(([{ key: a }], [{ key: b }]) => (a < b ? -1 : 1))
  const identities = rows.map(([identity]) => identity)
  const scanTargetIds = identities.map(({ key }) => scanTargetId(session.sourceType, key))
  return {
    keys: identities.map(({ key }) => key),
    uris: identities.map(({ uri }) => uri),
    names: identities.map(({ name }) => name),
    metadata: identities.map(({ metadata }) => JSON.stringify(metadata ?? {})),
    versions: identities.map(({ version }) => version ?? null),
    kept: identities.map((identity) => identity.skipped === undefined),
    places: rows.map(([, place]) => place),
    scanTargetIds,
    taskIds: scanTargetIds.map((id) => taskId(session.sessionId, id)),
    ...aliasesOf(identities),
  }
}

function aliasesOf(identities: readonly Identity[]): Pick<PageRows, 'aliases' | 'aliasRows'> {
  const aliases: string[] = []
  const aliasRows: number[] = []
  for (const [index, { uri, aliases: told = [] }] of identities.entries()) {
    for (const alias of told) {
      if (alias === uri) continue
      aliases.push(alias)
      aliasRows.push(index + 1)
    }
  }
  return { aliases, aliasRows }
}

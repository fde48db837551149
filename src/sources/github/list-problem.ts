/** Entries of a list that lead to no repository: failed items, which can be tried again. */
import type { Shortfall } from '../../../machines/index.ts'
import { ItemRejectedError } from '../../domain/errors.ts'
import type { JsonValue } from '../../domain/json.ts'
import { printed } from '../wording.ts'

/** Why an entry could not be looked up; the words are those of `SHORTFALL_CODES`. */
export type ListProblem = 'not_found' | 'dmca' | 'gone' | 'forbidden' | 'sso'

/** In place of a repository. A type, not an interface, so that it counts as JSON. */
export type UnresolvedEntry = {
  /** As it stands in the list, without credentials. */
  readonly entry: string
  readonly problem: ListProblem
  /** The same for a person, with the remedy. */
  readonly detail: string
}

/** One sentence a kind: a session keeps few shortfalls, and the failed items name the entries. */
const SENTENCES: Readonly<Record<ListProblem, string>> = {
  not_found: 'some entries are unknown or hidden from the credential',
  dmca: 'some entries are blocked for legal reasons',
  gone: 'some entries are gone for good',
  forbidden: 'some entries may not be read with the credential',
  sso: 'some entries are left out for want of single sign-on',
}

/** Whether a word is one for why an entry could not be looked up. */
export function isListProblem(code: string | undefined): code is ListProblem {
  return code !== undefined && Object.hasOwn(SENTENCES, code)
}

/** Whether an item is an entry that could not be looked up. */
export function isUnresolved(item: JsonValue): item is UnresolvedEntry {
  return typeof item === 'object' && item !== null && 'problem' in item && 'entry' in item
}

/**
 * Rejects an entry that could not be looked up.
 *
 * @throws {ItemRejectedError} always, with the entry and the reason
 */
export function rejectUnresolved({ entry, detail }: UnresolvedEntry): never {
  throw new ItemRejectedError(`${printed(entry)}: ${String(detail)}`)
}

/**
 * What a page of a list lacks, one a kind of problem.
 *
 * @param what the list, for the sentence; the same for each of its pages
 */
export function listShortfalls(items: readonly JsonValue[], what: string): readonly Shortfall[] {
  const found = new Set(items.filter(isUnresolved).map(({ problem }) => problem))
  return [...found].map((code) => ({
    code,
    detail: `${what}: ${SENTENCES[code]}; the failed items name them`,
  }))
}

import type { Identity } from '../../sources/source.ts'
import { ContractError } from '../contract-case.ts'

/** What came of identifying an item; `identity` is null for one that was refused. */
export interface Tried {
  readonly identity: Identity | null
  readonly thrown?: unknown
}

/** An identity that is there at once. @throws ContractError for the promise of one */
export function atOnce(identity: unknown): Identity {
  if (typeof (identity as PromiseLike<unknown> | null | undefined)?.then !== 'function') {
    return identity as Identity
  }
  // A rejection that nobody heard would end the process that runs the tests.
  Promise.resolve(identity).catch(() => undefined)
  throw new ContractError('identify returned a promise; it has to be synchronous')
}

/** Identifies an item that may be refused. */
export function tried(identify: (item: unknown) => Identity, item: unknown): Tried {
  try {
    return { identity: identify(item) }
  } catch (thrown) {
    if (thrown instanceof ContractError) throw thrown
    return { identity: null, thrown }
  }
}

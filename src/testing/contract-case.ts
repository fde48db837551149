import { AssertionError } from 'node:assert/strict'

/**
 * One promise of a contract, to be run by whatever runs tests. It opens what it
 * needs, cleans up after itself, and throws when the promise is not kept.
 *
 * @example
 * for (const { title, run } of storeContract(({ clock }) => openMyStore({ clock }))) test(title, run)
 */
export interface ContractCase {
  /** What is promised; no two cases of a contract have the same one. */
  readonly title: string
  /** Resolves when the promise is kept. @throws AssertionError, or what the adapter threw, when it is not */
  run(): Promise<void>
}

/** What a contract itself has to say, apart from what an adapter throws; a sentence, as `assert.ok` would tell it. */
export class ContractError extends AssertionError {
  constructor(message: string) {
    super({ message, actual: false, expected: true, operator: '==' })
  }
}

/** Cleans up whatever happens; what failed first is what is told. */
export async function withCleanUp<T>(
  body: () => Promise<T>,
  cleanUp: () => void | Promise<void>,
): Promise<T> {
  let result: T
  try {
    result = await body()
  } catch (thrown) {
    await Promise.resolve(cleanUp()).catch(() => undefined)
    throw thrown
  }
  await cleanUp()
  return result
}

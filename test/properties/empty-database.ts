import { openStore } from '../../src/index.ts'
import { quickDatabase } from '../support/temp.ts'

/** A database with its tables and nothing in it: to copy it is quicker than to make one for each run. */
export async function emptyDatabase(): Promise<string> {
  const path = quickDatabase()
  const store = await openStore({ path })
  await store.close()
  return path
}

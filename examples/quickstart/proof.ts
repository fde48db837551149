import { existsSync } from 'node:fs'
import { openStore } from '../../src/index.ts'

/** What the database holds, against what there is. */
export interface Proof {
  readonly expected: number
  readonly tasks: number
  readonly duplicates: number
  readonly lost: number
  readonly holds: boolean
}

/** How many tasks are stored so far; 0 while there is no database. */
export async function countTasks(path: string): Promise<number> {
  if (!existsSync(path)) return 0
  const store = await openStore({ path })
  try {
    return await store.repositories.tasks.count()
  } finally {
    await store.close()
  }
}

export async function prove(path: string, expected: readonly string[]): Promise<Proof> {
  const store = await openStore({ path })
  const seen = new Map<string, number>()
  let tasks = 0
  for await (const { resourceUri } of store.repositories.tasks.stream()) {
    tasks += 1
    seen.set(resourceUri, (seen.get(resourceUri) ?? 0) + 1)
  }
  await store.close()
  const duplicates = tasks - seen.size
  const lost = expected.filter((uri) => !seen.has(uri)).length
  const holds = duplicates === 0 && lost === 0 && tasks === expected.length
  return { expected: expected.length, tasks, duplicates, lost, holds }
}

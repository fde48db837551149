import type Database from 'better-sqlite3'
import type { EnumerateContext } from '../../../src/index.ts'
import type { Store } from '../../../src/store/store.ts'

/** The first column of what a query finds. */
export const column = (database: Database.Database, sql: string): unknown[] =>
  database.prepare(sql).pluck().all()

/** Whether a host that starts again has something to take up: nothing was begun, or something not ended. */
export async function isLeftToDo(store: Store): Promise<boolean> {
  const [last] = await store.repositories.sessions.list(1)
  return last === undefined || (await store.findUnfinished()).length > 0
}

/** A source that lets a process wait at the page it asks for as its n-th. */
export function whenAsked(nth: number) {
  const gate = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  let count = 0
  return {
    asked: asked.promise,
    open: () => gate.resolve(),
    async before(_: number, __: EnumerateContext) {
      count += 1
      if (count !== nth) return
      asked.resolve()
      await gate.promise
    },
  }
}

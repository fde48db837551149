import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { StoreError } from '../../src/domain/errors.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'
import { isSame, putFiles, takeFiles, type Files } from './files.ts'
import { Facts, Life } from './life.ts'
import { inPlace, musterAt } from './places.ts'
import { recordLife } from './record.ts'
import type { Scenario } from './scenario.ts'
import { column, isLeftToDo } from './scenarios/kit.ts'
import { contentOf, look, problemsOf } from './whole.ts'

const ITEMS = [...itemsNamed('early', 17), 'bad-1', ...itemsNamed('late', 22)]
const URIS = ITEMS.filter((item) => item !== 'bad-1').map((item) => `scripted://${item}`)
const LISTING = { items: ITEMS, pageSize: 8 }

/** Two pages are walked, merged into the main file and closed; the rest is in the log when the process dies. */
export const tornScenario: Scenario = {
  title: 'a walk and its delivery, half of it merged',
  async prepare(path) {
    const stop = new AbortController()
    const before = (page: number) => (page === 3 ? stop.abort() : undefined)
    const { muster, close } = await musterAt(path, { crash: { ...LISTING, before } })
    const target = scriptedTarget('crash')
    await muster.coordinator.enumerateTarget(target, { signal: stop.signal }).done
    await close()
  },
  async live(life) {
    const { muster, store } = await life.muster({ crash: LISTING })
    try {
      if (!(await isLeftToDo(store))) return
      const run = muster.coordinator.enumerateTarget(scriptedTarget('crash'))
      for await (const { taskId } of run.tasks) life.note(`got ${taskId}`)
      await run.done
    } finally {
      await muster.close()
    }
  },
  truth(database, facts) {
    assert.deepEqual(column(database, 'select uri from tasks order by seq'), URIS)
    assert.deepEqual(column(database, 'select status from sessions'), ['PARTIALLY_COMPLETED'])
    assert.deepEqual(
      new Set(facts.of('got')),
      new Set(column(database, 'select task_id from tasks')),
    )
  },
}

/** What a crash left, and everything that was ever committed before it. */
export interface Torn {
  readonly files: Files
  /** What the main file becomes when the log is merged. */
  readonly merged: Buffer
  readonly facts: readonly string[]
  /** The contents after each commit, the oldest first; null where nobody took them. */
  readonly history: readonly string[] | null
}

const contentIn = (files: Files): Promise<string> =>
  inPlace(async (path) => {
    putFiles(path, { ...files, shm: null })
    return look(path, contentOf)
  })

/** Dies late: nearly everything is in the log, and the main file is as it was before this life. */
export const tear = (): Promise<Torn & { readonly history: readonly string[] }> =>
  inPlace(async (path) => {
    await tornScenario.prepare?.(path)
    const { wrecks } = await recordLife(tornScenario, path)
    const merged = takeFiles(path).main
    const last = wrecks.findLastIndex(({ files }) => (files.wal?.length ?? 0) > 0)
    const history = []
    for (const { files } of wrecks.slice(0, last + 1)) history.push(await contentIn(files))
    const { files, facts } = wrecks[last]!
    return { files, facts, merged: merged!, history: [...new Set(history)] }
  })

export type Met =
  /** What was committed up to some moment was there, and the walk came to the truth. */
  | { readonly end: 'truth'; readonly lost: number }
  | { readonly end: 'refused'; readonly code: string; readonly message: string }
  /** The damage lies where nothing was read. */
  | { readonly end: 'unread' }

/**
 * Opens damaged files and walks on. Either they hold what was committed up to
 * some moment, and the walk comes to the truth; or they are refused.
 *
 * The log is not forced to the disk at every commit (synchronous = NORMAL), so
 * a power cut may cost the last commits. What was acknowledged in them comes
 * again; so that is not asked for here.
 */
export const meet = (torn: Torn, damaged: Partial<Files>): Promise<Met> =>
  inPlace(async (path) => {
    const facts = new Facts(torn.facts.filter((fact) => fact.startsWith('got ')))
    const found = await contentIfWhole(damaged)
    putFiles(path, damaged)
    const before = takeFiles(path)
    try {
      await tornScenario.live(new Life({ path, facts }))
    } catch (thrown) {
      return refused(thrown, !isSame(before, takeFiles(path)))
    }
    if (found === null) return { end: 'unread' }
    const { history } = torn
    const lost = history === null ? 0 : history.length - 1 - history.indexOf(found)
    assert.notEqual(lost, history?.length, 'what was opened was never committed')
    assert.deepEqual(problemsOf(path, tornScenario, facts), [])
    look(path, (database) => tornScenario.truth(database, facts))
    return { end: 'truth', lost }
  })

/** Refused in one sentence, which says that nothing was changed only where that is so. */
function refused(thrown: unknown, changed: boolean): Met {
  assert(thrown instanceof StoreError, `not in words: ${String(thrown)}`)
  const { code, message } = thrown
  assert.doesNotMatch(message, /\n|^\s+at /m)
  assert.notEqual(/ not changed| nothing was changed/.test(message) && changed, true, message)
  return { end: 'refused', code, message }
}

/** The rows of files that SQLite finds nothing wrong with; null of others. */
const contentIfWhole = (damaged: Partial<Files>): Promise<string | null> =>
  inPlace(async (path) => {
    putFiles(path, { ...damaged, shm: null })
    try {
      // For writing: a rollback journal is played back by who may write alone.
      const database = new Database(path)
      const integrity = database.pragma('integrity_check', { simple: true })
      const content = integrity === 'ok' ? contentOf(database) : null
      database.close()
      return content
    } catch {
      return null
    }
  })

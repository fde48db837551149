import type { Changes } from '../delivery/changes.ts'
import type { TaskFeed } from '../delivery/task-feed.ts'
import { InvalidInputError } from '../domain/errors.ts'
import type { TargetConfig } from '../domain/session-state.ts'
import type { AnswerCache, EnumerateContext, SharedBudget } from '../sources/source.ts'
import { unstarted } from './new-session.ts'
import { PageReader } from './page-reader.ts'
import type { BudgetNotes } from './budget-notes.ts'
import type { CredentialResolver, EnumerationDeps } from './ports.ts'
import { ReadAhead } from './read-ahead.ts'
import type { Walk } from './walk.ts'

/** What a walk is made of, and where it tells what it learns of credentials. */
export type WalkDeps = EnumerationDeps & { readonly notes: BudgetNotes }

interface WalkParams {
  readonly sessionId: string
  readonly config: TargetConfig
  readonly credentials: CredentialResolver
  readonly feed: TaskFeed
  readonly changes: Changes
}

/** The answers that one source remembers. */
function answersOf(store: EnumerationDeps['store'], sourceType: string): AnswerCache {
  const { answers } = store.repositories
  const keyOf = (key: string) => `${sourceType} ${key}`
  return {
    get: (key) => answers.get(keyOf(key)),
    set: (key, value) => answers.set(keyOf(key), value),
  }
}

/** What limits a credential, counted for all processes where they share a store, and else only shown. */
function budgetOf(
  { store, notes }: WalkDeps,
  label: string | null,
): Pick<EnumerateContext, 'budget' | 'noteBudget'> {
  if (!store.isShared) {
    return { noteBudget: (note) => notes.note({ ...note, label: note.label ?? label }) }
  }
  const share: SharedBudget['share'] = (report) =>
    store.shareBudget({ ...report, label: report.label ?? label })
  return { budget: { share } }
}

function pagesOf(
  deps: WalkDeps,
  walk: Pick<Walk, 'sessionId' | 'config' | 'credentials' | 'source'>,
): ReadAhead {
  const { clock, queue, store } = deps
  const { sessionId, config, credentials, source } = walk
  const pages = new PageReader({
    sessionId,
    source,
    spec: config.spec,
    context: {
      clock,
      authRef: config.authRef,
      credentials: (options) => credentials.resolve(config, options),
      answers: answersOf(store, config.sourceType),
      ...budgetOf(deps, config.authRef),
    },
    failedItems: store.repositories.failedItems,
  })
  return new ReadAhead({ pages, queue })
}

/** What a process holds of one session. @throws INVALID_SPEC when the session's source is not registered. */
export function createWalk(deps: WalkDeps, params: WalkParams): Walk {
  const { sessionId, config, credentials } = params
  const source = deps.sources.get(config.sourceType)
  if (source === undefined) {
    throw new InvalidInputError('INVALID_SPEC', [
      `session ${sessionId}: its source type "${config.sourceType}" is not registered (known: ${[...deps.sources.keys()].join(', ')}): give it to createMuster({ sources })`,
    ])
  }
  return {
    sessionId,
    config,
    source,
    credentials,
    changes: params.changes,
    pages: pagesOf(deps, { sessionId, config, credentials, source }),
    feed: params.feed,
    state: unstarted(params, deps.clock),
    failure: null,
    revision: 0,
    page: null,
    settled: Promise.resolve(),
    error: undefined,
    stopping: null,
    asked: null,
  }
}

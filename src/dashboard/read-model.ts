import { MusterError } from '../domain/errors.ts'
import { isActive } from '../domain/session-state.ts'
import type { Repositories, SessionQuery, SessionSummary } from '../store/store.ts'
import type { LiveActors } from './live.ts'
import type { PageQuery } from './query.ts'
import { Rates } from './rates.ts'
import { storedActors } from './stored-actors.ts'
import { auditView, batchView, budgetView, failedItemView, sessionView } from './views.ts'
import type { FailedItemView, Overview, SessionDetail, SessionPage, SessionView } from './wire.ts'

/** What the dashboard tells, wherever it has it from. */
export interface ReadModel {
  overview(): Promise<Overview>
  sessions(query: PageQuery): Promise<SessionPage>
  /** @throws SESSION_NOT_FOUND */
  session(sessionId: string): Promise<SessionView>
  /** @throws SESSION_NOT_FOUND */
  detail(sessionId: string): Promise<SessionDetail>
  failed(
    sessionId: string,
    page: { readonly after: number; readonly limit: number },
  ): Promise<FailedItemView[]>
  /** Takes note of how far the active sessions are; called once a second while somebody looks. */
  sample(): Promise<void>
}

export interface StoreReadModelDeps {
  readonly repositories: Pick<Repositories, 'reports' | 'audit' | 'failedItems'>
  readonly live: LiveActors
  readonly version: string
  /** The database, without a password. */
  readonly database: string
  readonly canWalk: boolean
  readonly now: () => number
}

/** Active sessions that are read in one second; more are read in turns. */
const SAMPLED = 200
const MAX_WAITS = 10
/** Of the sessions that wait, as many are looked at for those that wait longest. */
const WAITS_READ = 100
const MAX_BATCHES = 50
const MAX_AUDIT = 100
const MAX_HISTORY = 20

/** Reads what the store holds. No answer and no question grows with the number of sessions. */
export class StoreReadModel implements ReadModel {
  readonly #deps: StoreReadModelDeps
  readonly #rates = new Rates()
  #sampledUpTo = 0

  constructor(deps: StoreReadModelDeps) {
    this.#deps = deps
  }

  get #reports() {
    return this.#deps.repositories.reports
  }

  async overview(): Promise<Overview> {
    const { version, database, canWalk, now } = this.#deps
    const [counts, tasks, budgets, waits] = await Promise.all([
      this.#reports.counts(),
      this.#reports.tasks(),
      this.#reports.budgets(),
      this.#reports.sessions({ group: 'waiting', sort: 'oldest', limit: WAITS_READ }),
    ])
    return {
      version,
      now: now(),
      database,
      canWalk,
      isReplay: false,
      counts,
      rate: this.#rates.total(now()),
      tasks,
      budgets: budgets.map(budgetView),
      waits: waits.rows
        .toSorted((a, b) => untilOf(b) - untilOf(a))
        .slice(0, MAX_WAITS)
        .map((row) => this.#view(row)),
    }
  }

  async sessions({ status, search, sort, offset, limit }: PageQuery): Promise<SessionPage> {
    const query: SessionQuery = { group: status, sort, offset, limit }
    const { total, rows } = await this.#reports.sessions(
      search === '' ? query : { ...query, search },
    )
    return { total, offset, rows: rows.map((row) => this.#view(row)) }
  }

  async session(sessionId: string): Promise<SessionView> {
    return this.#view(await this.#summary(sessionId))
  }

  async detail(sessionId: string): Promise<SessionDetail> {
    const { repositories, live } = this.#deps
    const summary = await this.#summary(sessionId)
    const { targetKey } = summary
    const [tasks, batches, audit, history] = await Promise.all([
      this.#reports.tasks(sessionId),
      this.#reports.batches({ sessionId, limit: MAX_BATCHES }),
      repositories.audit.latest({ sessionId, limit: MAX_AUDIT }),
      this.#reports.sessions({ targetKey, sort: 'newest', limit: MAX_HISTORY }),
    ])
    const stored = { session: summary, audit, lastBatch: batches[0] ?? null }
    return {
      session: this.#view(summary),
      shortfalls: summary.shortfalls,
      tasks,
      failedItems: summary.metrics.itemsFailed,
      batches: batches.map(batchView),
      audit: audit.map(auditView),
      history: history.rows.map((row) => this.#view(row)),
      actors: live.of(sessionId) ?? storedActors(stored, live.trails(sessionId)),
    }
  }

  async failed(
    sessionId: string,
    page: { after: number; limit: number },
  ): Promise<FailedItemView[]> {
    await this.#summary(sessionId)
    const found = await this.#deps.repositories.failedItems.find({ sessionId, ...page })
    return found.map(failedItemView)
  }

  /** A window of the active sessions; the next call reads the one after it. */
  async sample(): Promise<void> {
    const offset = this.#sampledUpTo
    const { total, rows } = await this.#reports.sessions({
      group: 'active',
      sort: 'oldest',
      offset,
      limit: SAMPLED,
    })
    this.#sampledUpTo = offset + SAMPLED < total ? offset + SAMPLED : 0
    for (const row of rows) this.#observe(row)
    // What has ended since is among them no more, and is not walked at any rate.
    if (total <= rows.length) this.#rates.keep(new Set(rows.map(({ sessionId }) => sessionId)))
  }

  async #summary(sessionId: string): Promise<SessionSummary> {
    const found = await this.#reports.session(sessionId)
    if (found !== null) return found
    throw new MusterError(
      'SESSION_NOT_FOUND',
      `session ${JSON.stringify(sessionId)} is not in ${this.#deps.database}: the list of sessions has those that are`,
    )
  }

  #isWalked({ status, walkedBy }: SessionSummary): boolean {
    return walkedBy !== null && isActive(status)
  }

  #observe(session: SessionSummary): void {
    const { sessionId, metrics } = session
    if (!this.#isWalked(session)) this.#rates.forget(sessionId)
    else this.#rates.observe(sessionId, metrics.itemsFound, this.#deps.now())
  }

  #view(session: SessionSummary): SessionView {
    const { canWalk, now } = this.#deps
    this.#observe(session)
    const at = now()
    const rate = this.#isWalked(session) ? this.#rates.of(session.sessionId, at) : null
    return sessionView(session, { rate, canWalk, at })
  }
}

const untilOf = ({ waiting }: SessionSummary): number => waiting?.until?.getTime() ?? 0

import type { TargetConfig } from '../domain/session-state.ts'
import { estimate, type Work } from './estimate.ts'
import { type PlanDeps, type Planned, planTarget } from './plan-target.ts'
import type { Plan } from './types.ts'

/** Targets that are planned at once: as many as a run walks at once by default. */
export const DEFAULT_CONCURRENCY = 4

/** How long a source is waited for; milliseconds. */
const PATIENCE_MS = 60_000

export interface PlanParams extends Omit<PlanDeps, 'waits' | 'patienceMs'> {
  readonly targets: readonly TargetConfig[]
  /** Targets that a run walks at once. Default: 4. */
  readonly concurrency?: number | undefined
  /** Default: a minute. */
  readonly patienceMs?: number
}

/** Plans all targets, some at once; what is wrong with one does not stop the others. */
export async function planTargets(params: PlanParams): Promise<Plan> {
  const { targets, clock, history, concurrency = DEFAULT_CONCURRENCY } = params
  const deps: PlanDeps = {
    ...params,
    patienceMs: params.patienceMs ?? PATIENCE_MS,
    waits: await history.waits(),
  }
  const planned: Planned[] = []
  const left = targets.entries()
  const worker = async () => {
    for (const [at, config] of left) planned[at] = await planTarget(config, deps)
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, targets.length) }, worker))
  return {
    at: new Date(clock.now()),
    targets: planned.map(({ plan }) => plan),
    total: totalOf(planned, { concurrency, now: clock.now() }),
    note: history.note,
  }
}

const sum = <T>(all: readonly T[], of: (one: T) => number): number =>
  all.reduce((total, one) => total + of(one), 0)

/** Targets that share a token share what is left of it: their requests are those of one walk. */
function sharedWork(works: readonly Work[], concurrency: number): Work[] {
  const groups = new Map<string, Work[]>()
  for (const work of works) {
    const key = work.limits.map(({ credential, resource }) => `${resource} ${credential}`).join()
    groups.set(key, [...(groups.get(key) ?? []), work])
  }
  const { '': unlimited = [], ...limited } = Object.fromEntries(groups)
  const joined = Object.values(limited).map((group): Work => {
    const requests = sum(group, (one) => one.requests)
    return {
      requests,
      requestMs: requests === 0 ? 0 : sum(group, (one) => one.requests * one.requestMs) / requests,
      // Requests of one token go one at a time.
      concurrency: Math.min(group.length, concurrency, group[0]?.limits.length ?? 1),
      atLeastMs: Math.max(...group.map((one) => one.atLeastMs)),
      limits: group[0]?.limits ?? [],
    }
  })
  return [...joined, ...unlimited]
}

/** The longest of them at least, and all of them side by side. */
function totalOf(
  planned: readonly Planned[],
  { concurrency, now }: { readonly concurrency: number; readonly now: number },
): Plan['total'] {
  const plans = planned.map(({ plan }) => plan)
  const works = planned.flatMap(({ work }) => work ?? [])
  const groups = sharedWork(works, concurrency).map((work) => estimate(work, now).durationMs)
  const longest = Math.max(0, ...plans.map(({ durationMs }) => durationMs ?? 0), ...groups)
  const sideBySide = sum(works, (work) => estimate({ ...work, limits: [] }, now).durationMs)
  return {
    targets: plans.length,
    itemsLeft: sum(plans, ({ itemsLeft }) => itemsLeft ?? 0),
    requests: sum(plans, ({ requests }) => requests ?? 0),
    durationMs: Math.max(longest, sideBySide / Math.min(concurrency, Math.max(1, plans.length))),
    unknown: plans.filter(({ durationMs, problem }) => durationMs === null && problem === null)
      .length,
    problems: plans.filter(({ problem }) => problem !== null).length,
    asked: sum(plans, ({ asked }) => asked),
  }
}

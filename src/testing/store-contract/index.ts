import type { ContractCase } from '../contract-case.ts'
import { addresses } from './addresses.ts'
import { audit } from './audit.ts'
import { blocks, limits, minutes } from './budgets.ts'
import type { OpenStore } from './cases.ts'
import { checkpoints } from './checkpoints.ts'
import { closing } from './closing.ts'
import { commits } from './commits.ts'
import { concurrency } from './concurrency.ts'
import { failedItems } from './failed-items.ts'
import { noResourceTwice } from './identities.ts'
import { inventory } from './inventory.ts'
import { claimed, leading, roundsOfHosts } from './hosts.ts'
import { jobs, rules } from './jobs.ts'
import { large } from './large.ts'
import { lateCommits } from './late-commits.ts'
import { claims, leases } from './leases.ts'
import { lookups } from './lookups.ts'
import { pages, scanTargetsOfAWalk } from './pages.ts'
import { progress } from './progress.ts'
import { budgetReports, reports } from './reports.ts'
import { resources } from './resources.ts'
import { retained } from './retained.ts'
import { retention } from './retention.ts'
import { saves } from './saves.ts'
import { scanTargets } from './scan-targets.ts'
import { sessions } from './sessions.ts'
import { asks, cancellations, pauses } from './steering.ts'
import { tasks } from './tasks.ts'
import { rounds, unfinished } from './unfinished.ts'
import { answers, waiting } from './waiting.ts'

export type { OpenStore } from './cases.ts'

const SUBJECTS = [
  sessions,
  checkpoints,
  claims,
  leases,
  claimed,
  leading,
  roundsOfHosts,
  pages,
  noResourceTwice,
  commits,
  lateCommits,
  waiting,
  inventory,
  large,
  addresses,
  tasks,
  scanTargetsOfAWalk,
  failedItems,
  unfinished,
  progress,
  resources,
  scanTargets,
  lookups,
  jobs,
  rules,
  rounds,
  answers,
  saves,
  minutes,
  limits,
  blocks,
  retention,
  retained,
  asks,
  pauses,
  cancellations,
  audit,
  reports,
  budgetReports,
  concurrency,
  closing,
]

/**
 * What every store promises, whatever it is made of: that a step happens whole
 * or not at all, that a commit which comes too late changes nothing, that no
 * resource and no task exists twice, and that what is read is what was written.
 *
 * @param open opens a new, empty store that judges leases by the clock it is
 *   given; it is called once for each case, which closes it again
 *
 * @example
 * for (const { title, run } of storeContract(({ clock }) => openMyStore({ clock }))) test(title, run)
 */
export function storeContract(open: OpenStore): readonly ContractCase[] {
  return SUBJECTS.flatMap((casesOf) => casesOf(open))
}

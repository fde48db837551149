import type { StoreMethod } from './methods.ts'
import { writesOf, type Recording } from './record.ts'
import type { ScenarioName } from './scenarios.ts'

/**
 * The scenario in which a process dies around what each method writes; `reads`
 * where it writes nothing. A method that is added to the store does not compile
 * until it has its line here.
 */
export const CRASHED_IN: Readonly<Record<StoreMethod, ScenarioName | 'reads'>> = {
  createSession: 'walk',
  claimSession: 'walk',
  claimSessions: 'hosts',
  offerSession: 'hosts',
  steerSession: 'steering',
  asksOf: 'reads',
  renewLease: 'stall',
  releaseLease: 'walk',
  recordWaiting: 'wait',
  findSeen: 'reads',
  surveySession: 'reads',
  commitPage: 'walk',
  commitSession: 'failure',
  takeTasks: 'reads',
  findOutstanding: 'reads',
  acknowledgeTasks: 'port',
  beginDelivery: 'delivery',
  takeScanTargets: 'reads',
  findUnfinished: 'reads',
  openRound: 'rounds',
  closeRound: 'rounds',
  lastRound: 'reads',
  sessionsOfRound: 'reads',
  unendedOfRound: 'reads',
  markAnnounced: 'hosts',
  lead: 'hosts',
  resign: 'hosts',
  prune: 'retention',
  recordProgress: 'reports',
  shareBudget: 'budgets',
  noteBudget: 'steering',
  close: 'walk',
  'sessions.save': 'imports',
  'sessions.load': 'reads',
  'sessions.getActiveStates': 'reads',
  'sessions.list': 'reads',
  'batches.save': 'imports',
  'batches.findBySessionId': 'reads',
  'batches.findLastBySessionId': 'reads',
  'batches.findById': 'reads',
  'checkpoints.save': 'imports',
  'checkpoints.delete': 'imports',
  'checkpoints.load': 'reads',
  'checkpoints.loadById': 'reads',
  'tasks.save': 'imports',
  'tasks.getById': 'reads',
  'tasks.stream': 'reads',
  'tasks.count': 'reads',
  'tasks.progress': 'reads',
  'scanTargets.create': 'resources',
  'scanTargets.update': 'resources',
  'scanTargets.getById': 'reads',
  'scanTargets.find': 'reads',
  'scanTargets.list': 'reads',
  'githubRepos.create': 'resources',
  'githubRepos.update': 'resources',
  'githubRepos.getById': 'reads',
  'githubRepos.getByUrl': 'reads',
  'githubRepos.aliases': 'reads',
  'githubRepos.list': 'reads',
  'urls.create': 'resources',
  'urls.update': 'resources',
  'urls.getByUrl': 'reads',
  's3Objects.create': 'resources',
  's3Objects.getByUri': 'reads',
  's3Objects.list': 'reads',
  'jobs.create': 'reports',
  'jobs.getById': 'reads',
  'jobs.associate': 'reports',
  'jobs.countTargets': 'reads',
  'rules.save': 'reports',
  'rules.getById': 'reads',
  'rules.list': 'reads',
  'failedItems.find': 'reads',
  'failedItems.lastId': 'reads',
  'answers.get': 'reads',
  'answers.set': 'inventory',
  'answers.prune': 'inventory',
  'audit.find': 'reads',
  'audit.latest': 'reads',
  'reports.sessions': 'reads',
  'reports.session': 'reads',
  'reports.counts': 'reads',
  'reports.tasks': 'reads',
  'reports.batches': 'reads',
  'reports.budgets': 'reads',
}

export type Recordings = Readonly<Partial<Record<string, Recording>>>

/** The methods whose scenario did not call them. */
export const uncalled = (recordings: Recordings): string[] =>
  Object.entries(CRASHED_IN)
    .filter(([method, scenario]) => {
      return scenario !== 'reads' && recordings[scenario]?.methods.has(method) !== true
    })
    .map(([method]) => method)

/** Of the writes that the store is known to make, those at which no scenario's process dies. */
export function uncrashed(known: Iterable<string>, recordings: Recordings): string[] {
  const crashed = new Set(
    Object.values(recordings).flatMap((recording) =>
      recording === undefined ? [] : [...writesOf(recording)],
    ),
  )
  return [...known].filter((shape) => !crashed.has(shape)).toSorted()
}

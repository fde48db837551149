import { scanTargetId, taskId } from '../../src/domain/identity.ts'
import { isCommit, isTakeover, type Change, type Onlooker } from './audit.ts'
import type { Arrival, Collector } from './collector.ts'
import type { Fleet } from './fleet.ts'
import { keyOf, NUMBERED } from './numbered-source.ts'

/** What is wrong, one line each; the first of a kind says enough. */
export type Problems = string[]

const MOST_OF_A_KIND = 3

/** A few of those that are wrong, and how many there are. */
function wrong<T>(what: string, found: readonly T[], show: (one: T) => unknown = (one) => one) {
  if (found.length === 0) return []
  const some = found.slice(0, MOST_OF_A_KIND).map((one) => JSON.stringify(show(one)))
  return [`${what} (${found.length}): ${some.join(', ')}`]
}

/** What the rows of a round say that is over. */
export async function rowProblems(
  onlooker: Onlooker,
  { sessions, each }: { readonly sessions: number; readonly each: number },
): Promise<Problems> {
  const total = sessions * each
  const counts: Record<string, readonly [sql: string, expected: number]> = {
    sessions: ['select count(*) from sessions', sessions],
    'sessions COMPLETED': [`select count(*) from sessions where status = 'COMPLETED'`, sessions],
    'sessions that owe their announcement': [
      'select count(*) from sessions where announcement_owed <> 0',
      0,
    ],
    'sessions with a lease': ['select count(*) from sessions where lease_owner is not null', 0],
    rounds: ['select count(*) from rounds', 1],
    'open rounds': ['select count(*) from rounds where completed_at is null', 0],
    resources: ['select count(*) from resources', total],
    tasks: ['select count(*) from tasks', total],
    'resources with a task': ['select count(distinct target) from tasks', total],
    'tasks without an acknowledgement': [
      'select count(*) from tasks where acknowledged_at is null',
      0,
    ],
    'items of the sessions': ['select coalesce(sum(items_processed), 0) from sessions', total],
    'items of the batches': ['select coalesce(sum(items_processed), 0) from batches', total],
    'batches that are none of their session': [
      `select count(*) from sessions s where total_batches <>
        (select count(*) from batches b where b.session = s.id and b.number <= s.total_batches)`,
      0,
    ],
    'batches whose tasks lie before those of an earlier one': [
      `select count(*) from (select first_task, lag(last_task) over
        (partition by session order by number) as before from batches) b where first_task <= before`,
      0,
    ],
  }
  const problems: Problems = []
  for (const [what, [sql, expected]] of Object.entries(counts)) {
    const found = await onlooker.number(sql)
    if (found !== expected) problems.push(`${what}: ${found}, expected ${expected}`)
  }
  return problems
}

/** What the changes of one session say, in order: who wrote had the session, each wrote on what was there. */
function sessionProblems(changes: readonly Change[]): Problems {
  let revision: number | undefined
  let owner: string | null = null
  const problems: Problems = []
  const note = (what: string, change: Change) => problems.push(`${what}: ${JSON.stringify(change)}`)
  for (const change of changes) {
    if (change.was_revision !== (revision ?? change.was_revision))
      note('a revision is lost', change)
    if (change.revision !== change.was_revision + 1) note('a revision that is not the next', change)
    revision = change.revision
    if (isCommit(change)) {
      if (change.owner !== owner) note('a commit by somebody who has not claimed', change)
      if ((change.left_when_asked ?? 0) <= 0) note('a commit after its lease', change)
      if (change.batches > change.was_batches + 1) note('a batch is left out', change)
    } else {
      if (isTakeover(change) && (change.left_when_written ?? 0) > 0)
        note('taken over before the lease had run out', change)
      owner = change.owner
    }
  }
  return problems
}

/** What zombies would leave behind. */
export function fenceProblems(changes: readonly Change[]): Problems {
  const bySession = Map.groupBy(changes, ({ session }) => session)
  return [...bySession.values()].flatMap(sessionProblems).slice(0, 2 * MOST_OF_A_KIND)
}

/** A refused commit is counted at once; one that was killed in between may have been one short. */
export function countProblems({ lives }: Fleet): Problems {
  const isOff = (host: Fleet['lives'][number]) =>
    Math.abs(host.count('refused') - host.count('counted')) > (host.wasKilled ? 1 : 0)
  return wrong('commits refused and not counted', lives.filter(isOff), ({ name, lines }) => [
    name,
    lines,
  ])
}

/** A host that nobody kills does not end before it is told to. */
export function endingProblems({ lives }: Fleet): Problems {
  const fell = lives.filter(({ ending, wasKilled }) => !wasKilled && ending !== undefined)
  return wrong('hosts that ended by themselves', fell, ({ name, ending, warned }) => [
    name,
    ending,
    warned.slice(-1_000),
  ])
}

interface Walked {
  readonly session_id: string
  readonly target_name: string
}

/** Every task that there has to be, in the order of its session. */
export function expectedTasks(sessions: readonly Walked[], each: number): Map<string, string[]> {
  const tasksOf = ({ session_id, target_name }: Walked) =>
    Array.from({ length: each }, (_, number) =>
      taskId(session_id, scanTargetId(NUMBERED, keyOf(target_name, number))),
    )
  return new Map(sessions.map((session) => [session.session_id, tasksOf(session)]))
}

/** Of several arrivals of a message the first. */
function firsts(arrivals: readonly Arrival[]): Arrival[] {
  const known = new Set<string>()
  return arrivals
    .toSorted((one, other) => one.seq - other.seq)
    .filter(({ messageId }) => !known.has(messageId) && known.add(messageId))
}

/** What the streams hold that they must not, or lack. */
export function streamProblems(
  { tasks, taskIds, events }: Collector,
  expected: ReadonlyMap<string, readonly string[]>,
): Problems {
  const all = new Set([...expected.values()].flat())
  const first = firsts(tasks)
  const bySession = Map.groupBy(first, ({ sessionId }) => sessionId)
  const isDisordered = ([sessionId, ids]: readonly [string, readonly string[]]) =>
    (bySession.get(sessionId) ?? []).some(({ taskId }, place) => taskId !== ids[place])
  const ended = firsts(events.filter(({ type }) => type === 'session.ended'))
  const endOf = new Map(ended.map((end) => [end.sessionId, end]))
  const late = first.filter(({ sessionId, at }) => at > (endOf.get(sessionId)?.at ?? 0n))
  return [
    ...wrong('tasks that never arrived', [...all.difference(taskIds)]),
    ...wrong('tasks that arrived and are none', [...taskIds.difference(all)]),
    ...wrong(
      'messages whose id is not that of their task',
      tasks.filter(({ messageId, taskId }) => messageId !== taskId),
    ),
    ...wrong('sessions whose tasks are out of order', [...expected].filter(isDisordered), ([id]) =>
      disorder(bySession.get(id) ?? [], expected.get(id) ?? []),
    ),
    ...wrong(
      'sessions that ended not once',
      [...expected.keys()].filter((id) => ended.filter((end) => end.sessionId === id).length !== 1),
    ),
    ...wrong('tasks after the end of their session', late, ({ seq, sessionId }) => [
      seq,
      sessionId,
    ]),
  ]
}

/** Where the order breaks, by the places that the tasks should have. */
function disorder(arrivals: readonly Arrival[], ids: readonly string[]): unknown {
  const places = new Map(ids.map((id, place) => [id, place]))
  const found = arrivals.map(({ taskId }) => places.get(taskId) ?? -1)
  const at = found.findIndex((place, n) => place !== n)
  return { session: arrivals[at]?.sessionId, at, found: found.slice(Math.max(0, at - 2), at + 6) }
}

/** How often the same came again. */
export function again({ tasks, events, published }: Collector) {
  const arrivals = new Map<string, number>()
  for (const { messageId } of [...tasks, ...events]) {
    arrivals.set(messageId, (arrivals.get(messageId) ?? 0) + 1)
  }
  const timesBeyond = (counts: Iterable<number>, most: number) =>
    [...counts].reduce((sum, count) => sum + Math.max(0, count - most), 0)
  const passedOver = [...published].map(([id, times]) => times - (arrivals.get(id) ?? 0))
  return {
    'published again': timesBeyond(published.values(), 1),
    'passed over by the streams': timesBeyond(passedOver, 0),
    'in the streams again': timesBeyond(arrivals.values(), 1),
  }
}

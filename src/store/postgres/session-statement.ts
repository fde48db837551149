import type { TimeProvider } from '../../domain/clock.ts'
import type { Batch } from '../../domain/batch.ts'
import { batchColumns, sessionColumns } from '../rows.ts'
import { isActive } from '../../domain/session-state.ts'
import type { CommitSession } from '../store.ts'
import { SERVER_NOW } from './server-clock.ts'
import { Values, type Filled } from './values.ts'

/**
 * The parts of a commit's statement that every commit has. `fenced` writes the
 * session, where revision and lease still match; everything else takes what it
 * writes from there, so that a commit which comes too late writes nothing.
 */
export function fencedParts(
  values: Values,
  { fence, session, checkpoint, note }: CommitSession,
  clock: TimeProvider | undefined,
): string[] {
  const now = clock === undefined ? SERVER_NOW : values.add(clock.now(), 'bigint')
  const set = values.assignments({
    ...sessionColumns(session),
    revision: fence.revision + 1,
    // What was asked of it holds until its end.
    ...(!isActive(session.status) && { asked: null }),
  })
  const fenced = `fenced as (
    update sessions set ${set}, lease_until = ${now} + ${values.add(fence.leaseMs, 'bigint')}
    where session_id = ${values.add(fence.sessionId)} and revision = ${values.add(fence.revision)}
    and lease_owner = ${values.add(fence.owner)} and lease_until > ${now}
    returning id, job, target, delivery_started_at)`
  const saved = `saved as (
    update checkpoints set ${values.assignments({
      data: JSON.stringify(checkpoint),
      updated_at: session.timeline.lastUpdate.getTime(),
    })}
    from fenced where target_id = ${values.add(fence.sessionId)})`
  return [fenced, saved, ...(note === undefined ? [] : [notePart(values, { note, fence, now })])]
}

/** What the record says of a commit. */
function notePart(
  values: Values,
  { note, fence, now }: Required<Pick<CommitSession, 'note' | 'fence'>> & { readonly now: string },
): string {
  const { event, detail } = note
  return `noted as (
    insert into audit (session, at, event, detail, by)
    select id, ${now}, ${values.places({ event, detail, by: fence.owner })} from fenced)`
}

/** The batch of a commit. @param tasks the query for the numbers of its first task and its last, and how many there are */
export function batchPart(values: Values, batch: Batch, tasks: string): string {
  const row = batchColumns(batch)
  return `batched as (
    insert into batches (session, first_task, last_task, tasks_made, ${Object.keys(row).join(', ')})
    select fenced.id, tasks.first, tasks.last, tasks.made, ${values.places(row)}
    from fenced cross join (${tasks}) as tasks)`
}

const NO_TASKS = 'select null::bigint as first, null::bigint as last, 0 as made'

/** The whole commit of a session that no page belongs to; it gives a row where it was in time. */
export function sessionStatement(params: CommitSession, clock: TimeProvider | undefined): Filled {
  const values = new Values()
  const parts = fencedParts(values, params, clock)
  if (params.batch !== undefined) parts.push(batchPart(values, params.batch, NO_TASKS))
  return { text: `with ${parts.join(', ')} select id, target from fenced`, values: values.all }
}

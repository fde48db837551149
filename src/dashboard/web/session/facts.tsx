import type { SessionDetail, SessionView } from '../../wire.ts'
import { now } from '../clock.ts'
import { count, counted, duration, percent, rate } from '../format.ts'
import { Progress } from '../overview/session-row.tsx'
import { Ago, At, Bar, Fact, Icon, Left, Panel, Theirs } from '../parts/text.tsx'
import { COMPLETENESS, shortfallWord } from '../words.ts'

function Waiting({ waiting }: Pick<SessionView, 'waiting'>) {
  if (waiting === null) return null
  return (
    <p class="callout tone-wait">
      <Icon name={waiting.until === null ? 'pause' : 'clock'} />
      <span>
        {waiting.until === null ? (
          <strong>Goes on once somebody has seen to it.</strong>
        ) : (
          <strong>
            Goes on in <Left until={waiting.until} />.
          </strong>
        )}{' '}
        <Theirs text={waiting.reason} />
      </span>
    </p>
  )
}

function Failure({ failureReason }: Pick<SessionView, 'failureReason'>) {
  if (failureReason === null) return null
  return (
    <p class="callout tone-bad">
      <Icon name="cross" />
      <span>
        <strong>It failed:</strong> <Theirs text={failureReason} />
      </span>
    </p>
  )
}

export function Facts({ detail: { session } }: { readonly detail: SessionDetail }) {
  const { metrics, startedAt, lastUpdate, completedAt, eta, walkedBy } = session
  return (
    <Panel id="facts" title="Progress">
      <Waiting waiting={session.waiting} />
      <Failure failureReason={session.failureReason} />
      <Progress session={session} />
      <dl class="facts">
        <Fact name="Kept">{count(metrics.itemsProcessed)}</Fact>
        <Fact name="Left out by a filter">{count(metrics.itemsSkipped)}</Fact>
        <Fact name="Failed">{count(metrics.itemsFailed)}</Fact>
        <Fact name="Batches">
          {count(metrics.totalBatches)}
          {metrics.failedBatches > 0 && `, ${count(metrics.failedBatches)} failed`}
        </Fact>
        <Fact name="Rate">{rate(session.rate)}</Fact>
        <Fact name="Time left">{eta === null ? '–' : duration(eta - now())}</Fact>
        <Fact name="Started">
          <At at={startedAt} />
        </Fact>
        {completedAt === null ? (
          <Fact name="Last change">
            <Ago at={lastUpdate} />
          </Fact>
        ) : (
          <Fact name="Ended">
            <At at={completedAt} />
            <span class="under"> after {duration(completedAt - startedAt)}</span>
          </Fact>
        )}
        <Fact name="Walked by">{walkedBy === null ? 'Nobody' : <Theirs text={walkedBy} />}</Fact>
      </dl>
    </Panel>
  )
}

export function Completeness({
  detail: { session, shortfalls },
}: {
  readonly detail: SessionDetail
}) {
  const { completeness, comparison, metrics } = session
  const said = {
    UNKNOWN: 'That is decided at its end.',
    COMPLETE: 'Everything that the source lists was seen and kept.',
    INCOMPLETE: 'Nothing is called gone on the word of this session.',
  }[completeness]
  return (
    <Panel id="completeness" title="Completeness">
      <p>
        <strong>{COMPLETENESS[completeness]}.</strong> {said}
      </p>
      {(shortfalls.length > 0 || metrics.itemsFailed > 0) && (
        <ul class="shortfalls">
          {metrics.itemsFailed > 0 && (
            <li>
              <strong>{counted(metrics.itemsFailed, 'item')} failed</strong>
              <span>Each is listed below with its reason.</span>
            </li>
          )}
          {shortfalls.map((shortfall) => (
            <li key={`${shortfall.code} ${shortfall.detail}`}>
              <strong>{shortfallWord(shortfall)}</strong>
              <Theirs text={shortfall.detail} />
            </li>
          ))}
        </ul>
      )}
      {comparison !== null && (
        <dl class="facts">
          <Fact name="New">{count(comparison.new)}</Fact>
          <Fact name="Changed">{count(comparison.changed)}</Fact>
          <Fact name="Unchanged">{count(comparison.unchanged)}</Fact>
          <Fact name="Missing">{count(comparison.missing)}</Fact>
        </dl>
      )}
    </Panel>
  )
}

export function Tasks({ tasks: { total, outstanding } }: Pick<SessionDetail, 'tasks'>) {
  const delivered = total - outstanding
  const part = total === 0 ? 0 : delivered / total
  const text = `${count(delivered)} of ${count(total)}`
  return (
    <Panel id="tasks" title="Tasks">
      <span class="progress">
        <Bar part={part} label="Tasks delivered" text={`${text}, ${percent(part)}`} tone="good" />
        <span class="progress-text">
          {text} delivered, {count(outstanding)} outstanding
        </span>
      </span>
    </Panel>
  )
}

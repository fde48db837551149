/** What a session did, page by page and step by step, and what became of those before it. */
import type { AuditView, BatchView, SessionDetail, SessionView } from '../../wire.ts'
import { count } from '../format.ts'
import { At, Chip, Panel, Theirs } from '../parts/text.tsx'
import { sessionHref } from '../route.ts'
import { AUDIT_WORDS, COMPLETENESS, standingOf } from '../words.ts'

export const Record = ({ audit }: { readonly audit: readonly AuditView[] }) => (
  <Panel id="record" title="Record" aside={<span class="under">Newest first</span>}>
    <ol class="record tall" role="list" tabIndex={0} aria-labelledby="record">
      {audit.map(({ id, at, event, detail, by }) => (
        <li key={id}>
          <span class="moment">
            <At at={at} />
          </span>
          <span>
            <strong>{AUDIT_WORDS[event] ?? event}</strong>
            {detail !== null && (
              <>
                {': '}
                <Theirs text={detail} />
              </>
            )}
            {by !== null && (
              <span class="under">
                {' '}
                by <Theirs text={by} />
              </span>
            )}
          </span>
        </li>
      ))}
    </ol>
  </Panel>
)

const BATCH_WORDS: Readonly<{ [status: string]: string }> = {
  IN_PROGRESS: 'In progress',
  SUCCEEDED: 'Succeeded',
  PARTIALLY_COMPLETED: 'Some failed',
  FAILED: 'Failed',
}

const BatchRow = ({ batch }: { readonly batch: BatchView }) => (
  <tr>
    <th scope="row" class="number">
      {count(batch.number)}
    </th>
    <td>
      {BATCH_WORDS[batch.status] ?? batch.status}
      {batch.error !== null && (
        <span class="under long">
          <Theirs text={batch.error} />
        </span>
      )}
    </td>
    <td class="number">{count(batch.processed)}</td>
    <td class="number">{count(batch.skipped)}</td>
    <td class="number">{count(batch.failed)}</td>
    <td class="moment">
      <At at={batch.at} />
    </td>
  </tr>
)

export const Batches = ({ batches }: { readonly batches: readonly BatchView[] }) => (
  <Panel
    id="batches"
    title="Batches"
    aside={<span class="under">{batches.length >= 50 ? 'The latest 50' : 'Newest first'}</span>}
  >
    {batches.length === 0 ? (
      <p class="empty">No page has come yet.</p>
    ) : (
      <div class="wide tall" role="region" aria-labelledby="batches" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col" class="number">
                No.
              </th>
              <th scope="col">Outcome</th>
              <th scope="col" class="number">
                Kept
              </th>
              <th scope="col" class="number">
                Left out
              </th>
              <th scope="col" class="number">
                Failed
              </th>
              <th scope="col">When</th>
            </tr>
          </thead>
          <tbody>
            {batches.map((batch) => (
              <BatchRow key={batch.number} batch={batch} />
            ))}
          </tbody>
        </table>
      </div>
    )}
  </Panel>
)

const HistoryRow = ({ run, isThis }: { readonly run: SessionView; readonly isThis: boolean }) => (
  <tr>
    <td class="moment">
      {isThis ? (
        <strong>
          <At at={run.startedAt} /> (this one)
        </strong>
      ) : (
        <a href={sessionHref(run.sessionId)}>
          <At at={run.startedAt} />
        </a>
      )}
    </td>
    <td>
      <Chip {...standingOf(run)} />
    </td>
    <td>{COMPLETENESS[run.completeness]}</td>
    <td class="number">{count(run.metrics.itemsFound)}</td>
    {(['new', 'changed', 'missing'] as const).map((key) => (
      <td key={key} class="number">
        {run.comparison === null ? '–' : count(run.comparison[key])}
      </td>
    ))}
  </tr>
)

export const History = ({ detail: { history, session } }: { readonly detail: SessionDetail }) => (
  <Panel id="history" title="Sessions of this target">
    <div class="wide" role="region" aria-labelledby="history" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Started</th>
            <th scope="col">Status</th>
            <th scope="col">Completeness</th>
            {['Items', 'New', 'Changed', 'Missing'].map((name) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {history.map((run) => (
            <HistoryRow
              key={run.sessionId}
              run={run}
              isThis={run.sessionId === session.sessionId}
            />
          ))}
        </tbody>
      </table>
    </div>
  </Panel>
)

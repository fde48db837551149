import type { SessionView } from '../../wire.ts'
import { now } from '../clock.ts'
import { count, duration, percent, rate } from '../format.ts'
import { Ago, Bar, Chip, Left, Theirs } from '../parts/text.tsx'
import { plain } from '../plain.ts'
import { sessionHref } from '../route.ts'
import { COMPLETENESS, standingOf, type Tone } from '../words.ts'

/** How far a session is: a bar where its listing's length is known, else what it has. */
const barTone = ({ status }: SessionView): Tone => {
  if (status === 'COMPLETED') return 'good'
  if (status === 'PARTIALLY_COMPLETED') return 'warn'
  return status === 'FAILED' ? 'bad' : 'busy'
}

export function Progress({ session }: { readonly session: SessionView }) {
  const { total, metrics, target } = session
  const { itemsFound: found, itemsFailed: failed } = metrics
  const part = total === null || total === 0 ? null : Math.min(1, found / total)
  const text =
    part === null || total === null
      ? `${count(found)} ${found === 1 ? 'item' : 'items'}`
      : `${count(found)} of ${count(total)}`
  return (
    <span class="progress">
      {part !== null && (
        <Bar
          part={part}
          label={`Progress of ${plain(target)}`}
          text={`${text}, ${percent(part)}`}
          tone={barTone(session)}
        />
      )}
      <span class="progress-text">
        {text}
        {failed > 0 && <span class="failed-count">, {count(failed)} failed</span>}
      </span>
    </span>
  )
}

/** Why nothing moves, where nothing does; or how it came out. */
function Remark({ session }: { readonly session: SessionView }) {
  const { waiting, failureReason, completeness, status } = session
  if (waiting !== null)
    return (
      <span class="remark">
        {waiting.until !== null && (
          <>
            <Left until={waiting.until} />
            {': '}
          </>
        )}
        <Theirs text={waiting.reason} />
      </span>
    )
  if (failureReason !== null)
    return (
      <span class="remark">
        <Theirs text={failureReason} />
      </span>
    )
  if (status === 'COMPLETED' || status === 'PARTIALLY_COMPLETED' || status === 'FAILED')
    return <span class="remark">{COMPLETENESS[completeness]}</span>
  return null
}

export interface RowProps {
  readonly index: number
  /** Missing until it is read. */
  readonly session: SessionView | undefined
  readonly measure: (row: Element | null) => void
  readonly onFocus: (index: number) => void
}

const Unread = ({ index, measure }: RowProps) => (
  <tr role="row" class="unread" data-index={index} ref={measure} aria-rowindex={index + 2}>
    <td role="cell" colSpan={6}>
      …
    </td>
  </tr>
)

export function SessionRow(props: RowProps) {
  const { index, session, measure, onFocus } = props
  if (session === undefined) return <Unread {...props} />
  const { eta, sourceType, credential, rate: perSecond } = session
  const ends = eta === null ? '–' : duration(eta - now())
  return (
    <tr
      role="row"
      data-index={index}
      data-session={session.sessionId}
      ref={measure}
      aria-rowindex={index + 2}
      onFocusIn={() => onFocus(index)}
    >
      <td role="cell" class="cell-target">
        <a class="row-link" href={sessionHref(session.sessionId)}>
          <Theirs text={session.target} />
        </a>
        <span class="under">
          {sourceType}
          {credential !== null && (
            <>
              {' · '}
              <Theirs text={credential} />
            </>
          )}
        </span>
      </td>
      <td role="cell" class="cell-status">
        <Chip {...standingOf(session)} />
        <Remark session={session} />
      </td>
      <td role="cell" class="cell-progress">
        <Progress session={session} />
      </td>
      <td role="cell" class="cell-rate number" data-label="Rate">
        {rate(perSecond)}
      </td>
      <td role="cell" class="cell-eta number" data-label="Time left">
        {ends}
      </td>
      <td role="cell" class="cell-change" data-label="Last change">
        <Ago at={session.lastUpdate} />
      </td>
    </tr>
  )
}

import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { FailedItemView, SessionDetail } from '../../wire.ts'
import { api, messageOf } from '../api.ts'
import { count } from '../format.ts'
import { At, Panel, Theirs } from '../parts/text.tsx'

const PAGE = 20

/** A session's failed items, a page at a time; the pages before are known by where they began. */
export function FailedItems({
  detail: { session, failedItems },
}: {
  readonly detail: SessionDetail
}) {
  const { sessionId } = session
  const starts = useSignal<readonly number[]>([0])
  const rows = useSignal<readonly FailedItemView[]>([])
  const wrong = useSignal<string | null>(null)
  const after = starts.value.at(-1) ?? 0
  useEffect(() => {
    let isWanted = true
    const take = (found: readonly FailedItemView[]) => {
      if (!isWanted) return
      wrong.value = null
      rows.value = found
      // What was on this page has been retried since.
      if (found.length === 0 && after > 0) starts.value = [0]
    }
    if (failedItems === 0) take([])
    else
      api.failed(sessionId, after, PAGE).then(take, (error: unknown) => {
        if (isWanted) wrong.value = messageOf(error)
      })
    return () => void (isWanted = false)
  }, [sessionId, failedItems, after])
  if (failedItems === 0) return null
  const before = (starts.value.length - 1) * PAGE
  const hasMore = before + rows.value.length < failedItems
  const next = () => (starts.value = [...starts.peek(), rows.peek().at(-1)?.id ?? 0])
  return (
    <Panel
      id="failed"
      title="Failed items"
      aside={
        <span class="pager">
          <span class="number" role="status">
            {count(before + 1)}–{count(before + rows.value.length)} of {count(failedItems)}
          </span>
          <button
            type="button"
            class="quiet"
            aria-disabled={before === 0}
            onClick={() => before > 0 && (starts.value = starts.peek().slice(0, -1))}
          >
            Previous
          </button>
          <button
            type="button"
            class="quiet"
            aria-disabled={!hasMore}
            onClick={() => hasMore && next()}
          >
            Next
          </button>
        </span>
      }
    >
      {wrong.value !== null && <p class="notice tone-bad">{wrong.value}</p>}
      <div class="wide" role="region" aria-labelledby="failed" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Item</th>
              <th scope="col">Reason</th>
              <th scope="col">When</th>
            </tr>
          </thead>
          <tbody>
            {rows.value.map(({ id, item, reason, failedAt }) => (
              <tr key={id}>
                <td class="long">
                  <Theirs text={item} />
                </td>
                <td class="long">
                  <Theirs text={reason} />
                </td>
                <td class="moment">
                  <At at={failedAt} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}

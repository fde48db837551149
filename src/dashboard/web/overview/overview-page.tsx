import { useEffect, useRef } from 'preact/hooks'
import { SESSION_FILTERS, SESSION_SORTS, type Overview, type SessionSort } from '../../wire.ts'
import { count, percent, rate } from '../format.ts'
import { overview } from '../live.ts'
import { Bar } from '../parts/text.tsx'
import { narrow, overviewHref, type ListQuery } from '../route.ts'
import { FILTER_WORDS, SORT_WORDS } from '../words.ts'
import { Limits } from './limits.tsx'
import { SessionList } from './session-list.tsx'

function Figures({ overview: told }: { readonly overview: Overview }) {
  const { total, outstanding } = told.tasks
  const delivered = total - outstanding
  const part = total === 0 ? 0 : delivered / total
  return (
    <dl class="figures">
      <div>
        <dt>Rate</dt>
        <dd>{rate(told.rate)}</dd>
        <dd class="under">items of all sessions together</dd>
      </div>
      <div>
        <dt>Active</dt>
        <dd>{count(told.counts.active)}</dd>
        <dd class="under">
          {count(told.counts.waiting)} waiting, {count(told.counts.paused)} paused
        </dd>
      </div>
      <div>
        <dt>Needs attention</dt>
        <dd>{count(told.counts.attention)}</dd>
        <dd class="under">failed, partial, stalled or paused</dd>
      </div>
      <div>
        <dt>Tasks delivered</dt>
        <dd>
          {count(delivered)} <span class="of">of {count(total)}</span>
        </dd>
        <dd class="under">
          <Bar
            part={part}
            label="Tasks delivered"
            text={`${count(delivered)} of ${count(total)}, ${percent(part)}`}
            tone="good"
          />
          {count(outstanding)} outstanding
        </dd>
      </div>
    </dl>
  )
}

const Tabs = ({
  query,
  overview: told,
}: {
  readonly query: ListQuery
  readonly overview: Overview | null
}) => (
  <nav class="tabs" aria-label="Which sessions">
    {SESSION_FILTERS.map((status) => (
      <a
        key={status}
        href={overviewHref({ ...query, status })}
        aria-current={status === query.status ? 'page' : undefined}
      >
        {FILTER_WORDS[status]}{' '}
        <span class="tab-count">{told === null ? '' : count(told.counts[status])}</span>
      </a>
    ))}
  </nav>
)

const PATIENCE = 200

function Search({ text }: { readonly text: string }) {
  const input = useRef<HTMLInputElement>(null)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  // The address may change without it being typed; what is being typed is left alone.
  useEffect(() => {
    const { current } = input
    if (current !== null && current !== document.activeElement) current.value = text
  }, [text])
  useEffect(() => () => clearTimeout(timer.current), [])
  const search = () => narrow({ search: input.current?.value.slice(0, 200) ?? '' })
  return (
    <search>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          search()
        }}
      >
        <input
          ref={input}
          type="search"
          aria-label="Search by target or session id"
          placeholder="Search targets"
          autocomplete="off"
          spellcheck={false}
          defaultValue={text}
          onInput={() => {
            clearTimeout(timer.current)
            timer.current = setTimeout(search, PATIENCE)
          }}
        />
      </form>
    </search>
  )
}

const Sort = ({ sort }: { readonly sort: SessionSort }) => (
  <label class="sort">
    <span class="unseen">Order</span>
    <select
      value={sort}
      onChange={({ currentTarget }) => narrow({ sort: currentTarget.value as SessionSort })}
    >
      {SESSION_SORTS.map((name) => (
        <option key={name} value={name}>
          {SORT_WORDS[name]}
        </option>
      ))}
    </select>
  </label>
)

export function OverviewPage({ query }: { readonly query: ListQuery }) {
  const told = overview.value
  useEffect(() => void (document.title = 'Sessions · Muster'), [])
  return (
    <>
      <h1 tabIndex={-1} class="unseen">
        Sessions
      </h1>
      {told !== null && <Figures overview={told} />}
      {told !== null && <Limits overview={told} />}
      <section class="panel list" aria-label="Sessions">
        <div class="tools">
          <Tabs query={query} overview={told} />
          <div class="tools-right">
            <Search text={query.search} />
            <Sort sort={query.sort} />
          </div>
        </div>
        <SessionList query={query} />
      </section>
    </>
  )
}

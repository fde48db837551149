import { useEffect } from 'preact/hooks'
import type { ActorView, Chart } from '../../wire.ts'
import { charts, readCharts } from '../chart/charts.ts'
import { ChartPicture, namesOf } from '../chart/chart.tsx'
import { exactly, iso } from '../format.ts'
import { Panel } from '../parts/text.tsx'
import { plain } from '../plain.ts'

const SEEN_WORDS = { live: 'live', stored: 'as stored' } as const

const SEEN_TITLES = {
  live: 'Watched in this process',
  stored: 'As far as the database tells: another process walks it, or none',
} as const

const Transitions = ({ actor, chart }: { readonly actor: ActorView; readonly chart: Chart }) =>
  actor.transitions.length === 0 ? null : (
    <ol class="transitions" tabIndex={0} aria-label={`Last transitions of the ${chart.name}`}>
      {actor.transitions.toReversed().map(({ at, event, from, to }, i) => (
        <li key={`${at} ${actor.transitions.length - i}`}>
          <time dateTime={iso(at)}>{exactly(at)}</time>
          <span>
            <code>{plain(event)}</code>
            <span class="way">
              {from.length > 0 && `${namesOf(chart, from)} `}→ <b>{namesOf(chart, to)}</b>
            </span>
          </span>
        </li>
      ))}
    </ol>
  )

function Actor({ actor, chart }: { readonly actor: ActorView; readonly chart: Chart }) {
  // Much happens that leads from a state to itself; the way that led here is told by what did not.
  const last = actor.transitions.findLast(({ from, to }) => from.join() !== to.join())
  return (
    <figure class={`actor actor-${actor.machine}`} data-actor={actor.machine}>
      <figcaption>
        <h3>
          {chart.name}
          {actor.machine === 'batch' && ` ${actor.id.split(':').at(-1)}`}
        </h3>
        <span class="state-now">
          {actor.states.length === 0 ? 'not running' : namesOf(chart, actor.states)}
        </span>
        <span class={`seen seen-${actor.seen}`} title={SEEN_TITLES[actor.seen]}>
          {SEEN_WORDS[actor.seen]}
        </span>
      </figcaption>
      <ChartPicture chart={chart} states={actor.states} last={last} />
      <Transitions actor={actor} chart={chart} />
    </figure>
  )
}

/** The machines behind a session, and where each of them stands. */
export function Actors({ actors }: { readonly actors: readonly ActorView[] }) {
  useEffect(readCharts, [])
  const known = charts.value
  return (
    <Panel id="charts" title="Statecharts" className="charts">
      {known === null ? (
        <p class="empty">Reading the charts …</p>
      ) : (
        <div class="actors">
          {actors.map((actor) => (
            <Actor key={actor.machine} actor={actor} chart={known[actor.machine]} />
          ))}
        </div>
      )}
    </Panel>
  )
}

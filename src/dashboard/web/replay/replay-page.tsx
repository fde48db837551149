/** A recording: the same charts, lit as of a moment that the reader chooses. */
import { useSignal, type Signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { CHART_NAMES, type ChartName, type Charts, type Recording } from '../../wire.ts'
import { api, messageOf } from '../api.ts'
import { charts, readCharts } from '../chart/charts.ts'
import { ChartPicture, namesOf } from '../chart/chart.tsx'
import { count, duration, exactly, iso, moment } from '../format.ts'
import { Panel, Theirs } from '../parts/text.tsx'
import { plain } from '../plain.ts'
import { castsOf, countUntil, trackAt, type Cast } from './moments.ts'
import { Player } from './player.tsx'

const Nothing = ({ text }: { readonly text: string }) => (
  <>
    <h1 tabIndex={-1}>Recording</h1>
    <p class="empty">{text}</p>
  </>
)

export function ReplayPage() {
  const recording = useSignal<Recording | null>(null)
  const wrong = useSignal<string | null>(null)
  useEffect(() => {
    document.title = 'Recording · Muster'
    readCharts()
    api.recording().then(
      (told) => (recording.value = told),
      (error: unknown) => (wrong.value = messageOf(error)),
    )
  }, [])
  if (wrong.value !== null) return <Nothing text={wrong.value} />
  if (recording.value === null || charts.value === null)
    return <Nothing text="Reading the recording …" />
  if (recording.value.frames.length === 0) return <Nothing text="It is empty." />
  return <Replayed recording={recording.value} charts={charts.value} />
}

function Replayed({
  recording,
  charts,
}: {
  readonly recording: Recording
  readonly charts: Charts
}) {
  const at = useSignal(recording.startedAt)
  const casts = useMemo(() => castsOf(recording), [recording])
  const chosen = useSignal(casts[0]?.sessionId ?? '')
  const cast = casts.find(({ sessionId }) => sessionId === chosen.value)
  const { name, startedAt, endedAt, frames, isCut } = recording
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>
          <Theirs text={name} />
        </h1>
        <p class="under">
          {count(frames.length)} transitions in {duration(endedAt - startedAt)}, recorded{' '}
          {moment(startedAt, 0)}
        </p>
        {isCut && <p class="notice tone-warn">It is longer than what is shown here.</p>}
      </div>
      <Player recording={recording} at={at} />
      {casts.length > 1 && <Chooser casts={casts} chosen={chosen} />}
      {cast !== undefined && <Scene cast={cast} charts={charts} at={at.value} />}
      <Happened recording={recording} charts={charts} at={at.value} />
    </>
  )
}

const Chooser = ({
  casts,
  chosen,
}: {
  readonly casts: readonly Cast[]
  readonly chosen: Signal<string>
}) => (
  <label class="chooser">
    <span>Session</span>
    <select
      value={chosen.value}
      onChange={({ currentTarget }) => (chosen.value = currentTarget.value)}
    >
      {casts.map(({ sessionId }) => (
        <option key={sessionId} value={sessionId}>
          {plain(sessionId)}
        </option>
      ))}
    </select>
  </label>
)

function SceneActor({
  cast,
  charts,
  machine,
  at,
}: {
  readonly cast: Cast
  readonly charts: Charts
  readonly machine: ChartName
  readonly at: number
}) {
  const seen = trackAt(cast, machine, at)
  const chart = charts[machine]
  const states = seen?.frame.to ?? []
  return (
    <figure class={`actor actor-${machine}`} data-actor={machine}>
      <figcaption>
        <h3>
          {chart.name}
          {machine === 'batch' && seen !== null && ` ${seen.track.actor.split(':').at(-1)}`}
        </h3>
        <span class="state-now">{states.length === 0 ? 'not yet' : namesOf(chart, states)}</span>
      </figcaption>
      <ChartPicture chart={chart} states={states} last={seen?.frame} />
    </figure>
  )
}

const Scene = ({
  cast,
  charts,
  at,
}: {
  readonly cast: Cast
  readonly charts: Charts
  readonly at: number
}) => (
  <Panel id="scene" title="Statecharts" className="charts">
    <div class="actors">
      {CHART_NAMES.map((machine) => (
        <SceneActor key={machine} cast={cast} charts={charts} machine={machine} at={at} />
      ))}
    </div>
  </Panel>
)

const LINES = 20

function Happened({
  recording,
  charts,
  at,
}: {
  readonly recording: Recording
  readonly charts: Charts
  readonly at: number
}) {
  const until = countUntil(recording.frames, at)
  const latest = recording.frames.slice(Math.max(0, until - LINES), until).toReversed()
  return (
    <Panel
      id="happened"
      title="What happened until then"
      aside={
        <span class="under number">
          {count(until)} of {count(recording.frames.length)}
        </span>
      }
    >
      <ol class="transitions" tabIndex={0} aria-labelledby="happened">
        {latest.map((frame, i) => (
          <li key={until - i}>
            <time dateTime={iso(frame.at)}>{exactly(frame.at)}</time>
            <span>
              <code>{plain(frame.event)}</code> <Theirs text={frame.actor} />
              <span class="way">
                {frame.machine === null
                  ? plain(`${frame.from.join(', ')} → ${frame.to.join(', ')}`)
                  : `${namesOf(charts[frame.machine], frame.from)} → ${namesOf(charts[frame.machine], frame.to)}`}
              </span>
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  )
}

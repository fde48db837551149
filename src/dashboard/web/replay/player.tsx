import { useSignal, type Signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Recording } from '../../wire.ts'
import { count, exactly } from '../format.ts'
import { countUntil } from './moments.ts'

const SPEEDS = [0.1, 0.25, 1, 4, 16, 60] as const

const seconds = new Intl.NumberFormat(undefined, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
})

/** Runs `at` forward while it plays; stops at the end. */
function useClock(
  recording: Recording,
  at: Signal<number>,
  speed: number,
  isPlaying: Signal<boolean>,
) {
  useEffect(() => {
    if (!isPlaying.value) return
    let before = performance.now()
    let handle = requestAnimationFrame(function step(stamp: number) {
      at.value = Math.min(recording.endedAt, at.peek() + Math.max(0, stamp - before) * speed)
      before = stamp
      if (at.peek() >= recording.endedAt) isPlaying.value = false
      else handle = requestAnimationFrame(step)
    })
    return () => cancelAnimationFrame(handle)
  }, [isPlaying.value, speed, recording])
}

export function Player({
  recording,
  at,
}: {
  readonly recording: Recording
  readonly at: Signal<number>
}) {
  const isPlaying = useSignal(false)
  const speed = useSignal<number>(1)
  useClock(recording, at, speed.value, isPlaying)
  const { frames, startedAt, endedAt } = recording
  const until = countUntil(frames, at.value)
  const go = (to: number) => {
    isPlaying.value = false
    at.value = Math.min(endedAt, Math.max(startedAt, to))
  }
  const play = () => {
    if (!isPlaying.peek() && at.peek() >= endedAt) at.value = startedAt
    isPlaying.value = !isPlaying.peek()
  }
  // Those that happened in the same millisecond are one step.
  const previous = frames.findLast((frame) => frame.at < (frames[until - 1]?.at ?? startedAt))
  const next = frames[until]
  const passed = `${seconds.format((at.value - startedAt) / 1_000)} of ${seconds.format((endedAt - startedAt) / 1_000)} s`
  return (
    <section class="panel player" aria-label="Player">
      <input
        type="range"
        aria-label="Moment of the recording"
        aria-valuetext={`${passed}, ${count(until)} of ${count(frames.length)} transitions`}
        min={0}
        max={endedAt - startedAt}
        step={1}
        value={at.value - startedAt}
        onInput={({ currentTarget }) => go(startedAt + currentTarget.valueAsNumber)}
      />
      <div class="player-row">
        <div class="buttons">
          <button
            type="button"
            class="quiet"
            aria-disabled={until === 0}
            onClick={() => go(previous?.at ?? startedAt)}
          >
            Step back
          </button>
          <button type="button" class="main" onClick={play}>
            {isPlaying.value ? 'Pause' : 'Play'}
          </button>
          <button
            type="button"
            class="quiet"
            aria-disabled={next === undefined}
            onClick={() => go(next?.at ?? endedAt)}
          >
            Step
          </button>
        </div>
        <span class="number">
          {exactly(at.value)} <span class="under">{passed}</span>
        </span>
        <label class="sort">
          <span>Speed</span>
          <select
            value={String(speed.value)}
            onChange={({ currentTarget }) => (speed.value = Number(currentTarget.value))}
          >
            {SPEEDS.map((times) => (
              <option key={times} value={String(times)}>
                {times}×
              </option>
            ))}
          </select>
        </label>
      </div>
    </section>
  )
}

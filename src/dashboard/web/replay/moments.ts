/** What was the case at a moment of a recording. */
import type { ChartName, RecordedTransition, Recording } from '../../wire.ts'

/** The frames of one actor, in order. */
export interface Track {
  readonly actor: string
  readonly machine: ChartName
  readonly frames: readonly RecordedTransition[]
}

/** What belongs to one session: its own track, its enumerators' and its batches'. */
export interface Cast {
  readonly sessionId: string
  readonly tracks: readonly Track[]
}

/** `session:ID`, `enumerator:ID` and `batch:ID:N` are of the session ID. */
const sessionOf = (actor: string, machine: ChartName): string => {
  const rest = actor.slice(actor.indexOf(':') + 1)
  return machine === 'batch' ? rest.replace(/:\d+$/, '') : rest
}

export function castsOf({ frames }: Recording): readonly Cast[] {
  const tracks = new Map<string, RecordedTransition[]>()
  for (const frame of frames) {
    if (frame.machine === null) continue
    const track = tracks.get(frame.actor)
    if (track === undefined) tracks.set(frame.actor, [frame])
    else track.push(frame)
  }
  const casts = new Map<string, Track[]>()
  for (const [actor, ofActor] of tracks) {
    const machine = ofActor[0]?.machine
    if (machine === null || machine === undefined) continue
    const sessionId = sessionOf(actor, machine)
    casts.set(sessionId, [...(casts.get(sessionId) ?? []), { actor, machine, frames: ofActor }])
  }
  return [...casts].map(([sessionId, ofSession]) => ({ sessionId, tracks: ofSession }))
}

/** How many frames of a list in order lie at or before a moment. */
export function countUntil(frames: readonly RecordedTransition[], at: number): number {
  let low = 0
  let high = frames.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((frames[middle]?.at ?? Infinity) <= at) low = middle + 1
    else high = middle
  }
  return low
}

export const lastUntil = (
  frames: readonly RecordedTransition[],
  at: number,
): RecordedTransition | undefined => frames[countUntil(frames, at) - 1]

/** Of a session's tracks of one machine, the one that moved last before a moment. */
export function trackAt(
  { tracks }: Cast,
  machine: ChartName,
  at: number,
): { readonly track: Track; readonly frame: RecordedTransition } | null {
  const moved = tracks.flatMap((track) => {
    const frame = track.machine === machine ? lastUntil(track.frames, at) : undefined
    return frame === undefined ? [] : [{ track, frame }]
  })
  return moved.reduce<(typeof moved)[number] | null>(
    (latest, one) => (latest === null || one.frame.at >= latest.frame.at ? one : latest),
    null,
  )
}

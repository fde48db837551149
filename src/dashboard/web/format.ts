/** Numbers and times as people read them, in the words of the browser's language. */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })
const tenths = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })
const percents = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const precise = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
})

export const count = (n: number): string => whole.format(n)

/** "1 item", "2 items". */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${whole.format(n)} ${n === 1 ? one : many}`

/** Items a second; a dash where nothing is known. */
export const rate = (perSecond: number | null): string =>
  perSecond === null ? '–' : `${(perSecond < 10 ? tenths : whole).format(perSecond)}/s`

/** A part of a whole between 0 and 1, rounded down, so that only what is done is called so. */
export const percent = (part: number): string => percents.format(Math.floor(part * 100) / 100)

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** A length of time in its two greatest units: "2 h 5 min". */
export function duration(ms: number): string {
  // Up, so that what is still to come never reads as none.
  let left = Math.max(0, Math.ceil(ms / 1_000)) * 1_000
  const parts: string[] = []
  const first = UNITS.findIndex(([, size]) => left >= size)
  if (first === -1) return '0 s'
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const n = Math.floor(left / size)
    left -= n * size
    if (n > 0) parts.push(`${n} ${unit}`)
  }
  return parts.join(' ')
}

const DAY = 86_400_000

/** A moment: with its date unless it is within a day of now. */
export const moment = (at: number, now: number): string =>
  (Math.abs(now - at) < DAY / 2 ? clock : dayAndClock).format(at)

/** A moment to the millisecond, for what happens in quick succession. */
export const exactly = (at: number): string => precise.format(at)

/** "3 min ago", by the server's clock. */
export const ago = (at: number, now: number): string =>
  now - at < 5_000 ? 'just now' : `${duration(Math.floor((now - at) / 1_000) * 1_000)} ago`

/** A moment for machines, as `<time>` wants it. */
export const iso = (at: number): string => new Date(at).toISOString()

/** Numbers, times and commands as people read them. */

export const counted = (n: number): string => n.toLocaleString('en')

/** `1 item`, `2 items`. */
export const several = (n: number, one: string): string =>
  `${counted(n)} ${one}${n === 1 ? '' : 's'}`

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How long something takes, in two units at the most: `2 h 10 min`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return 'no end in sight'
  const seconds = Math.max(0, Math.ceil(ms / SECOND))
  if (seconds < 60) return `${seconds} s`
  const [units, rest] =
    ms < HOUR
      ? [[Math.floor(seconds / 60), 'min'] as const, [seconds % 60, 's'] as const]
      : ms < DAY
        ? [
            [Math.floor(ms / HOUR), 'h'] as const,
            [Math.floor((ms % HOUR) / MINUTE), 'min'] as const,
          ]
        : [[Math.floor(ms / DAY), 'd'] as const, [Math.floor((ms % DAY) / HOUR), 'h'] as const]
  return rest[0] === 0 ? units.join(' ') : `${units.join(' ')} ${rest.join(' ')}`
}

/** A time to the second, in UTC, as rows and logs have it. */
export const moment = (at: Date): string => `${at.toISOString().slice(0, 19).replace('T', ' ')}Z`

/** An argument as a shell takes it back. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`

/** A command that can be copied into a shell. */
export const command = (...words: readonly string[]): string =>
  ['muster', ...words].map(quoted).join(' ')

/** The words of error messages that more than one module needs. */
import { closestMatch } from 'leven'
import { maskCredentials, maskTokens } from './redact.ts'

/**
 * What to say after an unknown word: `; did you mean "org"?` when it is close
 * to a known one, else the known ones: `; known: org, user`.
 */
export function suggest(word: string, known: readonly string[]): string {
  const nearest = nearestOf(word, known)
  if (nearest !== undefined) return `; did you mean "${nearest}"?`
  return known.length === 0 ? '' : `; known: ${known.join(', ')}`
}

/** The known word that a person most likely meant, if any is close enough. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  const candidates = known.map(plain)
  const wanted = plain(word).slice(0, 100)
  const maxDistance = Math.ceil(wanted.length / 3)
  const begun = wanted.length > 1 ? candidates.find((known) => known.startsWith(wanted)) : undefined
  const match = begun ?? closestMatch(wanted, candidates, { maxDistance })
  return match === undefined ? undefined : known[candidates.indexOf(match)]
}

const plain = (text: string): string => text.toLowerCase().replace(/[_\-\s]/g, '')

/** A value as a message shows it: on one line, short, without credentials. */
export function printed(value: unknown): string {
  if (typeof value === 'string') {
    // A query is where tokens travel.
    const safe = maskTokens(maskCredentials(value)).slice(0, 1000)
    const text = safe.replace(/(:\/\/[^\s?]*\?).+/s, '$1…')
    return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object' && value !== null) return 'a mapping'
  return typeof value === 'function' ? 'a function' : String(value)
}

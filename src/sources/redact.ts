/**
 * Replaces what stands before the `@` of an address with `***`; the `git` of
 * `git@host` stays. Lists are stored, and so are their rejected entries, so
 * credentials have to go before anything else sees the text.
 */
export function redactCredentials(text: string): string {
  if (!text.includes('@')) return text
  const start =
    /^[\s"'<(]*(?:git\s+clone\s+)?(?:[a-z][a-z\d+.-]*:\/+)*(?:[a-z]+:(?=[^/@:]*:[^/@]*@))?/i
  const head = start.exec(text)?.[0] ?? ''
  const rest = text.slice(head.length)
  const authority = /^[^/?#\\\s]*/.exec(rest)?.[0] ?? ''
  // `user:pa/ss@host`: a slash in the password, so the host seems to end before it.
  const early = /:(?!\d*$)/.test(authority) && head.includes('://') && !authority.includes('@')
  const at = early ? rest.lastIndexOf('@') : authority.lastIndexOf('@')
  if (at <= 0 || rest.slice(0, at) === 'git') return text
  return `${head}***${rest.slice(at)}`
}

/**
 * The same wherever in a text an address may stand, and for addresses that are
 * written wrongly: rather too much goes than too little. For what is shown, or
 * stored as rejected; a good URL may hold a colon and an `@` in its path.
 */
export function maskCredentials(text: string): string {
  const masked = redactCredentials(text).replaceAll(/(\s-u|--user)([\s=]+)\S+/g, '$1$2***')
  if (!/@|%40/.test(masked)) return masked
  return masked.replaceAll(/[^\s,;"'<>()|]+/g, maskWord)
}

/** A colon that no port follows: what stands before it may be a user, and behind it a password. */
const PASSWORD = /:(?!\d{1,5}(?:[/?#]|$))/

function maskWord(word: string): string {
  const slashes = /[\\/]{2,}/.exec(word)
  const start = slashes === null ? 0 : slashes.index + slashes[0].length
  const rest = word.slice(start)
  const at = Math.max(rest.lastIndexOf('@'), rest.lastIndexOf('%40'))
  const before = rest.slice(0, Math.max(0, at))
  if (before === '' || before === 'git' || /^(?:[a-z]+:)?\*\*\*$/i.test(before)) return word
  const authority = /^[^/?#\\]*/.exec(rest)?.[0] ?? ''
  const hasUser = slashes !== null && /@|%40/.test(authority)
  return hasUser || PASSWORD.test(before) ? `${word.slice(0, start)}***${rest.slice(at)}` : word
}

/** Whether a text holds an address with something before the `@` of its host; `git@` is no secret. */
export function carriesCredentials(text: string): boolean {
  if (!text.includes('@')) return false
  // Bounded, and without a scheme before `://`: a long line must not take long.
  return /(?:https?:[\\/]*|:\/\/)(?!git@)[^/?#\\\s@]{1,1000}@/i.test(text)
}

/** Replaces tokens that are recognisable by their form, for a text that goes into a message. */
export function maskTokens(text: string): string {
  return text.replaceAll(/\b(?:gh[a-z]_|github_pat_|AKIA|ASIA|xox[a-z]-|glpat-)[\w-]{8,}/g, '***')
}

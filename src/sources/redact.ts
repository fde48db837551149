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

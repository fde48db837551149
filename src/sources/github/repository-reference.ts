import hostedGitInfo from 'hosted-git-info'
import { ItemRejectedError } from '../../domain/errors.ts'
import { overlongLine } from '../lines.ts'
import type { Identity } from '../source.ts'
import { skippedBy } from './filter.ts'
import type { GithubFilter } from './filter-spec.ts'
import { RESERVED_OWNERS } from './reserved-names.ts'

/** Reads what git reads, `user@host:path` included; its type declarations lack it. */
const { parseUrl } = hostedGitInfo as unknown as {
  parseUrl(text: string): URL | undefined
}

const SCHEMES = new Set(['http:', 'https:', 'git:', 'ssh:', 'git+ssh:', 'git+https:', 'git+http:'])
const SHORTCUTS: Readonly<Record<string, string>> = {
  github: 'github.com',
  gitlab: 'gitlab.com',
  bitbucket: 'bitbucket.org',
  gist: 'gist.github.com',
  sourcehut: 'git.sr.ht',
}
/** What follows `owner/name` in an address within a repository, where no host says that it is one. */
const WITHIN = new Set(
  `tree blob raw blame edit commit commits compare issues pull pulls wiki releases tags branches
  actions archive projects discussions security pulse graphs network settings`.split(/\s+/),
)

/** Deep links are long, but not longer; it also bounds the time that the patterns below can take. */
const MAX_LENGTH = 4096

/**
 * An entry without what stands behind its `?` or `#`: that is no part of a
 * repository's address, and may be a token.
 */
export function maskQuery(entry: string): string {
  return entry.replace(/(?<=\S)([?#])\S.*$/s, '$1***')
}

/** A host, `undefined` where the text names none, and the parts of the path. */
interface Located {
  readonly host: string | undefined
  readonly segments: readonly string[]
}

/**
 * What a text that names a repository stands for. Accepts what people write:
 * web addresses and deep links, clone addresses of every protocol,
 * `git@host:owner/name`, `github:owner/name` and `owner/name`, in any case.
 * Credentials in the text appear neither in the identity nor in an error.
 *
 * The key is the name in lower case, since text carries no id.
 *
 * @param webHost the host that people see, such as `github.com`
 * @param filter of which only what is about names can apply
 * @throws {ItemRejectedError} with a reason that a person can act on
 */
export function identifyReference(text: string, webHost: string, filter?: GithubFilter): Identity {
  const tooLong = overlongLine(text)
  if (tooLong !== undefined) throw new ItemRejectedError(tooLong)
  if (text.length > MAX_LENGTH) {
    const message = `the entry has ${text.length} characters, no address of a repository has`
    throw new ItemRejectedError(`${message}; ${expected(webHost)}`)
  }
  const reference = tidy(text)
  if (reference === '') throw new ItemRejectedError(`the entry is empty; ${expected(webHost)}`)
  const { host, segments } = locate(reference, webHost)
  if (host !== undefined) checkHost(host, webHost)
  const [owner, rawName] = segments
  checkOwner(owner, webHost)
  const name = checkName(rawName, owner, webHost)
  const uri = `https://${webHost}/${owner}/${name}`
  const skipped = skippedBy({ fullName: `${owner}/${name}` }, filter)
  return {
    key: `${webHost}/${owner}/${name}`.toLowerCase(),
    uri,
    name: `${owner}/${name}`,
    metadata: { cloneUrl: `${uri}.git` },
    ...(skipped === undefined ? {} : { skipped }),
  }
}

/** Takes away what people paste along: quotes, `git clone`, a comment, a doubled scheme. */
function tidy(text: string): string {
  const bare = text
    .trim()
    .replace(/^git\s+clone\s+/i, '')
    .replace(/\s+#.*$/s, '')
    .replace(/^["'`<(]+|["'`>),;]+$/g, '')
    .trim()
  return bare.replace(/^(?:[a-z+]+:\/\/)+(?=[a-z+]+:\/\/)/i, '')
}

function locate(reference: string, webHost: string): Located {
  if (/\s/.test(reference)) {
    throw new ItemRejectedError(`the entry holds white space; write one repository a line`)
  }
  const path = reference.replace(/[?#].*$/s, '')
  // Looked for in the text, since URL parsing would quietly resolve it.
  if (/(?:^|[/:\\])(?:\.|%2e){2}(?:[/\\]|$)/i.test(path)) {
    throw new ItemRejectedError(`the path holds "..", ${expected(webHost)}`)
  }
  if (/^(?:[.~]?[/\\]|file:|[a-z]:[/\\](?!\/))/i.test(path)) {
    throw new ItemRejectedError(`this is a path of the file system; ${expected(webHost)}`)
  }
  const shortcut = /^([a-z]+):(?!\/)/i.exec(path)
  const shortcutHost = shortcut && SHORTCUTS[shortcut[1]?.toLowerCase() ?? '']
  if (shortcutHost) {
    const rest = path.slice(shortcut[0].length)
    return { host: shortcutHost, segments: split(rest.slice(rest.indexOf('@') + 1)) }
  }
  if (!/[:@]/.test(path.slice(1))) return locateBare(path, webHost)
  return locateUrl(reference, webHost)
}

/** `owner/name`, or an address without its scheme; no owner has a dot in it. */
function locateBare(path: string, webHost: string): Located {
  const segments = split(path)
  const [first = '', , third] = segments
  if (first.includes('.') || first.toLowerCase() === hostName(webHost)) {
    return { host: hostName(first), segments: segments.slice(1) }
  }
  if (third !== undefined && !WITHIN.has(third.toLowerCase())) {
    throw new ItemRejectedError(
      `the path has ${segments.length} parts, a repository has two; ${expected(webHost)}`,
    )
  }
  return { host: undefined, segments }
}

function locateUrl(reference: string, webHost: string): Located {
  const userless = /^[^/@:]+\.[^/@:]+:(?!\/\/)/.test(reference)
  // `host:owner/name` without a user would be read as a scheme named like the host.
  const remote = (userless ? `git@${reference}` : reference).replace(/^([^/:]+):\/(?!\/)/, '$1:')
  const url = parseUrl(remote)
  if (!url)
    throw new ItemRejectedError(`the entry cannot be read as an address; ${expected(webHost)}`)
  // A slash in a password ends the host early; what follows must not be shown.
  if (url.pathname.toLowerCase().includes(`@${hostName(webHost)}`)) {
    throw new ItemRejectedError(
      `the entry carries credentials and cannot be read as an address; leave them out, ${expected(webHost)}`,
    )
  }
  if (!SCHEMES.has(url.protocol) || url.hostname === '') {
    throw new ItemRejectedError(
      `the entry is no address that git or a browser reads; ${expected(webHost)}`,
    )
  }
  return { host: hostName(url.hostname), segments: split(url.pathname) }
}

const split = (path: string): string[] => path.split('/').filter((part) => part !== '')

/** Lower case, without a port or a closing dot. */
const hostName = (host: string): string =>
  host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')

function checkHost(host: string, webHost: string): void {
  const own = hostName(webHost)
  // `ssh.github.com` is GitHub's own way around firewalls that block port 22.
  if ([own, `www.${own}`, `ssh.${own}`].includes(host)) return
  if (host === `gist.${own}`) {
    throw new ItemRejectedError(`this is a gist, not a repository; ${expected(webHost)}`)
  }
  if (own === 'github.com' && /\.github\.(?:io|com)$/.test(host) && !/^(?:api|raw)\./.test(host)) {
    throw new ItemRejectedError(
      `${show(host)} is a page of GitHub Pages, not a repository; ${expected(webHost)}`,
    )
  }
  throw new ItemRejectedError(
    `the host is ${show(host)}, this target expects ${own}; move the entry to a target of that host or take it out`,
  )
}

/** Lenient where old accounts are: they may hold `--` or end in `-`; managed users end in `_company`. */
const OWNER = /^[a-z\d][a-z\d-]*(?:_[a-z\d]+)?$/i

function checkOwner(owner: string | undefined, webHost: string): asserts owner is string {
  if (owner === undefined) {
    throw new ItemRejectedError(
      `the entry names neither an owner nor a repository; ${expected(webHost)}`,
    )
  }
  if (RESERVED_OWNERS.has(owner.toLowerCase())) {
    throw new ItemRejectedError(
      `"${owner}" is a page of GitHub's own, not an owner; ${expected(webHost)}`,
    )
  }
  if (owner.length > 39) {
    throw new ItemRejectedError(
      `the owner ${show(owner)} has ${owner.length} characters, GitHub allows 39`,
    )
  }
  if (!OWNER.test(owner)) {
    throw new ItemRejectedError(
      `${show(owner)} cannot be an owner on GitHub (letters, digits and hyphens); ${expected(webHost)}`,
    )
  }
}

function checkName(rawName: string | undefined, owner: string, webHost: string): string {
  const name = rawName?.replace(/\.git$/i, '')
  if (name === undefined || name === '') {
    throw new ItemRejectedError(
      `the entry names the owner ${show(owner)} but no repository; ${expected(webHost)}`,
    )
  }
  if (/\.wiki$/i.test(name)) {
    throw new ItemRejectedError(
      `${show(name)} is the wiki of a repository; write ${show(`${owner}/${name.slice(0, -5)}`)} for the repository`,
    )
  }
  if (name.length > 100) {
    throw new ItemRejectedError(
      `the repository ${show(name)} has ${name.length} characters, GitHub allows 100`,
    )
  }
  if (!/^[\w.-]+$/.test(name) || name === '.' || /\.git$/i.test(name)) {
    throw new ItemRejectedError(
      `${show(name)} cannot be a repository on GitHub (letters, digits, ".", "-" and "_"); ${expected(webHost)}`,
    )
  }
  return name
}

const expected = (webHost: string): string => `write owner/name or https://${webHost}/owner/name`

/** A part of the text for a message: short, readable, and without what could be a password before an `@`. */
function show(part: string): string {
  const safe = decoded(part).replace(/^.+@/s, '…@')
  return `"${safe.length > 60 ? `${safe.slice(0, 60)}…` : safe}"`
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

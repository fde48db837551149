/** Redirects, followed by hand: each place is judged like one that was asked for at first. */
import { SourceError } from '../../domain/errors.ts'
import { shown, targetOf } from './target.ts'

/** RFC 9110, 15.4. GET stays GET and HEAD stays HEAD with all of them; 300 and 304 are for the reader to act on. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * The caller's headers that go on to another origin: they say which form of the
 * body is wanted, and an answer in another form would be taken for that one.
 */
const TRAVELLING: ReadonlySet<string> = new Set(['accept', 'accept-encoding', 'range'])

/** The way of one request, from the address that was asked for. */
export class Route {
  readonly #passed: string[] = []
  readonly #max: number
  #url: URL
  #headers: Readonly<Record<string, string>>

  /** @param headers the caller's own, in small letters, which stay with the first origin */
  constructor(url: URL, headers: Readonly<Record<string, string>>, maxRedirects: number) {
    this.#url = url
    this.#headers = headers
    this.#max = maxRedirects
  }

  /** What to ask next. */
  get url(): URL {
    return this.#url
  }

  /** The caller's headers, as far as they may still be sent. */
  get headers(): Readonly<Record<string, string>> {
    return this.#headers
  }

  /** What was asked before. */
  get passed(): readonly string[] {
    return this.#passed
  }

  /**
   * Goes where an answer redirects to.
   *
   * @returns whether it does; `false` for an answer that is the end
   * @throws {SourceError} for a redirect that is not followed
   */
  follow(status: number, location: string | undefined): boolean {
    if (!REDIRECTS.has(status) || location === undefined) return false
    const next = targetOf(location, this.#url)
    this.#check(next)
    this.#passed.push(this.#url.href)
    // For good: they are not sent again when the way leads back.
    if (next.origin !== this.#url.origin) this.#headers = travelling(this.#headers)
    this.#url = next
    return true
  }

  #check(next: URL): void {
    const from = shown(this.#url)
    // The same host is no exception: what was to come encrypted and from a
    // known server could be read and changed on its way, and a redirect is the
    // very thing that an attacker between the two would answer.
    if (this.#url.protocol === 'https:' && next.protocol === 'http:') {
      throw new SourceError(
        'FORBIDDEN',
        `${from}: redirects from https to ${shown(next)}, which anybody on the way can read and change; ask for the http address itself if that is meant`,
      )
    }
    if (next.href === this.#url.href || this.#passed.includes(next.href)) {
      throw new SourceError('SOURCE_MALFORMED', `${from}: redirects in a circle, to ${shown(next)}`)
    }
    if (this.#passed.length >= this.#max) {
      throw new SourceError(
        'SOURCE_MALFORMED',
        `${from}: redirects on after ${this.#max} redirects (to ${shown(next)}); ask for the last address itself, or raise maxRedirects`,
      )
    }
  }
}

const travelling = (headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => TRAVELLING.has(name)))

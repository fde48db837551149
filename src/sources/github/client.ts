/** Requests with whichever of a credential's tokens may be used, and what is done when one is refused. */
import { PauseError, RetryLaterError } from '../../domain/errors.ts'
import type { EnumerateContext } from '../source.ts'
import { resourceOf } from './allowance.ts'
import { type Answer, credentialName, refused, type Subject } from './classify.ts'
import type { Credential, Member } from './credential.ts'
import { exchange, type ExchangeOptions, type Request, TokenRefusedError } from './exchange.ts'
import type { Ask } from './governor.ts'

/** One credential's access to one GitHub, for the next page. */
export interface GithubClient {
  readonly baseUrl: string
  readonly subject: Subject
  readonly authenticated: boolean
  /** Whether it is an App's installation that asks. */
  readonly ofInstallation: boolean
  /**
   * The credential whose token was used last, or will be next: answers that
   * GitHub may confirm by their ETags are kept under it. It holds nothing of a
   * token, and stays the same when the token is renewed.
   */
  readonly credentialId: string
  /**
   * Gets a URL of this GitHub; any other is refused. Redirects are followed on
   * this host. With `ifNoneMatch`, 304 is an answer.
   */
  get(url: string, options?: { readonly ifNoneMatch?: string | undefined }): Promise<Answer>
  /** The `errors` of a query are left to the caller, but for limits. */
  query(text: string, variables: Readonly<Record<string, unknown>>): Promise<Answer>
}

export interface ClientOptions extends ExchangeOptions {
  readonly context: Pick<EnumerateContext, 'signal' | 'clock'>
  readonly credential: Credential
  /** Resolves the credential anew; with `renew`, to another token where one can be had. */
  resolve(options?: { readonly renew: boolean }): Promise<Credential>
}

/** A token just made is not known to all of GitHub's servers at once; auth-app allows for as long. */
const FRESH_MS = 5_000

/** An Enterprise Server's GraphQL is beside `/api/v3`, not below it: docs.github.com, enterprise-server, forming-calls-with-graphql. */
export const graphqlUrl = (baseUrl: string): string =>
  baseUrl.endsWith('/api/v3') ? baseUrl.replace(/v3$/, 'graphql') : `${baseUrl}/graphql`

/** Stands for the answer to what was not sent, since the token is known to be refused. */
const NOT_ASKED: Answer = { status: 401, headers: {}, body: undefined }

/** Sends requests until one is answered, or nothing is left to try. */
class TokenClient implements GithubClient {
  readonly baseUrl: string
  readonly subject: Subject
  readonly #options: ClientOptions
  #credential: Credential
  /** The `credentialId` of the token that was asked with last, or will be first. */
  #asked: string

  constructor(options: ClientOptions) {
    this.baseUrl = options.baseUrl
    this.subject = options.subject
    this.#options = options
    this.#credential = options.credential
    const [first] = options.credential.members
    const [best = first] = this.#byWhatIsLeft(this.#usable(), this.#ask({ url: this.baseUrl }))
    this.#asked = best.credentialId
  }

  get authenticated(): boolean {
    return this.subject.authenticated
  }

  get ofInstallation(): boolean {
    return this.#credential.ofInstallation
  }

  get credentialId(): string {
    return this.#asked
  }

  get(url: string, { ifNoneMatch }: { readonly ifNoneMatch?: string | undefined } = {}) {
    return this.#send({ method: 'GET', url, ifNoneMatch })
  }

  query(query: string, variables: Readonly<Record<string, unknown>>) {
    const url = graphqlUrl(this.baseUrl)
    return this.#send({ method: 'POST', url, data: { query, variables } })
  }

  async #send(request: Request): Promise<Answer> {
    const refusals: Answer[] = []
    for (;;) {
      const member = await this.#next(request, refusals)
      const ask = this.#ask(request)
      try {
        const { governor, share } = member
        return await governor.pass(() => this.#exchange(request, member), { ...ask, share })
      } catch (error) {
        if (error instanceof TokenRefusedError) {
          refusals.push(error.answer)
          await this.#replace(member, error.answer)
        } else if (!this.#anotherMay(error, member, ask)) throw error
      }
    }
  }

  /** The member to send with next; a credential that is another one each time is not tried for ever. */
  async #next(request: Request, refusals: readonly Answer[]): Promise<Member> {
    const { members } = this.#credential
    if (refusals.length > members.length + 1) throw this.#pause(refusals)
    if (this.#usable().length === 0) await this.#renew(members[0])
    if (this.#usable().length === 0) throw this.#pause(refusals)
    return this.#choose(request)
  }

  /** In its turn: others may have learnt meanwhile that the token is refused. */
  async #exchange(request: Request, member: Member): Promise<Answer> {
    if (!this.#isUsable(member)) throw new TokenRefusedError(NOT_ASKED)
    // A condition holds for the token that it was made with.
    const { ifNoneMatch: condition } = request
    const ifNoneMatch = member.credentialId === this.#asked ? condition : undefined
    this.#asked = member.credentialId
    try {
      return await exchange({ ...request, ifNoneMatch }, member, this.#options)
    } finally {
      // What limits it is in refusals too, and most of all there.
      member.note?.(resourceOf(request.url))
    }
  }

  #ask(request: Pick<Request, 'url'>): Ask {
    const { clock, signal } = this.#options.context
    const { reserve } = this.#credential
    return { resource: resourceOf(request.url), reserve, clock, signal, what: this.subject.what }
  }

  #isUsable({ governor, fingerprint }: Member): boolean {
    return governor.refusedUntil(fingerprint, this.#options.context.clock.now()) === undefined
  }

  #usable(): readonly Member[] {
    return this.#credential.members.filter((member) => this.#isUsable(member))
  }

  /** Idle ones first, so that the walks that share a pool need not queue for one token of it. */
  #byWhatIsLeft(members: readonly Member[], ask: Ask): readonly Member[] {
    const left = ({ governor }: Member): number =>
      governor.wait(ask) === undefined ? governor.left(ask) : -Infinity
    // By comparison: infinite less infinite is no number.
    const byLeft = (a: number, b: number): number => (a === b ? 0 : a > b ? -1 : 1)
    return members.toSorted(
      (a, b) => a.governor.pending - b.governor.pending || byLeft(left(a), left(b)),
    )
  }

  /** The token with the most left; for a condition, the one that it holds for, if that may be used. */
  #choose(request: Request): Member {
    const ask = this.#ask(request)
    const usable = this.#usable()
    const free = this.#byWhatIsLeft(
      usable.filter(({ governor }) => governor.wait(ask) === undefined),
      ask,
    )
    const known = free.find(({ credentialId }) => credentialId === this.#asked)
    const chosen = (request.ifNoneMatch === undefined ? undefined : known) ?? free[0]
    if (chosen === undefined) throw this.#soonest(usable, ask)
    return chosen
  }

  /** All tokens have to wait: for the one that may go first. */
  #soonest(members: readonly Member[], ask: Ask): RetryLaterError {
    const waits = members.flatMap(({ governor }) => governor.wait(ask) ?? [])
    const [first = { until: ask.clock.now(), why: 'for its credential' }] = waits.toSorted(
      (a, b) => a.until - b.until,
    )
    const all = members.length > 1 ? `all ${members.length} tokens wait; the first ` : 'waiting '
    return new RetryLaterError(`${ask.what}: ${all}${first.why}`, first.until)
  }

  /** Whether a limit that a token met leaves others of its pool to go on with. */
  #anotherMay(error: unknown, member: Member, ask: Ask): boolean {
    const inPool = this.#credential.members.length > 1
    return error instanceof RetryLaterError && inPool && member.governor.wait(ask) !== undefined
  }

  /** A token was refused: takes over what the credential has become, or has it renewed. */
  async #replace(member: Member, refusal: Answer): Promise<void> {
    const { clock } = this.#options.context
    const { mintedAt } = this.#credential
    if (mintedAt !== undefined && clock.now() < mintedAt + FRESH_MS) {
      const why = 'the token has just been made, and is not known to all of GitHub yet'
      throw new RetryLaterError(`${this.subject.what}: ${why}`, mintedAt + FRESH_MS)
    }
    if (refusal !== NOT_ASKED) member.governor.refuse(member.fingerprint, clock.now())
    // Another walk may have had it renewed already.
    this.#credential = await this.#options.resolve()
    const same = this.#credential.members.some((m) => m.fingerprint === member.fingerprint)
    if (same) await this.#renew(member)
  }

  async #renew({ governor }: Member): Promise<void> {
    const { context, resolve } = this.#options
    const own = await governor.renew(async () => {
      this.#credential = await resolve({ renew: true })
    }, context.clock.now())
    if (!own) this.#credential = await resolve()
  }

  #pause(refusals: readonly Answer[]): PauseError {
    const { members } = this.#credential
    const answer = refusals.findLast((one) => one !== NOT_ASKED)
    if (members.length === 1 && answer !== undefined) return refused(answer, this.subject)
    const now = this.#options.context.clock.now()
    const untils = members.map((m) => m.governor.refusedUntil(m.fingerprint, now) ?? now)
    const until = new Date(Math.min(...untils)).toISOString()
    const name = credentialName(this.subject)
    const which = members.length > 1 ? `each token of ${name}` : name
    const text = `${which} was refused, and is not sent again before ${until}; give one that is whole, not expired and not revoked`
    return new PauseError('AUTHENTICATION_FAILED', `${this.subject.what}: ${text}`)
  }
}

/** A client for as long as the credential is good: make one for each page. */
export function createClient(options: ClientOptions): GithubClient {
  return new TokenClient(options)
}

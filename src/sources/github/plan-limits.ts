/** What is left of a credential's limits before a walk, which GitHub tells for nothing. */
import { RetryLaterError, SourceError } from '../../domain/errors.ts'
import type { PlanContext, PlannedLimit } from '../source.ts'
import { POINTS_A_MINUTE, reservedOf, type Resource } from './allowance.ts'
import { type Answer, field, refused, RESET_MARGIN_MS, type Subject } from './classify.ts'
import type { Credential, Member } from './credential.ts'
import { exchange, TokenRefusedError } from './exchange.ts'

/** GitHub counts by the hour: docs.github.com, rate-limits-for-the-rest-api. */
const WINDOW_MS = 3_600_000

/** Tokens of a pool that are asked for; of more, the others count as these do. */
const MAX_MEMBERS = 10

export interface KnownLimits {
  /** Of each token whose limit was told. */
  readonly limits: readonly PlannedLimit[]
  /** Tokens that GitHub refuses. */
  readonly refused: number
}

interface Asking {
  readonly baseUrl: string
  readonly subject: Subject
  readonly context: PlanContext
  readonly resource: Resource
}

const limitIn = (
  answer: Answer,
  { limitedAs }: Member,
  { resource, reserve }: { readonly resource: Resource; readonly reserve: Credential['reserve'] },
): PlannedLimit[] => {
  const told = field(field(answer.body, 'resources'), resource)
  const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map((key) => field(told, key))
  if (typeof limit !== 'number' || typeof remaining !== 'number' || typeof reset !== 'number') {
    return []
  }
  return [
    {
      resource,
      credential: limitedAs,
      limit,
      remaining,
      resetAt: reset * 1000 + RESET_MARGIN_MS,
      windowMs: WINDOW_MS,
      reserve: reservedOf(reserve, limit),
      perMinute: POINTS_A_MINUTE[resource === 'graphql' ? 'graphql' : 'rest'],
    },
  ]
}

const askMember = (
  member: Member,
  { reserve }: Credential,
  { baseUrl, subject, context, resource }: Asking,
): Promise<Answer> => {
  const { clock, signal } = context
  const request = { method: 'GET', url: `${baseUrl}/rate_limit` } as const
  const send = () => {
    context.noteRequest()
    return exchange(request, member, { baseUrl, subject, context })
  }
  return member.governor.pass(send, {
    resource,
    reserve,
    clock,
    signal,
    what: subject.what,
  })
}

/** An Enterprise Server answers so unless limits are set up there. */
const isWithoutLimits = (error: unknown): boolean =>
  error instanceof SourceError && error.code === 'NOT_FOUND'

/**
 * Asks for what is left of each token's limit.
 *
 * @throws {RetryLaterError} with nothing sent where every token has to wait
 * @throws {PauseError} where every token is refused
 */
export async function limitsOf(credential: Credential, asking: Asking): Promise<KnownLimits> {
  const limits: PlannedLimit[] = []
  const waits: RetryLaterError[] = []
  const refusals: Answer[] = []
  const members = credential.members.slice(0, MAX_MEMBERS)
  for (const member of members) {
    try {
      const answer = await askMember(member, credential, asking)
      const { resource } = asking
      limits.push(...limitIn(answer, member, { resource, reserve: credential.reserve }))
    } catch (error) {
      if (error instanceof TokenRefusedError) refusals.push(error.answer)
      else if (error instanceof RetryLaterError) waits.push(error)
      else if (!isWithoutLimits(error)) throw error
    }
  }
  const [wait] = waits.toSorted((a, b) => a.retryAt - b.retryAt)
  const [refusal] = refusals
  if (wait !== undefined && waits.length + refusals.length === members.length) throw wait
  if (refusal !== undefined && refusals.length === members.length) {
    throw refused(refusal, asking.subject)
  }
  return { limits, refused: refusals.length }
}

import { MusterError, type ErrorCode } from '../domain/errors.ts'
import type { Problem } from './wire.ts'

/** The HTTP statuses that the dashboard answers an error with. */
export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 415 | 422 | 500 | 503

/** A request that is refused, with its reason; what the dashboard's own parts throw. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly status: ProblemStatus
  readonly code: string

  constructor(status: ProblemStatus, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const STATUS: Partial<Record<ErrorCode, ProblemStatus>> = {
  SESSION_NOT_FOUND: 404,
  ILLEGAL_TRANSITION: 409,
  LEASE_HELD: 409,
  LEASE_LOST: 409,
  PAUSED: 409,
  CHECKPOINT_INCOMPATIBLE: 409,
  INVALID_OPTIONS: 422,
  INVALID_CONFIG: 422,
  INVALID_SPEC: 422,
  NOT_SUPPORTED: 422,
  CREDENTIAL_UNAVAILABLE: 422,
  AUTHENTICATION_FAILED: 422,
  CLOSED: 503,
}

function statusOf(code: ErrorCode): ProblemStatus {
  return STATUS[code] ?? (code.startsWith('STORE_') ? 503 : 500)
}

/**
 * What a browser is told of an error. The words of an error that nobody threw
 * on purpose are kept back: nobody has looked at what is in them.
 */
export function problemOf(thrown: unknown): { status: ProblemStatus; problem: Problem } {
  if (thrown instanceof HttpProblem) {
    const { status, code, message } = thrown
    return { status, problem: { error: { code, message } } }
  }
  if (thrown instanceof MusterError) {
    const { code, message } = thrown
    return { status: statusOf(code), problem: { error: { code, message } } }
  }
  const name = thrown instanceof Error ? thrown.name : typeof thrown
  const message = `the dashboard could not answer (${name}): look at the process that serves it`
  return { status: 500, problem: { error: { code: 'INTERNAL', message } } }
}

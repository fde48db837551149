import { InvalidInputError } from '../domain/errors.ts'

/** How a caller can stop a walk; the session stays resumable. */
export interface StopSignals {
  /** Stops the walk at the next safe point: a request under way is dropped. */
  readonly signal?: AbortSignal
  /** Stops the walk after the page in hand. */
  readonly drain?: AbortSignal
}

/** @throws INVALID_OPTIONS for what is no AbortSignal; a controller is easily taken for its signal. */
export function checkedSignals({ signal, drain }: StopSignals): StopSignals {
  for (const [name, value] of Object.entries({ signal, drain })) {
    if (value === undefined || value instanceof AbortSignal) continue
    throw new InvalidInputError('INVALID_OPTIONS', [
      `${name}: expected an AbortSignal, such as the "signal" of an AbortController; got ${typeof value}`,
    ])
  }
  return { ...(signal === undefined ? {} : { signal }), ...(drain === undefined ? {} : { drain }) }
}

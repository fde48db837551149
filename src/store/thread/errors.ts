import * as errors from '../../domain/errors.ts'

/** An error on its way between threads: a copy that the runtime makes loses its class and its code. */
export interface SentError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly cause: SentError | undefined
  /** Its own properties, as far as they are plain. */
  readonly properties: Readonly<Record<string, unknown>>
}

const ORDINARY = new Set(['name', 'message', 'stack', 'cause'])

const isPlain = (value: unknown): boolean =>
  value === null ||
  ['string', 'number', 'boolean'].includes(typeof value) ||
  (Array.isArray(value) && value.every(isPlain))

export function sendError(thrown: unknown): SentError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    cause: error.cause === undefined ? undefined : sendError(error.cause),
    properties: Object.fromEntries(
      Object.entries(error).filter(([name, value]) => !ORDINARY.has(name) && isPlain(value)),
    ),
  }
}

function prototypeOf(name: string): object {
  const found = Object.values(errors).find(
    (value) => typeof value === 'function' && value.name === name,
  )
  return found === undefined ? Error.prototype : (found.prototype as object)
}

export function receiveError(sent: SentError): Error {
  const cause = sent.cause === undefined ? undefined : { cause: receiveError(sent.cause) }
  const error = new Error(sent.message, cause)
  Object.setPrototypeOf(error, prototypeOf(sent.name))
  const hidden = { writable: true, configurable: true, enumerable: false }
  Object.defineProperty(error, 'stack', { ...hidden, value: sent.stack })
  // Not only Muster's own have one: SQLite's would else be taken for any error.
  Object.defineProperty(error, 'name', { ...hidden, value: sent.name })
  return Object.assign(error, sent.properties)
}

/** What a step gives, or undefined as soon as the signal aborts; what becomes of the step then is of no interest. */
export async function untilAborted<T>(
  step: Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const aborted = Promise.withResolvers<undefined>()
  const abort = () => aborted.resolve(undefined)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([aborted.promise, step])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

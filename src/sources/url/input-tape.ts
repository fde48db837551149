import type { Readable } from 'node:stream'

/**
 * What was read of an input and may be wanted again. It reads when it is asked
 * to and no sooner, so that whoever writes the input has to wait.
 */
export class InputTape {
  readonly #input: Readable
  readonly #chunks: AsyncIterator<unknown>
  #kept: Buffer[] = []
  /** Where what is kept begins. */
  #start = 0
  #end = 0
  #isOver = false
  #reading: Promise<void> | undefined

  constructor(input: Readable) {
    this.#input = input
    this.#chunks = input[Symbol.asyncIterator]()
  }

  /** Bytes that were read so far. */
  get end(): number {
    return this.#end
  }

  /**
   * Some bytes from an offset on, which must not have been released; none at
   * the end.
   *
   * @throws the signal's reason when it aborts; what was on its way is kept
   */
  async read(offset: number, signal: AbortSignal): Promise<Buffer> {
    while (offset >= this.#end && !this.#isOver) {
      this.#reading ??= this.#readOn().finally(() => (this.#reading = undefined))
      await untilAborted(this.#reading, signal)
    }
    let start = this.#start
    for (const chunk of this.#kept) {
      if (offset < start + chunk.length) return chunk.subarray(offset - start)
      start += chunk.length
    }
    return Buffer.alloc(0)
  }

  /** Lets go of what stands before an offset. */
  release(offset: number): void {
    while (this.#kept[0] !== undefined && this.#start + this.#kept[0].length <= offset) {
      this.#start += this.#kept.shift()?.length ?? 0
    }
  }

  /** Nobody waits for it now, so it must not keep the process alive. */
  rest(): void {
    refsOf(this.#input).unref?.()
  }

  async #readOn(): Promise<void> {
    refsOf(this.#input).ref?.()
    const { done, value } = await this.#chunks.next()
    if (done === true) this.#isOver = true
    else {
      const chunk =
        typeof value === 'string' ? Buffer.from(value) : Buffer.from(value as Uint8Array)
      this.#kept.push(chunk)
      this.#end += chunk.length
    }
  }
}

/** A pipe and a terminal have them; a file has no need. */
const refsOf = (input: Readable) => input as { ref?(): unknown; unref?(): unknown }

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

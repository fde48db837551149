/** Does what is of one key in order, one after the other; what is of different keys, at once. */
export class Lanes {
  readonly #last = new Map<string, Promise<unknown>>()

  /** @returns what `work` returns, once what came before it under the key is over */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const mine = (async () => {
      // What came of it is told to whoever asked for it.
      await before?.catch(() => undefined)
      return work()
    })()
    this.#last.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }
}

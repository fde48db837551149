import type { Store } from '../../src/index.ts'

/** The steps of the store at which a test can hold a walk. */
export type Step =
  'commitPage' | 'commitSession' | 'recordWaiting' | 'findFailedItems' | 'openRound' | 'closeRound'

/**
 * The real store, with gates before its steps: a walk can be held at one, to
 * look at it meanwhile.
 */
export class Gates {
  readonly #held = new Set<Step>()
  readonly #waiting = new Map<Step, PromiseWithResolvers<void>[]>()

  hold(...steps: readonly Step[]): void {
    for (const step of steps) this.#held.add(step)
  }

  /** Lets everybody through from now on. */
  release(...steps: readonly Step[]): void {
    for (const step of steps) {
      this.#held.delete(step)
      for (const { resolve } of this.#waiting.get(step)?.splice(0) ?? []) resolve()
    }
  }

  /** Whether somebody stands at the gate of a step. */
  isWaiting(step: Step): boolean {
    return (this.#waiting.get(step)?.length ?? 0) > 0
  }

  /** Lets through the one that came last: an earlier one was given up. */
  open(step: Step): void {
    this.#waiting.get(step)?.pop()?.resolve()
  }

  /** Forgets who stands anywhere; what is held stays held. */
  clear(): void {
    this.#waiting.clear()
  }

  async pass(step: Step): Promise<void> {
    if (!this.#held.has(step)) return
    const gate = Promise.withResolvers<void>()
    const waiting = this.#waiting.get(step) ?? []
    this.#waiting.set(step, [...waiting, gate])
    await gate.promise
  }

  around(store: Store): Store {
    const gated =
      <Args extends unknown[], Result>(step: Step, work: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        await this.pass(step)
        return work(...args)
      }
    const { failedItems } = store.repositories
    return {
      ...store,
      repositories: {
        ...store.repositories,
        failedItems: { ...failedItems, find: gated('findFailedItems', failedItems.find) },
      },
      commitPage: gated('commitPage', store.commitPage),
      commitSession: gated('commitSession', store.commitSession),
      recordWaiting: gated('recordWaiting', store.recordWaiting),
      openRound: gated('openRound', store.openRound),
      closeRound: gated('closeRound', store.closeRound),
    }
  }
}

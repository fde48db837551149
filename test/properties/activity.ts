import { setImmediate as turn } from 'node:timers/promises'
import type { Store } from '../../src/index.ts'
import { Gates } from '../model/gated-store.ts'

/** Turns of the event loop after which nothing follows any more from what the store has said. */
const QUIET_TURNS = 6
/** Turns that are waited for; a step that meets a locked file takes thousands. */
const MOST_TURNS = 200_000

/**
 * Lets one step after the other reach the file. Two processes would wait for
 * each other's lock; two in one process would wait by the real clock.
 */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve()

  do<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#last.then(step)
    this.#last = done.catch(() => undefined)
    return done
  }
}

/** Counts what the store of a process is doing, so that a test knows when everything has happened. */
export class Activity extends Gates {
  readonly #underWay = new Set<UnderWay>()
  readonly #file: OneAtATime
  #writing = 0
  /** Called before a step of the store, and before its outcome is told; a test makes it wait here. */
  before: ((step: string) => Promise<void>) | undefined
  after: ((step: string) => Promise<void>) | undefined

  constructor(file: OneAtATime) {
    super()
    this.#file = file
  }

  get isCalm(): boolean {
    return this.#underWay.size === 0
  }

  /** Whether a step is under way that waits for nobody. */
  get isWriting(): boolean {
    return this.#writing > 0
  }

  /** Whether something of the session is being written. */
  isCommitting(sessionId: string): boolean {
    return [...this.#underWay].some(({ step, args: [params] }) => {
      const { fence } = (params ?? {}) as { readonly fence?: { readonly sessionId: string } }
      return step.startsWith('commit') && fence?.sessionId === sessionId
    })
  }

  /** Whoever was in the middle of a step died in it. */
  override clear(): void {
    super.clear()
    this.#underWay.clear()
    this.#writing = 0
  }

  override around(store: Store): Store {
    const { repositories, close, isShared, ...steps } = super.around(store)
    const { failedItems } = repositories
    return {
      isShared,
      ...this.#counted(steps),
      close,
      repositories: { ...repositories, failedItems: this.#counted(failedItems) },
    }
  }

  #counted<T extends object>(steps: T): T {
    const counted = Object.entries(steps as Record<string, Step>).map(([name, step]) => [
      name,
      (...args: readonly unknown[]) => this.#during({ step: name, args }, () => step(...args)),
    ])
    return Object.fromEntries(counted) as T
  }

  async #during(underWay: UnderWay, step: () => Promise<unknown>): Promise<unknown> {
    const { step: name } = underWay
    this.#underWay.add(underWay)
    try {
      await this.before?.(name)
      return await this.#write(step)
    } finally {
      await this.after?.(name)
      this.#underWay.delete(underWay)
    }
  }

  async #write(step: () => Promise<unknown>): Promise<unknown> {
    this.#writing += 1
    try {
      return await this.#file.do(step)
    } finally {
      this.#writing = Math.max(0, this.#writing - 1)
    }
  }
}

interface UnderWay {
  readonly step: string
  /** What it was called with. */
  readonly args: readonly unknown[]
}

type Step = (...args: readonly unknown[]) => Promise<unknown>

/** Waits until nothing happens any more in any of the processes, unless time passes or somebody acts. */
export async function calm(activities: readonly Activity[]): Promise<void> {
  for (let quiet = 0, i = 0; quiet < QUIET_TURNS; i += 1) {
    await turn()
    quiet = activities.every(({ isCalm }) => isCalm) ? quiet + 1 : 0
    if (i > MOST_TURNS) throw new Error('waited in vain for the store to be done')
  }
}

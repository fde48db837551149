import { problemOf } from './problem.ts'
import type { Problem } from './wire.ts'

/** Something that clients follow, read anew once a second for all of them together. */
export interface Topic {
  /** Clients with the same key share it. */
  readonly key: string
  /** The name of the event that it is sent as. */
  readonly event: string
  read(): Promise<unknown>
  /** What of it counts as a change; default: all of it. */
  readonly essence?: (value: never) => unknown
}

/** A topic as it was read last. */
interface Followed {
  readonly topic: Topic
  readonly followers: Set<() => void>
  essence: string | undefined
  text: string | undefined
  problem: Problem | null
  reading: Promise<void> | undefined
}

export interface Message {
  readonly event: string
  /** JSON. */
  readonly data: string
}

/** What one client still has to be told. */
export interface Following {
  /** What has changed since it was asked last, each topic once and as it is now. */
  take(): Message[]
  stop(): void
}

/** How often everything that is followed is read anew, in milliseconds. */
export const EVERY_MS = 1_000

/** Reading takes no more than this part of the time: walks in the same process come first. */
const SHARE = 0.2

/**
 * Reads once a second what clients follow, and only while there are any. A
 * client is told that there is something new and fetches it when it can take
 * it: one that is slow gets the newest state, and no queue grows for it.
 */
export class LiveFeed {
  readonly #topics = new Map<string, Followed>()
  readonly #before: () => Promise<void>
  #timer: NodeJS.Timeout | undefined
  readonly #everyMs: number
  #isClosed = false

  /** @param before is called before each round of reading */
  constructor(before: () => Promise<void> = async () => {}, everyMs = EVERY_MS) {
    this.#before = before
    this.#everyMs = everyMs
  }

  /** What is followed now; nothing is read for anything else. */
  get followed(): number {
    return this.#topics.size
  }

  /** @param wake is called when there is something to take */
  follow(topics: readonly Topic[], wake: () => void): Following {
    const mine = topics.map((topic) => this.#join(topic, wake))
    const seen = new Map<Followed, string>()
    let told = 'null'
    this.#schedule()
    return {
      take: () => {
        const messages: Message[] = []
        for (const followed of mine) {
          const { topic, text } = followed
          if (text === undefined || seen.get(followed) === text) continue
          seen.set(followed, text)
          messages.push({ event: topic.event, data: text })
        }
        const problem = JSON.stringify(mine.find((one) => one.problem !== null)?.problem ?? null)
        if (problem === told) return messages
        told = problem
        return [...messages, { event: 'problem', data: problem }]
      },
      stop: () => {
        for (const followed of mine) this.#leave(followed, wake)
      },
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#topics.clear()
  }

  #join(topic: Topic, wake: () => void): Followed {
    const known = this.#topics.get(topic.key)
    const followed: Followed = known ?? {
      topic,
      followers: new Set(),
      essence: undefined,
      text: undefined,
      problem: null,
      reading: undefined,
    }
    followed.followers.add(wake)
    if (known !== undefined) {
      queueMicrotask(wake)
      return followed
    }
    this.#topics.set(topic.key, followed)
    void this.#read(followed)
    return followed
  }

  #leave(followed: Followed, wake: () => void): void {
    followed.followers.delete(wake)
    if (followed.followers.size > 0) return
    if (this.#topics.get(followed.topic.key) === followed) this.#topics.delete(followed.topic.key)
    if (this.#topics.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** @param tookMs what the last round took, if there was one */
  #schedule(tookMs = 0): void {
    if (this.#isClosed || this.#timer !== undefined || this.#topics.size === 0) return
    const afterMs = Math.max(this.#everyMs - tookMs, tookMs / SHARE - tookMs)
    this.#timer = setTimeout(() => void this.#round(), afterMs)
  }

  /** One after the other: a store that is slow is asked for less often, not for more at once. */
  async #round(): Promise<void> {
    const timer = this.#timer
    const startedAt = performance.now()
    // What fails here fails again below, where those who look are told of it.
    await this.#before().catch(() => undefined)
    for (const followed of this.#topics.values()) await this.#read(followed)
    if (this.#timer !== timer) return
    this.#timer = undefined
    this.#schedule(performance.now() - startedAt)
  }

  #read(followed: Followed): Promise<void> {
    followed.reading ??= this.#readNow(followed).finally(() => {
      followed.reading = undefined
    })
    return followed.reading
  }

  async #readNow(followed: Followed): Promise<void> {
    const { topic, followers } = followed
    try {
      const value = await topic.read()
      const essence = JSON.stringify(
        topic.essence === undefined ? value : topic.essence(value as never),
      )
      const isNew = essence !== followed.essence || followed.problem !== null
      if (!isNew) return
      followed.essence = essence
      followed.text = JSON.stringify(value)
      followed.problem = null
    } catch (thrown) {
      const { problem } = problemOf(thrown)
      if (problem.error.message === followed.problem?.error.message) return
      followed.problem = problem
    }
    for (const wake of followers) wake()
  }
}

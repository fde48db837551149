import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Following, LiveFeed, Topic } from './live-feed.ts'
import { HttpProblem } from './problem.ts'

/** Streams at the same time; each page has one. */
export const MAX_STREAMS = 100

/** How often something is sent where nothing changes, in milliseconds: proxies cut what is silent for a minute. */
const HEARTBEAT_MS = 15_000

/** How soon a browser comes back after its stream was cut, in milliseconds. */
const RETRY_MS = 2_000

/** The streams of all clients, so that they can be ended together. */
export class EventStreams {
  readonly #feed: LiveFeed
  readonly #ends = new Set<() => void>()
  #isClosed = false

  constructor(feed: LiveFeed) {
    this.#feed = feed
  }

  get size(): number {
    return this.#ends.size
  }

  /** Answers with a stream of what is followed. @throws HttpProblem (503) for one too many */
  open(context: Context, topics: readonly Topic[]): Response {
    if (this.#isClosed) throw new HttpProblem(503, 'CLOSED', 'the dashboard is being closed')
    if (this.#ends.size >= MAX_STREAMS) {
      throw new HttpProblem(
        503,
        'TOO_MANY_STREAMS',
        `${MAX_STREAMS} pages follow this dashboard already: close one of them`,
      )
    }
    let wake = () => {}
    let isOver = false
    const end = () => {
      isOver = true
      wake()
    }
    this.#ends.add(end)
    return streamSSE(context, async (stream) => {
      stream.onAbort(end)
      let isNew = true
      const following = this.#feed.follow(topics, () => {
        isNew = true
        wake()
      })
      try {
        await stream.write(`retry: ${RETRY_MS}\n\n`)
        while (!isOver) {
          if (isNew) {
            isNew = false
            // Waits until the client has taken it; what changes meanwhile is taken together.
            for (const message of taken(following)) await stream.writeSSE(message)
          } else if (!(await nextWake((resolve) => (wake = resolve)))) {
            await stream.write(': still here\n\n')
          }
        }
      } finally {
        following.stop()
        this.#ends.delete(end)
      }
    })
  }

  close(): void {
    this.#isClosed = true
    for (const end of this.#ends) end()
  }
}

const taken = (following: Following) => following.take()

/** @returns whether it was woken; false when it was silent for so long that a heartbeat is due */
function nextWake(listen: (wake: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), HEARTBEAT_MS)
    listen(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

/** A server that answers at `url`; `stop` leaves one alone that was already running. */
export interface Server {
  readonly url: string
  stop(): Promise<void>
}

/** A server that was started here, and whose port and data outlive its process. */
export interface OwnServer extends Server {
  /** Ends it in good order, if it runs, and starts it on the same port and data. */
  restart(): Promise<void>
  /** Ends it as `kill -9` does, all its processes; it stays down until `restart` or `stop`. */
  kill(): Promise<void>
  /** Ends it in good order and deletes its data. */
  stop(): Promise<void>
}

/** What a variable of the environment says; an empty one says nothing. */
export const given = (variable: string): string | undefined => process.env[variable] || undefined

/** The running server that the variable names, or one of our own. */
export async function givenOr(variable: string, start: () => Promise<Server>): Promise<Server> {
  const url = given(variable)
  return url === undefined ? await start() : { url, stop: async () => {} }
}

/** Starts each kind of server once, when it is first asked for. */
export class OnDemand<Name extends string> {
  readonly #starters: Readonly<Record<Name, () => Promise<Server>>>
  readonly #started = new Map<Name, Promise<Server>>()

  constructor(starters: Readonly<Record<Name, () => Promise<Server>>>) {
    this.#starters = starters
  }

  async url(name: Name): Promise<string> {
    const server = this.#started.get(name) ?? this.#starters[name]()
    this.#started.set(name, server)
    return (await server).url
  }

  /** Stops those that were asked for, also ones that are still starting. */
  async stop(): Promise<void> {
    const settled = await Promise.allSettled(this.#started.values())
    this.#started.clear()
    const started = settled.filter((server) => server.status === 'fulfilled')
    await Promise.all(started.map((server) => server.value.stop()))
  }
}

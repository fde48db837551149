import type { SharedCoordinator } from '../enumeration/coordinator-port.ts'
import type { ParsedTarget } from '../enumeration/ports.ts'
import type { Store } from '../store/store.ts'

/** An object with some of its methods replaced; the others are called on the object itself. */
function overlaid<T extends object>(object: T, methods: Partial<T>): T {
  return new Proxy(object, {
    get(target, key) {
      if (Object.hasOwn(methods, key)) return methods[key as keyof T]
      const own: unknown = Reflect.get(target, key, target)
      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}

type Parse = (spec: unknown, auth: unknown) => ParsedTarget

/**
 * Which session a source is asked for pages of. A source is given the target's
 * spec and no session, so what leads from one to the other is the spec itself:
 * it is the same object from the call that begins a walk to the source's.
 */
export class WalkedSpecs {
  readonly #sessions = new WeakMap<object, string>()
  /** The sessions that were claimed, by their configs as they came from the store. */
  readonly #claimed = new WeakMap<object, string>()
  #parsed: ParsedTarget | undefined

  /** @returns undefined for a spec that nobody has begun to walk */
  sessionOf(spec: unknown): string | undefined {
    return typeof spec === 'object' && spec !== null ? this.#sessions.get(spec) : undefined
  }

  parse(parse: Parse): Parse {
    return (spec, auth) => (this.#parsed = parse(spec, auth))
  }

  store(store: Store): Store {
    return {
      ...store,
      claimSessions: async (params) => {
        const sessions = await store.claimSessions(params)
        for (const { state } of sessions) this.#claimed.set(state.config, state.sessionId)
        return sessions
      },
    }
  }

  coordinator<C extends SharedCoordinator>(coordinator: C): C {
    const linking: Pick<SharedCoordinator, 'claim' | 'enumerateTarget' | 'resumeTarget'> = {
      claim: (options) =>
        coordinator.claim({
          ...options,
          currently: (stored) => {
            const config = options.currently(stored)
            this.#link(config.spec, this.#claimed.get(stored))
            return config
          },
        }),
      enumerateTarget: (spec, options) => {
        const result = coordinator.enumerateTarget(spec, options)
        // Parsed in the same call; nobody else can have come between.
        this.#link(this.#parsed?.config.spec, result.sessionId)
        this.#parsed = undefined
        return result
      },
      resumeTarget: (state, options) => {
        this.#link(state.config.spec, state.sessionId)
        return coordinator.resumeTarget(state, options)
      },
    }
    return overlaid<SharedCoordinator>(coordinator, linking) as C
  }

  #link(spec: object | undefined, sessionId: string | undefined): void {
    if (spec !== undefined && sessionId !== undefined) this.#sessions.set(spec, sessionId)
  }
}

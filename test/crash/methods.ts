import type { Repositories, Store } from '../../src/store/store.ts'

type MethodOf<T> = {
  [K in keyof T & string]: T[K] extends (...given: never[]) => unknown ? K : never
}[keyof T & string]

/** Every method of the store and of its repositories: `commitPage`, `rules.save`. */
export type StoreMethod =
  | MethodOf<Store>
  | { [R in keyof Repositories & string]: `${R}.${MethodOf<Repositories[R]>}` }[keyof Repositories &
      string]

/** A store that says which of its methods are called. */
export function recordingStore(store: Store, called: (method: string) => void): Store {
  const recording = <T extends object>(target: T, prefix: string): T =>
    new Proxy(target, {
      get(from, name, receiver) {
        const value: unknown = Reflect.get(from, name, receiver)
        if (typeof value === 'function') {
          return (...given: unknown[]) => {
            called(prefix + String(name))
            return (value as (...all: unknown[]) => unknown).apply(from, given)
          }
        }
        if (typeof value !== 'object' || value === null) return value
        return recording(value, name === 'repositories' ? '' : `${String(name)}.`)
      },
    })
  return recording(store, '')
}

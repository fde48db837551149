import type { Store } from '../../src/index.ts'

/** Counts the calls of stores that are not answered yet. */
export class Calls {
  #underWay = 0

  get areUnderWay(): boolean {
    return this.#underWay > 0
  }

  /** The store, whose calls are counted; those of its repositories too. */
  counting(store: Store): Store {
    const repositories = Object.fromEntries(
      Object.entries(store.repositories).map(([name, methods]) => [name, this.#around(methods)]),
    )
    return {
      ...this.#around(store),
      repositories: repositories as unknown as Store['repositories'],
    }
  }

  #around<T extends object>(target: T): T {
    const counted = Object.entries(target).map(([name, value]) => {
      if (typeof value !== 'function') return [name, value]
      return [name, (...given: unknown[]) => this.#counted(value.apply(target, given) as unknown)]
    })
    return Object.fromEntries(counted) as T
  }

  #counted(answer: unknown): unknown {
    if (!(answer instanceof Promise)) return answer
    this.#underWay += 1
    const answered = () => {
      this.#underWay -= 1
    }
    answer.then(answered, answered)
    return answer
  }
}

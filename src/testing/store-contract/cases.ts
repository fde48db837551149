import type { TimeProvider } from '../../domain/clock.ts'
import type { Store } from '../../store/store.ts'
import { withCleanUp, type ContractCase } from '../contract-case.ts'

/** Opens a new, empty store, which judges leases by the clock that it is given. */
export type OpenStore = (options: { readonly clock: TimeProvider }) => Promise<Store>

/** When the cases play; any fixed moment will do. */
export const T0 = Date.UTC(2031, 4, 6, 7, 8, 9, 10)

/** The clock of a case's store: it stands still until the case moves it. */
export class CaseClock implements TimeProvider {
  #now = T0

  now(): number {
    return this.#now
  }

  /** Makes it so many milliseconds after the beginning of the case. */
  at(ms: number): void {
    this.#now = T0 + ms
  }
}

type Body = (store: Store, clock: CaseClock) => Promise<void>

/** Adds a case; its body is given a store of its own. */
type AddCase = (title: string, body: Body) => void

/** Cases of one subject, whose titles begin with it. */
export function casesOf(
  subject: string,
  define: (test: AddCase) => void,
): (open: OpenStore) => readonly ContractCase[] {
  return (open) => {
    const cases: ContractCase[] = []
    define((title, body) =>
      cases.push({ title: `${subject} ${title}`, run: () => runOn(open, body) }))
    return cases
  }
}

async function runOn(open: OpenStore, body: Body): Promise<void> {
  const clock = new CaseClock()
  const store = await open({ clock })
  await withCleanUp(
    () => body(store, clock),
    () => store.close(),
  )
}

import type { Store } from '../../store/store.ts'
import { withCleanUp, type ContractCase } from '../contract-case.ts'

/** Opens a new, empty store. */
export type OpenStore = () => Promise<Store>

/** Adds a case; its body is given a store of its own. */
type AddCase = (title: string, body: (store: Store) => Promise<void>) => void

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

async function runOn(open: OpenStore, body: (store: Store) => Promise<void>): Promise<void> {
  const store = await open()
  await withCleanUp(
    () => body(store),
    () => store.close(),
  )
}

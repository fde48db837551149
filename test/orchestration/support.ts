import { onTestFinished } from 'vitest'
import { createMuster, type Muster, type MusterOptions } from '../../src/index.ts'
import { QUICK } from '../support/muster.ts'
import { writeConfig } from '../support/config.ts'
import { itemsNamed, scriptedSource, type Scripted } from '../support/scripted-source.ts'
import { quickDatabase, tempFolder } from '../support/temp.ts'

/** A listing of six items in three pages. */
export const listing = (prefix: string, over: Partial<Scripted> = {}): Scripted => ({
  items: itemsNamed(prefix, 6),
  pageSize: 2,
  ...over,
})

/** Listings a, b and c. */
export const LISTINGS = { a: listing('a'), b: listing('b'), c: listing('c') }

/** A config of scripted targets, which can be written anew, and a database beside it. */
export class Setting {
  readonly database = quickDatabase()
  readonly #folder = tempFolder()
  readonly config: string

  constructor(...targets: string[]) {
    this.config = this.want(...targets)
  }

  want(...targets: string[]): string {
    return writeConfig(this.#folder, {
      targets: targets.map((name) => ({
        name,
        source_type: 'scripted',
        scripted: { list: name },
      })),
    })
  }

  breakConfig(): void {
    writeConfig(this.#folder, { targets: [{ name: 'a', source_type: 'nonsense' }] })
  }

  /** A Muster on this config and database, closed when the test ends. */
  async muster(listings: Record<string, Scripted>, options: MusterOptions = {}): Promise<Muster> {
    const { database, config } = this
    const muster = await createMuster({
      database,
      config,
      ...QUICK,
      sources: [scriptedSource(listings)],
      ...options,
    })
    onTestFinished(() => muster.close())
    return muster
  }
}

/** A listing whose page 2 comes when the test lets it; told to stop, it lets go. */
export function gated(prefix: string) {
  const gate = Promise.withResolvers<void>()
  let asked = 0
  return {
    listing: listing(prefix, {
      async before(page, { signal }) {
        asked = Math.max(asked, page)
        if (page !== 2) return
        const stopped = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('stopped')))
        })
        await Promise.race([gate.promise, stopped])
      },
    }),
    open: () => gate.resolve(),
    isAsked: () => asked >= 2,
  }
}

/** Closes a Muster while the gated page is in hand; that one is finished, and no other begun. */
export async function closeMeanwhile(muster: Muster, gate: { open(): void }): Promise<void> {
  const closed = muster.close()
  gate.open()
  await closed
}

/** Writes down which sessions begin, in order: `a`, or `a again` where one is resumed. */
export function begun(muster: Muster): string[] {
  const names: string[] = []
  muster.bus.subscribe('session.started', ({ session, resumed }) => {
    names.push(resumed ? `${session.targetName} again` : session.targetName)
  })
  return names
}

import type { InspectionEvent } from 'xstate'
import { createMuster, openStore, type Muster, type MusterOptions } from '../../src/index.ts'
import type { SqliteOptions } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import type { TimeProvider } from '../../src/domain/clock.ts'
import { watchFile } from '../support/crash-watch.ts'
import { QUICK } from './places.ts'
import { scriptedSource, type Scripted } from '../support/scripted-source.ts'
import { recordingStore } from './methods.ts'

/** A moment at which the process can die. */
export interface Boundary {
  /** The SQL, the pragma, or what happens outside of the database. */
  readonly what: string
  readonly phase: 'before' | 'after'
  readonly isStatement: boolean
  /** Which of the process's connections; a transaction belongs to one. */
  readonly connection: number
}

/** What the world outside has seen; no crash takes it back. */
export class Facts {
  readonly #noted: string[]
  readonly #onNote: (fact: string) => void

  constructor(noted: readonly string[] = [], onNote: (fact: string) => void = () => undefined) {
    this.#noted = [...noted]
    this.#onNote = onNote
  }

  note(fact: string): void {
    this.#noted.push(fact)
    this.#onNote(fact)
  }

  has(fact: string): boolean {
    return this.#noted.includes(fact)
  }

  get all(): readonly string[] {
    return this.#noted
  }

  /** What was noted of a kind: of `got a`, `got b` the `a` and `b`. */
  of(kind: string): string[] {
    const prefix = `${kind} `
    return this.#noted.filter((f) => f.startsWith(prefix)).map((f) => f.slice(prefix.length))
  }
}

export interface LifeOptions {
  /** Of the database, or of what would be one: a scenario keeps its other files beside it. */
  readonly path: string
  /** Opens the database. Default: the SQLite file of that path. */
  readonly open?: (options: OpenOptions) => Promise<Store>
  readonly facts?: Facts
  /** Called at each boundary; it may look, throw or kill. */
  readonly onBoundary?: (boundary: Boundary) => void
  /** Called with each method of the store that is called. */
  readonly onMethod?: (method: string) => void
}

export type OpenOptions = Pick<SqliteOptions, 'migrations' | 'onStatement'> & {
  readonly clock?: TimeProvider
}

/** One process's life: it opens the database, works, and may die at any boundary. */
export class Life {
  readonly path: string
  readonly facts: Facts
  readonly #options: LifeOptions
  #connections = 0
  readonly #musters: Muster[] = []

  constructor(options: LifeOptions) {
    this.#options = options
    this.path = options.path
    this.facts = options.facts ?? new Facts()
  }

  /** A moment outside of the database. */
  boundary(what: string, phase: 'before' | 'after' = 'after'): void {
    this.#options.onBoundary?.({ what, phase, isStatement: false, connection: -1 })
  }

  note(fact: string): void {
    this.facts.note(fact)
    this.boundary(`noted: ${fact.split(' ')[0]}`)
  }

  async store(options: Omit<OpenOptions, 'onStatement'> = {}): Promise<Store> {
    const { path } = this
    const { onBoundary, onMethod } = this.#options
    const { open = (all: OpenOptions) => openStore({ path, ...all }) } = this.#options
    const connection = this.#connections
    this.#connections += 1
    if (onBoundary === undefined) return open(options)
    watchFile(path, (what, phase) => this.boundary(what, phase))
    const store = await open({
      ...options,
      onStatement: (what, phase) => onBoundary({ what, phase, isStatement: true, connection }),
    })
    return onMethod === undefined ? store : recordingStore(store, onMethod)
  }

  async muster(
    listings: Record<string, Scripted>,
    options: MusterOptions = {},
  ): Promise<{ readonly muster: Muster; readonly store: Store }> {
    const { clock } = options
    const store = await this.store(clock === undefined ? {} : { clock })
    const muster = await createMuster({
      ...QUICK,
      sources: [scriptedSource(listings)],
      ...options,
      database: store,
      inspect: (event: InspectionEvent) => this.#inspected(event),
    })
    this.#musters.push(muster)
    return { muster, store }
  }

  /** What is left of a process whose every statement fails lets go of its timers. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#musters.map((muster) => muster.close()))
  }

  /** Between a commit and what the live session makes of it. */
  #inspected(event: InspectionEvent): void {
    const { id } = event.actorRef as unknown as { id: string }
    if (!id.startsWith('session:')) return
    if (event.type === '@xstate.event') {
      this.boundary(`the live session takes ${event.event.type}`, 'before')
    }
    if (event.type === '@xstate.snapshot') {
      this.boundary(`the live session takes ${event.event.type}`, 'after')
    }
  }
}

/** One resource of a page. */
export interface Item {
  /** What makes it one and the same resource. */
  readonly key: string
  /** An http or https address; crawlee takes nothing else. */
  readonly uri: string
  readonly name: string
  readonly metadata: Record<string, unknown>
}

/** A queue or engine, open on storage that was empty at the start. */
export interface Peer {
  readonly name: string
  /** Resolves when every item of the page is stored, one row an item. */
  add(page: readonly Item[]): Promise<void>
  /** How many rows the storage holds. */
  count(): Promise<number>
  /** Closes the connections and deletes the storage. */
  close(): Promise<void>
}

/** What a child process is told about its storage; goes through JSON. */
export type Settings = Readonly<Record<string, string | number | boolean>>

/** Storage made for one run. */
export interface Storage {
  readonly settings: Settings
  remove(): Promise<void>
}

/** What `recovery` can kill and start again. README.md says how the child is called. */
export interface Subject {
  readonly name: string
  /** Path of the module that is run as `node CHILD walk|stored SETTINGS`. */
  readonly child: string
  /** `optional`: the peer stores a key twice unless it is asked not to. */
  readonly keys: 'always' | 'optional'
  /** Makes empty storage. */
  create(): Promise<Storage>
}

/** A peer that can be had here. */
export interface PeerKind extends Subject {
  /** Version of the package that is measured. */
  readonly version: string
  /** Opens it empty on fresh storage. */
  open(): Promise<Peer>
}

/** A walk that a child drives until it is killed. */
export interface Walk {
  /** The page with this number, the first being 0. */
  page(number: number): readonly Item[]
  /** Says that the page is durable. */
  tell(number: number): void
}

/** Where a driver's storage is: a folder, a database or a queue's address. */
export interface Place {
  readonly at: string
  remove(): Promise<void>
}

export interface Connection {
  add(page: readonly Item[]): Promise<void>
  count(): Promise<number>
  close(): Promise<void>
}

export type ServerName = 'postgres' | 'redis' | 'none'

/** What one peer needs written by hand. */
export interface Driver {
  readonly keys: 'always' | 'optional'
  /** Empty storage on the server at `server`, which is '' where none is needed. */
  create(server: string): Promise<Place>
  /** With `keyed`, a key that is already stored is not stored again. */
  connect(at: string, keyed: boolean): Promise<Connection>
  /** Finds out where it stood and goes on from there; ends only with its process. */
  walk(at: string, keyed: boolean, walk: Walk): Promise<void>
  /** The keys of all rows, doubles included. */
  keysAt(at: string): Promise<string[]>
}

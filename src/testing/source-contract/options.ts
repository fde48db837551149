import type { TaskCredentials } from '../../domain/credentials.ts'

/** What a source is tried with. */
export interface SourceContractOptions extends Pick<SourceSetUp, 'spec' | 'expected'> {
  /**
   * What the source is given for credentials. Every text in it counts as a
   * secret: use values that can occur nowhere else. Default: none are needed.
   */
  readonly credentials?: TaskCredentials
  /** Specs that the schema has to refuse, besides what no source can accept. Default: none. */
  readonly invalidSpecs?: readonly unknown[]
  /** Whether an item may be listed more than once, changed or not, as by a source that begins anew after a change; its URI stays. Default: false. */
  readonly mayRepeat?: boolean
  /** Whether the source never has more than one page; what takes several is left out then. Default: false. */
  readonly singlePage?: boolean
  /** After how many milliseconds without a page a listing counts as hanging. Default: 10,000. */
  readonly patienceMs?: number
  /** Makes ready what the source lists, before each case. */
  readonly setUp?: () => Promise<SourceSetUp | void>
}

/** What was made ready for one case; it comes before the options of the same names. */
export interface SourceSetUp {
  /** The source's own part of a target spec. What it lists stays the same, and makes two pages or more, unless there is a `singlePage`. */
  readonly spec?: unknown
  /** The keys, or the URIs, of all resources that are listed, in any order. Default: not compared. */
  readonly expected?: readonly string[]
  /** Takes away what was made ready, after the case. */
  readonly tearDown?: () => Promise<void>
}

/** What the parts of a walk share: one step takes the listing on top a page further. */
import type { Shortfall } from '../../../machines/index.ts'
import type { EnumerateContext } from '../source.ts'
import type { GithubClient } from './connect.ts'
import type { Frame } from './cursor.ts'
import type { RepositoryFacts } from './facts.ts'
import type { GistItem } from './gist.ts'
import type { PageSizes } from './page-size.ts'

/** A repository or a gist, as a listing has it. */
export type ListedItem = RepositoryFacts | GistItem

/** What a step may use. */
export interface StepContext {
  readonly client: GithubClient
  readonly perPage: number
  readonly sizes: PageSizes
  readonly answers: EnumerateContext['answers']
  /** Whether the position was stored, so that time has passed since the page before it was read. */
  readonly resuming: boolean
}

export interface StepPage {
  readonly items: readonly ListedItem[]
  /** What the service counts, where it tells. */
  readonly total?: number
  readonly shortfalls: readonly Shortfall[]
}

/** What a step comes to. Without a page there is nothing to keep, and the next step is taken at once. */
export interface Step {
  readonly page?: StepPage
  /** What takes the place of the listing on top, the one to go on with last; none where it has ended. */
  readonly frames: readonly Frame[]
}

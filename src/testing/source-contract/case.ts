import type { ContractCase } from '../contract-case.ts'
import type { Bench } from './bench.ts'
import type { SourceContractOptions } from './options.ts'

/** A promise of every source, before it is known which. */
export interface SourceCase extends Pick<ContractCase, 'title'> {
  /** Whether there is something to try. Default: always. */
  readonly appliesTo?: (options: SourceContractOptions) => boolean
  check(bench: Bench): Promise<void>
}

/** A case in one line. */
export const promises = (title: string, check: (bench: Bench) => Promise<void>): SourceCase => ({
  title,
  check,
})

import type { ContractCase } from '../contract-case.ts'
import type { Bench } from './bench.ts'
import type { SourceContractOptions } from './options.ts'

/** A promise of every source, before it is known which. */
export interface SourceCase extends Pick<ContractCase, 'title'> {
  /** Whether there is something to try. */
  readonly appliesTo: (options: SourceContractOptions) => boolean
  check(bench: Bench): Promise<void>
}

/** A case in one line. */
export const promises = (
  title: string,
  check: (bench: Bench) => Promise<void>,
  appliesTo: (options: SourceContractOptions) => boolean = () => true,
): SourceCase => ({ title, check, appliesTo })

/** For what cannot be tried on one page. */
export const ofSeveralPages = ({ singlePage }: SourceContractOptions): boolean =>
  singlePage !== true

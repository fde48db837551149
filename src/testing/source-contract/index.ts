import { withCleanUp, type ContractCase } from '../contract-case.ts'
import { Bench, type SourceOrFactory } from './bench.ts'
import { identities } from './identities.ts'
import { listings } from './listings.ts'
import type { SourceCase } from './case.ts'
import type { SourceContractOptions } from './options.ts'
import { reloading } from './reloading.ts'
import { resuming } from './resuming.ts'
import { secrets } from './secrets.ts'
import { specs } from './specs.ts'
import { stopping } from './stopping.ts'
import { walks } from './walks.ts'

export type { SourceOrFactory } from './bench.ts'
export type { SourceContractOptions, SourceSetUp } from './options.ts'

const CASES: readonly SourceCase[] = [
  ...specs,
  ...listings,
  ...resuming,
  ...stopping,
  ...identities,
  ...reloading,
  ...secrets,
  ...walks,
]

/**
 * What every source promises, whatever it lists: that its spec and its cursors
 * can be stored, that a listing can be left and gone on with at any page, that
 * it hears its signal, that items are identified the same each time or refused,
 * that no secret is stored, and that a Muster walks it without loss or double.
 *
 * The source is listed many times over, and given garbage; try it on a double
 * of the service, or on a small part of it.
 *
 * @param source the source, or a function that makes a new one: then every
 *   listing has a source of its own, as in a process that has started anew
 * @param options what it is tried with; `spec` at the least, there or by `setUp`
 *
 * @example
 * const cases = sourceContract(feedSource(), { spec: { url }, expected: ['https://a.example/1'] })
 * for (const { title, run } of cases) test(title, run)
 */
export function sourceContract(
  source: SourceOrFactory,
  options: SourceContractOptions,
): readonly ContractCase[] {
  return CASES.filter(({ appliesTo }) => appliesTo(options)).map((promise) => ({
    title: promise.title,
    run: () => runOn(source, options, promise),
  }))
}

async function runOn(
  source: SourceOrFactory,
  options: SourceContractOptions,
  promise: SourceCase,
): Promise<void> {
  const { tearDown, ...made } = (await options.setUp?.()) ?? {}
  await withCleanUp(
    () => promise.check(new Bench(source, { ...options, ...made })),
    async () => tearDown?.(),
  )
}

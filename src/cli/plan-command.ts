import { planConfig } from '../plan-config.ts'
import { checkDatabase } from './database.ts'
import { ExitCode } from './exit.ts'
import { printData } from './output.ts'
import { planJson, planText } from './plan-text.ts'

/** Tells what a run would come to. Nothing is written. */
export async function plan(
  config: string,
  options: { readonly db: string; readonly json?: boolean; readonly concurrency?: number },
): Promise<number> {
  const { db: database, concurrency } = options
  checkDatabase(database)
  const found = await planConfig({ config, database, concurrency })
  const text =
    options.json === true ? `${JSON.stringify(planJson(found), null, 2)}\n` : planText(found)
  await printData([text])
  return found.total.problems === 0 ? ExitCode.ok : ExitCode.failed
}

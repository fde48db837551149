import { errorRecord } from '../domain/errors.ts'
import { ExitCode } from './exit.ts'
import { printData, printNote } from './output.ts'
import { sessionData } from './session-table.ts'
import { summaryLines, type Called, type Outcome } from './summary.ts'

export type { Outcome } from './summary.ts'

/** The sessions on standard output; what is wrong with them, and what to do about it, on standard error. */
export async function report(outcome: Outcome, json: boolean, called: Called): Promise<void> {
  await printData([sessionData(outcome.sessions, json)])
  for (const line of summaryLines(outcome, called)) printNote(line)
}

/** What is paused on request is missing, and has not failed. */
export function exitCodeOf({ sessions, failures }: Outcome): number {
  const isPaused = ({ error }: Outcome['failures'][number]) => errorRecord(error).code === 'PAUSED'
  const hasFailed = !failures.every(isPaused) || sessions.some((s) => s.status === 'FAILED')
  if (hasFailed) return ExitCode.failed
  const isComplete = failures.length === 0 && sessions.every((s) => s.status === 'COMPLETED')
  return isComplete ? ExitCode.ok : ExitCode.partial
}

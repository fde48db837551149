import type { EnumerationResult, Task } from '../../../src/index.ts'

interface WithWindows {
  readonly taskWindows: AsyncIterable<readonly Task[]>
}

const hasWindows = (run: object): run is WithWindows => 'taskWindows' in run

/** Takes every task by itself. @returns how many */
export async function takeTasks(run: EnumerationResult): Promise<number> {
  let taken = 0
  for await (const _ of run.tasks) taken += 1
  return taken
}

/** Takes the tasks a window at a time. @returns how many */
export async function takeWindows(run: EnumerationResult): Promise<number> {
  if (!hasWindows(run)) return takeTasks(run)
  let taken = 0
  for await (const tasks of run.taskWindows) taken += tasks.length
  return taken
}

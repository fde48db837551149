import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job, Verdict } from './worker.ts'

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url))

/** A mutant that runs in a circle lets no timer of its own process fire: it is stopped from outside. */
const JOB_TIMEOUT_MS = 180_000

/** One process that runs jobs, and another in its place where a job did not come back. */
class Slot {
  readonly #timeoutMs: number
  #child: ChildProcess | undefined

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  async run(job: Job): Promise<Verdict> {
    const child = (this.#child ??= await begin())
    const { promise, resolve } = Promise.withResolvers<Verdict>()
    const giveUp = (by: string) => () => {
      this.stop()
      resolve({ id: job.id, fate: 'hung', by })
    }
    const timer = setTimeout(giveUp('it did not come back'), this.#timeoutMs)
    const onExit = giveUp('the process ended')
    child.once('message', resolve).once('exit', onExit)
    child.send(job)
    return promise.finally(() => {
      clearTimeout(timer)
      child.off('message', resolve).off('exit', onExit)
    })
  }

  stop(): void {
    const pid = this.#child?.pid
    this.#child = undefined
    if (pid === undefined) return
    try {
      // The group: a test process that runs in a circle hears of nothing else.
      process.kill(-pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
}

function begin(): Promise<ChildProcess> {
  const child = fork(WORKER, { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child))
    child.once('exit', (code) => reject(new Error(`a worker ended with ${code}`)))
  })
}

/** Runs jobs on a number of processes at a time, and tells of each as it comes back. */
export async function runJobs(
  jobs: readonly Job[],
  onVerdict: (verdict: Verdict) => void,
  { workers = 2, timeoutMs = JOB_TIMEOUT_MS } = {},
): Promise<void> {
  const left = [...jobs]
  const slots = Array.from({ length: Math.min(workers, jobs.length) }, () => new Slot(timeoutMs))
  const stop = () => slots.forEach((slot) => slot.stop())
  const interrupted = () => {
    stop()
    process.exit(130)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    await Promise.all(
      slots.map(async (slot) => {
        for (let job = left.shift(); job !== undefined; job = left.shift()) {
          onVerdict(await slot.run(job))
        }
      }),
    )
  } finally {
    stop()
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
}

import { main } from '../../src/cli/program.ts'

export interface MainOutcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs the command line within the test's process, for tables of many rows: it
 * is what the tool's own process runs, without the half second of starting one.
 */
export async function runMain(argv: readonly string[]): Promise<MainOutcome> {
  const written = { stdout: '', stderr: '' }
  const capture = (name: 'stdout' | 'stderr') => {
    const stream = process[name]
    const write = stream.write
    stream.write = ((text: string | Uint8Array, ...rest: unknown[]) => {
      written[name] += String(text)
      const done = rest.find((argument) => typeof argument === 'function')
      if (done !== undefined) queueMicrotask(done as () => void)
      return true
    }) as typeof stream.write
    return () => {
      stream.write = write
    }
  }
  const restore = [capture('stdout'), capture('stderr')]
  try {
    return { code: await main(argv), ...written }
  } finally {
    for (const end of restore) end()
  }
}

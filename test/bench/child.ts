import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Runs one of the programs in `children` to its end, as users run theirs.
 *
 * @param name without `.ts`
 * @param input what it is to do; handed over as JSON
 * @param flags of Node
 * @returns what it printed, which is one line of JSON
 * @throws Error with what it wrote to its standard error
 */
export async function runChild<Output>(
  name: string,
  input: unknown,
  flags: readonly string[] = [],
): Promise<Output> {
  const file = fileURLToPath(new URL(`children/${name}.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--expose-gc', ...flags, file, JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => (output.stdout += text))
  child.stderr.on('data', (text: Buffer) => (output.stderr += text))
  const stop = () => child.kill()
  process.once('exit', stop)
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject).once('close', resolve)
  const code = await promise
  process.off('exit', stop)
  if (code === 0) return JSON.parse(output.stdout) as Output
  throw new Error(`${name} ended with ${String(code)}: ${output.stderr.trim()}`)
}

/** In a child: what it was given to do. */
export const childInput = <Input>(): Input => JSON.parse(process.argv[2] ?? '{}') as Input

/** In a child: its answer. */
export const childOutput = (output: unknown): void => console.log(JSON.stringify(output))

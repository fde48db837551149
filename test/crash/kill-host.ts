import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HOST = fileURLToPath(new URL('crash-host.ts', import.meta.url))

/** The host's modules need compiling once. */
const COMPILED = join(tmpdir(), 'muster-test-compiled')

export interface Death {
  /** Null where it was killed. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
  /** What the world outside has seen of it. */
  readonly facts: readonly string[]
}

/** Lives a scenario in a process of its own, which is gone at that boundary; see `crash-host.ts`. */
export async function dyingHost(params: {
  readonly scenario: string
  readonly path: string
  readonly dieAt: number
}): Promise<Death> {
  const { scenario, path, dieAt } = params
  const factsFile = `${path}.facts`
  const child = spawn(process.execPath, [HOST, scenario, path, factsFile, String(dieAt)], {
    env: { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: COMPILED },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      child.once('error', reject)
      child.once('close', (...end) => resolve(end))
    },
  )
  const text = existsSync(factsFile) ? readFileSync(factsFile, 'utf8') : ''
  return { code, signal, stderr, facts: text.split('\n').slice(0, -1) }
}

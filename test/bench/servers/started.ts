import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface GithubServerInput {
  readonly repositories: number
  /** Before each answer, in milliseconds. */
  readonly latencyMs: number
}

/** Whose repositories are served, and who may ask for them. */
export const BENCH_OWNER = 'acme-industries'
export const BENCH_TOKEN = 'ghp_ATokenThatOnlyTheBenchKnows012345678'

export interface S3ServerInput {
  readonly keys: number
  /** Before each answer, in milliseconds. */
  readonly latencyMs: number
}

export const BENCH_BUCKET = 'bench'

export interface Server extends AsyncDisposable {
  readonly url: string
}

export const startGithubServer = (input: GithubServerInput): Promise<Server> =>
  start('github.ts', input)

export const startS3Server = (input: S3ServerInput): Promise<Server> => start('s3.ts', input)

/** Starts one of these files in a process of its own; it ends with this one. */
async function start(name: string, input: unknown): Promise<Server> {
  const file = fileURLToPath(new URL(name, import.meta.url))
  const child = spawn(process.execPath, [file, JSON.stringify(input)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const lines = createInterface({ input: child.stdout })
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the server of the bench ended with ${String(code)} before it listened`)
  })
  const [url] = (await Promise.race([once(lines, 'line'), gone])) as [string]
  gone.catch(() => undefined)
  return {
    url,
    async [Symbol.asyncDispose]() {
      const left = once(child, 'exit')
      child.stdin.end()
      await left
    },
  }
}

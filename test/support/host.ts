import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

const HOST = fileURLToPath(new URL('walk-host.ts', import.meta.url))

/** Starts a host whose leases are short, as a process of its own; see `walk-host.ts`. */
export const startHost = (
  params: {
    readonly config: string
    readonly db: string
    readonly leaseMs: number
    readonly deaf?: boolean
  },
  env: Readonly<Record<string, string>>,
) =>
  execa(
    process.execPath,
    [HOST, params.config, params.db, String(params.leaseMs), ...(params.deaf ? ['deaf'] : [])],
    {
      env: { ...env, NODE_OPTIONS: '' },
      reject: false,
    },
  )

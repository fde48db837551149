/**
 * A host of several on one database, in a process of its own:
 * `node host.ts '{"name":"north",…}'`; what it is to do is at `HostInput`. It
 * says what happens to it, a line of JSON each (`HostLine`). SIGTERM closes it.
 *
 * It has a host name of its own. Without that, hosts on one machine know each
 * other for dead by their process ids, and no lease ever has to run out.
 */
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import type { HostInput } from './host-lines.ts'

const input = JSON.parse(process.argv[2] ?? '{}') as HostInput
Object.assign(os, { hostname: () => input.name })
syncBuiltinESMExports()
const { runHost } = await import('./run-host.ts')
await runHost(input)

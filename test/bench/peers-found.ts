import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Missing } from './figure.ts'
import type { PeerKind, Subject } from './peers/types.ts'

/** What `recovery` of the peers says of a subject. */
interface Recovered {
  readonly withKeys: KilledSeries
  readonly withoutKeys?: KilledSeries
}

export interface KilledSeries {
  readonly firstNewPageMs: readonly number[]
  readonly duplicates: number
}

interface PeersModule {
  availablePeers(): Promise<{
    readonly peers: readonly PeerKind[]
    readonly missing: readonly { readonly name: string; readonly why: string }[]
    stop(): Promise<void>
  }>
  recovery(
    subject: Subject,
    options: { readonly runs: number; readonly afterMs?: number },
  ): Promise<Recovered>
}

export interface FoundPeers extends AsyncDisposable {
  readonly peers: readonly PeerKind[]
  readonly missing: readonly Missing[]
  readonly recovery: PeersModule['recovery']
}

const INSTALLED = fileURLToPath(new URL('peers/node_modules', import.meta.url))
const HOW = 'not installed: npm install --prefix test/bench/peers'

/** The peers that can be had here; undefined when none is installed. Their servers stop with it. */
export async function findPeers(): Promise<FoundPeers | undefined> {
  if (!existsSync(INSTALLED)) return undefined
  // Their packages are none of this project's: nothing may look for them before they are wanted.
  const file = new URL('peers/index.ts', import.meta.url).href
  const { availablePeers, recovery } = (await import(file)) as PeersModule
  const { peers, missing, stop } = await availablePeers()
  return {
    peers,
    missing: missing.map(({ name, why }) => ({
      what: `against ${name}`,
      why: `not measured: ${why}`,
    })),
    recovery,
    [Symbol.asyncDispose]: stop,
  }
}

/** The line for a figure whose peers are not there. */
export const notInstalled = (what: string): Missing => ({ what, why: HOW })

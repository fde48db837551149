import { readFileSync } from 'node:fs'
import type { Driver, ServerName } from '../types.ts'

export interface Entry {
  readonly file: string
  readonly title: string
  readonly packageName: string
  readonly server: ServerName
}

/** Every peer, in the order of the report. */
export const ENTRIES: readonly Entry[] = [
  { file: 'crawlee', title: 'crawlee RequestQueue', packageName: '@crawlee/core', server: 'none' },
  { file: 'bullmq', title: 'BullMQ addBulk', packageName: 'bullmq', server: 'redis' },
  { file: 'pg-boss', title: 'pg-boss insert', packageName: 'pg-boss', server: 'postgres' },
  {
    file: 'graphile-worker',
    title: 'graphile-worker addJobs',
    packageName: 'graphile-worker',
    server: 'postgres',
  },
  {
    file: 'dbos',
    title: 'DBOS workflow, one step a page',
    packageName: '@dbos-inc/dbos-sdk',
    server: 'postgres',
  },
]

/**
 * The driver in `drivers/FILE.ts`. The path is put together at run time, so that the main project
 * type-checks where the peers' packages are not installed.
 */
export async function loadDriver(file: string): Promise<Driver> {
  const module = (await import(new URL(`${file}.ts`, import.meta.url).href)) as { driver: Driver }
  return module.driver
}

/** The installed version of a peer's package; throws with the remedy where it is not installed. */
export function installedVersion(packageName: string): string {
  const file = new URL(`../node_modules/${packageName}/package.json`, import.meta.url)
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  } catch {
    throw new Error(
      `The package ${packageName} is not installed: run npm install --prefix test/bench/peers`,
    )
  }
}

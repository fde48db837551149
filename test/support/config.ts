import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes a config, as JSON unless it is text already. @returns its path */
export function writeConfig(folder: string, config: unknown, name = 'muster.yaml'): string {
  const path = join(folder, name)
  writeFileSync(
    path,
    typeof config === 'string' || Buffer.isBuffer(config) ? config : JSON.stringify(config),
  )
  return path
}

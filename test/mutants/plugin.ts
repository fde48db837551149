import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vitest/config'
import { MACHINE_IDS, type MachineId } from './machines.ts'

const fileOf = (machine: MachineId): string =>
  fileURLToPath(new URL(`../../machines/${machine}.machine.ts`, import.meta.url))
const MUTATE = fileURLToPath(new URL('mutate.ts', import.meta.url))
const ORIGINAL = '?original'

/** The module of a machine as it is, with the machine replaced; whoever imports it gets that one. */
const replaced = (machine: MachineId): string => `
  import { ${machine}Machine as original } from '${fileOf(machine)}${ORIGINAL}'
  import { mutated } from '${MUTATE}'
  export * from '${fileOf(machine)}${ORIGINAL}'
  export const ${machine}Machine = mutated(original, process.env['MUSTER_MUTANT'] ?? '')
`

/** Puts the mutant that MUSTER_MUTANT names in the place of its machine, wherever that is imported; none where it is empty. */
export function mutantPlugin(): Plugin {
  const machines = new Map(MACHINE_IDS.map((machine) => [fileOf(machine), machine]))
  return {
    name: 'muster-mutant',
    enforce: 'pre',
    load(id) {
      const machine = machines.get(id)
      if (machine !== undefined) return replaced(machine)
      const file = id.endsWith(ORIGINAL) ? id.slice(0, -ORIGINAL.length) : ''
      return machines.has(file) ? readFileSync(file, 'utf8') : undefined
    },
  }
}

import type { AnyStateMachine } from 'xstate'
import { toDefinition } from './mermaid.ts'

/** A key as it is written in JavaScript: bare where it can be. */
const keyText = (key: string): string => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key))

const quoted = (text: string): string => {
  const inner = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${inner}'`
}

function literal(value: unknown, indent: string): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    const items = value.map((item) => `${inner}${literal(item, inner)},\n`)
    return items.length === 0 ? '[]' : `[\n${items.join('')}${indent}]`
  }
  const fields = Object.entries(value).map(
    ([key, field]) => `${inner}${keyText(key)}: ${literal(field, inner)},\n`,
  )
  return fields.length === 0 ? '{}' : `{\n${fields.join('')}${indent}}`
}

/**
 * A statechart as a module that XState and its tools read as it is: one literal
 * `createMachine({...})`, since importers run no code. Guards, actions, actors
 * and delays are there by name; give them with `machine.provide()`.
 */
export function toModule(machine: AnyStateMachine): string {
  return (
    "import { createMachine } from 'xstate'\n\n" +
    `export const ${machine.id}Machine = createMachine(${literal(toDefinition(machine), '')})\n`
  )
}

/** Several of them in one module. */
export function toModules(machines: readonly AnyStateMachine[]): string {
  const bodies = machines.map((machine) => toModule(machine).split('\n').slice(2).join('\n'))
  return `import { createMachine } from 'xstate'\n\n${bodies.join('\n')}`
}

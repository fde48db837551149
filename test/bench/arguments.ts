import { parseArgs } from 'node:util'

export interface Arguments {
  readonly quick: boolean
  /** Names of figures; empty for all. */
  readonly only: readonly string[]
  readonly rounds: number
  readonly items: number | undefined
  readonly json: string
}

/** A mistake of the caller's; it is printed without a stack. */
export class UsageError extends Error {}

/** Seven rounds: of fewer, one that was disturbed shows in the median. */
const ROUNDS = 7
const QUICK_ROUNDS = 1
const FILE = 'bench-results.json'

const OPTIONS = {
  quick: { type: 'boolean' },
  only: { type: 'string', multiple: true },
  rounds: { type: 'string' },
  items: { type: 'string' },
  json: { type: 'string' },
} as const

/**
 * @param known the names of the figures
 * @throws UsageError that names the argument, what was expected and what came
 */
export function parseArguments(argv: readonly string[], known: readonly string[]): Arguments {
  const { values } = readArguments(argv)
  const quick = values.quick === true
  return {
    quick,
    only: namesOf(values.only ?? [], known),
    rounds: wholeNumber('--rounds', values.rounds) ?? (quick ? QUICK_ROUNDS : ROUNDS),
    items: wholeNumber('--items', values.items),
    json: fileOf(values.json),
  }
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: false })
  } catch (thrown) {
    const known = Object.keys(OPTIONS).map((name) => `--${name}`)
    throw new UsageError(`${(thrown as Error).message}; known are ${known.join(', ')}`)
  }
}

function namesOf(given: readonly string[], known: readonly string[]): readonly string[] {
  const names = given.flatMap((text) => text.split(',')).map((name) => name.trim())
  const stranger = names.find((name) => !known.includes(name))
  if (stranger === undefined) return names
  throw new UsageError(
    `--only: expected names of figures; got ${JSON.stringify(stranger)}; known are ${known.join(', ')}`,
  )
}

function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number > 0) return number
  throw new UsageError(
    `${option}: expected a whole number from 1 on; got ${JSON.stringify(text)}: write for example ${option} 5`,
  )
}

function fileOf(given: string | undefined): string {
  if (given === undefined) return FILE
  if (given.trim() !== '') return given
  throw new UsageError(`--json: expected a file to write the results to; got an empty name`)
}

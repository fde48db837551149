import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { EQUIVALENT } from './equivalent.ts'
import { mutantsOf, type Mutant } from './mutate.ts'
import { MUTATORS } from './mutators.ts'
import { MACHINE_IDS, MACHINES, type MachineId } from './machines.ts'
import { runJobs } from './pool.ts'
import type { Depth } from './suites.ts'
import type { Fate, Verdict } from './worker.ts'

/**
 * Makes one mistake at a time in the machines, and sees whether their tests
 * notice: `npm run test:mutants`.
 *
 * --sample N      N mutants, drawn from a seed that is printed
 * --seed S        draws the very same again
 * --machine NAME  those of one machine
 * --only TEXT     those with the text in their id
 * --depth WHICH   `machines` asks only the tests that need nothing but the machine
 */
const { values: options } = parseArgs({
  options: {
    sample: { type: 'string' },
    seed: { type: 'string' },
    machine: { type: 'string' },
    only: { type: 'string', default: '' },
    depth: { type: 'string', default: 'all' },
  },
})

/** As many as can be read are told of one by one. */
const FEW = 40
const seed = Number(options.seed ?? randomInt(2 ** 31))
const depth: Depth = options.depth === 'machines' ? 'machines' : 'all'

const all = MACHINE_IDS.flatMap((machine) => mutantsOf(MACHINES[machine]))
const wanted = all.filter(
  ({ id, machine }) =>
    (options.machine === undefined || machine === options.machine) && id.includes(options.only),
)

/** The mutants that are run: all that are wanted, or some of them. */
function drawn(): Mutant[] {
  if (options.sample === undefined) return wanted
  const size = Math.min(Number(options.sample), wanted.length)
  const subset = fc.shuffledSubarray(wanted, { minLength: size, maxLength: size })
  return fc.sample(subset, { seed, numRuns: 1 }).flat()
}

/** What would say nothing about a mutant: tests that fail without any. */
async function refuseFailingTests(of: readonly MachineId[]): Promise<void> {
  const jobs = of.map((machine) => ({ id: '', machine, depth }))
  await runJobs(jobs, ({ fate, by }) => {
    if (fate === 'survived') return
    console.error(`the tests fail without any mutant (${fate}): ${by}`)
    process.exit(1)
  })
}

async function verdictsOn(mutants: readonly Mutant[]): Promise<Map<string, Verdict>> {
  const verdicts = new Map<string, Verdict>()
  const jobs = mutants.map(({ id, machine }) => ({ id, machine: machine as MachineId, depth }))
  await runJobs(jobs, (verdict) => {
    const { id, fate, by } = verdict
    verdicts.set(id, verdict)
    if (mutants.length <= FEW || fate === 'hung') console.log(`${fate}: ${id}${by && ` — ${by}`}`)
    else if (fate === 'survived')
      console.log(`survived: ${id}${id in EQUIVALENT ? ' (known)' : ''}`)
    if (mutants.length > FEW && verdicts.size % 50 === 0) {
      console.log(`${verdicts.size} of ${mutants.length}`)
    }
  })
  return verdicts
}

/** How many were noticed, by mutator and machine. */
function printTable(mutants: readonly Mutant[], verdicts: ReadonlyMap<string, Verdict>): void {
  const isKilled = ({ id }: Mutant) => verdicts.get(id)?.fate !== 'survived'
  const cell = (of: readonly Mutant[]) =>
    of.length === 0 ? '' : `${of.filter(isKilled).length}/${of.length}`
  const row = (name: string, of: readonly Mutant[]) =>
    [
      name.padEnd(16),
      ...MACHINE_IDS.map((id) => cell(of.filter(({ machine }) => machine === id)).padStart(12)),
      cell(of).padStart(9),
    ].join(' ')
  console.log(
    `\n${['noticed'.padEnd(16), ...MACHINE_IDS.map((id) => id.padStart(12)), 'all'.padStart(9)].join(' ')}`,
  )
  for (const name of MUTATORS) {
    const of = mutants.filter(({ mutator }) => mutator === name)
    if (of.length > 0) console.log(row(name, of))
  }
  console.log(row('all', mutants))
}

const report = (heading: string, lines: readonly string[]): boolean => {
  if (lines.length > 0) console.log(`\n${heading}\n${lines.map((line) => `  ${line}`).join('\n')}`)
  return lines.length > 0
}

const mutants = drawn()
if (mutants.length === 0) {
  console.error('no mutant is of that machine and has that in its id')
  process.exit(1)
}
const from = performance.now()
await refuseFailingTests(MACHINE_IDS.filter((id) => mutants.some(({ machine }) => machine === id)))
const verdicts = await verdictsOn(mutants)
printTable(mutants, verdicts)

const count = (fate: Fate) =>
  [...verdicts.values()].filter((verdict) => verdict.fate === fate).length
const isKnown = ({ id }: Mutant) => id in EQUIVALENT
const isAlive = ({ id }: Mutant) => verdicts.get(id)?.fate === 'survived'
const known = mutants.filter(isKnown)
const ids = new Set(all.map(({ id }) => id))
console.log(
  `\n${mutants.length} of ${all.length} mutants in ${Math.round((performance.now() - from) / 1000)} s: ` +
    `${count('killed')} killed, ${count('hung')} hung, ${count('invalid')} invalid, ` +
    `${known.filter(isAlive).length} equivalent`,
)
if (options.sample !== undefined) {
  console.log(`seed ${seed}: --sample ${options.sample} --seed ${seed} draws the same again`)
}
const faults = [
  report(
    'Nothing noticed:',
    mutants
      .filter((mutant) => isAlive(mutant) && !isKnown(mutant))
      .map(({ id, title }) => `${title}\n    ${id}`),
  ),
  report(
    'Noticed, though equivalent.ts says that there is no difference:',
    known.filter((mutant) => !isAlive(mutant)).map(({ id }) => `${id} — ${verdicts.get(id)?.by}`),
  ),
  report(
    'In equivalent.ts, and no mutant:',
    Object.keys(EQUIVALENT).filter((id) => !ids.has(id)),
  ),
]
process.exitCode = faults.includes(true) ? 1 : 0

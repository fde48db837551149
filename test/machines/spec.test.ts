import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { describe, expect, test } from 'vitest'
import {
  batchMachine,
  coordinatorMachine,
  enumeratorMachine,
  orchestratorMachine,
  sessionMachine,
} from '../../machines/index.ts'
import { leavesOf, nameOf, targetsOf, transitionsOf } from '../../src/testing/machine-structure.ts'

const ROOT = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(fileURLToPath(new URL(path, ROOT)), 'utf8')
const SPEC = read('machines/SPEC.md')

const MACHINES: Record<string, AnyStateMachine> = {
  session: sessionMachine,
  batch: batchMachine,
  enumerator: enumeratorMachine,
  coordinator: coordinatorMachine,
  orchestrator: orchestratorMachine,
}

/** A chapter of the page, without its heading. */
function chapter(title: string): string {
  const [, text] = SPEC.split(new RegExp(`^## ${title}$`, 'm'))
  if (text === undefined) throw new Error(`machines/SPEC.md has no chapter "${title}"`)
  return text.split(/^## /m)[0] ?? ''
}

interface Table {
  readonly events: readonly string[]
  /** The cells of a state by event. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, string>>
}

const plain = (cell: string) => cell.trim().replaceAll('`', '')

function tableOf(text: string): Table {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  const [head = [], , ...body] = lines.map((line) => line.split('|').slice(1, -1))
  const [, ...events] = head.map(plain)
  const rows = new Map(
    body.map(([state = '', ...cells]) => [
      plain(state),
      new Map(cells.map((cell, i) => [events[i] ?? '', cell.trim()])),
    ]),
  )
  return { events, rows }
}

/** What happens by itself, under the heading that the page gives it. */
function headingOf(eventType: string): string {
  if (eventType === '') return 'always'
  const [, kind] = /^xstate\.(done|error|after)\./.exec(eventType) ?? []
  return kind ?? eventType
}

/** What the page has to name in a cell of what happens by itself: an invocation, a delay. */
function causeOf(eventType: string): string | undefined {
  return /^xstate\.(?:done|error)\.actor\.(.+)$|^xstate\.after\.([^.]+)\./
    .exec(eventType)
    ?.slice(1)
    .find((name) => name !== undefined)
}

/** What a state does with events, those that it leaves to the states around it too. */
function reactionsOf(leaf: AnyStateNode): Map<string, AnyTransitionDefinition[]> {
  const reactions = new Map<string, AnyTransitionDefinition[]>()
  // An actor at its end takes nothing.
  if (leaf.type === 'final') return reactions
  for (let node: AnyStateNode | undefined = leaf; node !== undefined; node = node.parent) {
    const own = Map.groupBy(transitionsOf(node), ({ eventType }) => headingOf(eventType))
    for (const [heading, transitions] of own) {
      if (!reactions.has(heading)) reactions.set(heading, transitions)
    }
  }
  return reactions
}

const isSent = (heading: string) => !['done', 'error', 'after', 'always'].includes(heading)

/** The branches of a cell in the order in which they are tried. */
const branchesIn = (cell: string): string[] =>
  [...cell.matchAll(/→ (\w+)|\b(stays)\b/g)].map(([, target, stays]) => target ?? stays ?? '')

const branchesOf = (transitions: readonly AnyTransitionDefinition[]): string[] =>
  transitions.flatMap((transition) => {
    const targets = targetsOf(transition).map(({ key }) => key)
    return targets.length === 0 ? ['stays'] : targets
  })

describe.each(Object.keys(MACHINES))('the chapter of the %s', (id) => {
  const machine = MACHINES[id] as AnyStateMachine
  const leaves = leavesOf(machine)
  const table = () => tableOf(chapter(id))

  test('says in a paragraph what it is', () => {
    expect(chapter(id).trim().split('\n')[0]?.length).toBeGreaterThan(100)
  })

  test('has a row for every state, and no other', () => {
    expect([...table().rows.keys()].toSorted()).toEqual(leaves.map(nameOf).toSorted())
  })

  test('has a column for everything that can happen, and no other', () => {
    const possible = leaves.flatMap((leaf) => [...reactionsOf(leaf).keys()])
    const events = [...machine.events].map(headingOf)
    expect(table().events.toSorted()).toEqual([...new Set([...possible, ...events])].toSorted())
  })

  test.each(leaves.map((leaf) => [nameOf(leaf), leaf] as const))(
    'says of %s what each event does',
    (name, leaf) => {
      const reactions = reactionsOf(leaf)
      for (const heading of table().events) {
        const cell = table().rows.get(name)?.get(heading) ?? ''
        const transitions = reactions.get(heading)
        if (transitions === undefined) {
          expect(`${heading}: ${cell}`).toBe(`${heading}: ${isSent(heading) ? 'refused' : '–'}`)
          continue
        }
        expect([heading, ...branchesIn(cell)]).toEqual([heading, ...branchesOf(transitions)])
        const cause = causeOf(transitions[0]?.eventType ?? '')
        if (cause !== undefined) expect(cell).toContain(`\`${cause}\``)
      }
    },
  )
})

interface Named {
  readonly file: string
  readonly title: string
}

/** The tests that a part of the page names: a file, and the title as it stands there. */
const testsIn = (text: string): Named[] =>
  [...text.matchAll(/`((?:test|src\/testing)\/[^`]+)` › (.+)$/gm)].map(
    ([, file = '', title = '']) => ({
      file,
      title,
    }),
  )

describe('the invariants', () => {
  const text = chapter('What always holds')
  const invariants = text.split(/^(?=\d+\. )/m).slice(1)

  test('are sixteen, in order', () => {
    const numbers = invariants.map((invariant) => Number.parseInt(invariant, 10))
    expect(numbers).toEqual(Array.from({ length: 16 }, (_, i) => i + 1))
  })

  test.each(invariants.map((invariant) => [invariant.split('\n')[0]?.slice(0, 60), invariant]))(
    '%s… has a test',
    (_, invariant = '') => expect(testsIn(invariant).length).toBeGreaterThan(0),
  )

  test.each(testsIn(SPEC))('$title is the title of a test in $file', ({ file, title }) => {
    expect(existsSync(fileURLToPath(new URL(file, ROOT)))).toBe(true)
    const quoted = ["'", '"', '`'].map((quote) => `(${quote}${title}${quote}`)
    const source = read(file).replaceAll(/\(\s+(?=['"`])/g, '(')
    // `test.each(rows)(title` and `describe(title` among them.
    expect(quoted.some((call) => source.includes(call))).toBe(true)
  })

  test('every line that means to name a test names one', () => {
    expect(testsIn(SPEC)).toHaveLength([...SPEC.matchAll(/`(?:test|src\/testing)\//g)].length)
  })
})

test('every file and machine that the page speaks of exists', () => {
  const paths = [...SPEC.matchAll(/`((?:src|machines|test)\/[\w./-]+)`/g)].map(([, path]) => path)
  expect(paths.length).toBeGreaterThan(10)
  for (const path of paths) expect(existsSync(fileURLToPath(new URL(path ?? '', ROOT)))).toBe(true)
})

test('the page has a chapter for every machine of the project', () => {
  const index = read('machines/index.ts')
  const files = [...index.matchAll(/'\.\/(\w+)\.machine\.ts'/g)].map(([, name]) => name)
  expect(files.toSorted()).toEqual(Object.keys(MACHINES).toSorted())
})

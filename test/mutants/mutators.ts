import { not } from 'xstate'
import {
  branchesOf,
  describe,
  idOf,
  list,
  nameOf,
  pathOf,
  setBranches,
  stateAt,
  type Branch,
  type Invoke,
  type Place,
  type Slot,
  type StateConfig,
} from './definition.ts'

/** The kinds of mistakes. */
export const MUTATORS = [
  'drop transition',
  'stay',
  'retarget',
  're-enter',
  'drop guard',
  'negate guard',
  'drop action',
  'drop params',
  'swap branches',
  'swap events',
  'at once',
  'drop invoke',
  'drop input',
  'drop output',
  'change initial',
  'final',
  'not final',
] as const
export type Mutator = (typeof MUTATORS)[number]

/** A mistake in one state. */
export interface Draft {
  readonly mutator: Mutator
  /** The place within the state. */
  readonly where: string
  readonly detail?: string
  /** The transition that it is in. */
  readonly transition?: string
  /** Changes a copy of the machine's config. */
  readonly apply: (root: StateConfig) => void
}

/** One draft where there is something to change, and none elsewhere. */
const where = (condition: boolean, draft: () => Draft): Draft[] => (condition ? [draft()] : [])

/** Where a mistaken transition would lead: to the states next to its target, or next to the one that it stays in. */
function astray(root: StateConfig, place: Place, target: string | undefined): string[] {
  const stays = place.path.length > 0 ? place.path : [root.initial ?? '']
  const right = target === undefined ? stays : pathOf(target, place)
  const above = right.slice(0, -1)
  const names = Object.keys(stateAt(root, above).states ?? {})
  const index = names.indexOf(right.at(-1) ?? '')
  const round = [...names.slice(index + 1), ...names.slice(0, index)]
  // The state itself would be the same as staying.
  const others = round
    .map((name) => [...above, name].join('.'))
    .filter((path) => path !== place.path.join('.'))
  return [...new Set([...others.slice(0, 1), ...others.slice(-1)])]
}

/** Whether coming in once more makes a difference. */
const isFelt = ({ entry, exit, invoke, after, states }: StateConfig): boolean =>
  [entry, exit, invoke, after, states].some((part) => part !== undefined)

/** Whether a transition stays in the state that it is written in, or below it. */
const isWithin = (target: string | undefined): boolean =>
  target === undefined || target.startsWith('.')

const hasParams = (reference: unknown): boolean =>
  typeof reference === 'object' && reference !== null && 'params' in reference

const withoutParams = (reference: unknown) => ({ type: (reference as { type: string }).type })

/** One of several actions dropped, or called with nothing. */
function actionMutants(
  actions: unknown,
  draft: (
    mutator: 'drop action' | 'drop params',
    detail: string,
    change: (actions: unknown[]) => unknown[],
  ) => Draft,
): Draft[] {
  return list(actions).flatMap((action, i) => [
    draft('drop action', nameOf(action, i), (all) => all.toSpliced(i, 1)),
    ...where(hasParams(action), () =>
      draft('drop params', nameOf(action, i), (all) => all.with(i, withoutParams(all[i]))),
    ),
  ])
}

function guardMutants(
  guard: unknown,
  draft: (mutator: Mutator, change: (branch: Branch) => Branch) => Draft,
): Draft[] {
  if (guard === undefined) return []
  return [
    draft('drop guard', ({ guard: _, ...branch }) => branch),
    draft('negate guard', (branch) => ({ ...branch, guard: not(branch.guard as never) })),
    ...where(hasParams(guard), () =>
      draft('drop params', (branch) => ({ ...branch, guard: withoutParams(branch.guard) })),
    ),
  ]
}

/** Changes to the branches of one slot. */
const edit = (slot: Slot, change: (branches: Branch[]) => Branch[]) => (root: StateConfig) => {
  const node = stateAt(root, slot.place.path)
  setBranches(slot, node, change(branchesOf(slot, node)))
}

function branchMutants(slot: Slot, index: number, root: StateConfig): Draft[] {
  const { place } = slot
  const branch = branchesOf(slot, place.config)[index] as Branch
  const { target, guard, actions } = branch
  const of = { where: `/${slot.name}#${index}`, transition: describe(slot, branch) }
  const here = (mutator: Mutator, change: (branch: Branch) => Branch, detail?: string): Draft => ({
    ...of,
    mutator,
    ...(detail === undefined ? {} : { detail }),
    apply: edit(slot, (branches) => branches.with(index, change(branches[index] as Branch))),
  })
  return [
    { ...of, mutator: 'drop transition', apply: edit(slot, (all) => all.toSpliced(index, 1)) },
    ...where(target !== undefined, () => here('stay', ({ target: _, ...rest }) => rest)),
    ...astray(root, place, target).map((path) =>
      here('retarget', (all) => ({ ...all, target: `#${place.machine}.${path}` }), `to ${path}`),
    ),
    ...where(isWithin(target) && isFelt(place.config), () =>
      here('re-enter', (all) => ({ ...all, target: target ?? `#${idOf(place)}`, reenter: true })),
    ),
    ...guardMutants(guard, here),
    ...actionMutants(actions, (mutator, detail, change) =>
      here(mutator, (all) => ({ ...all, actions: change(list(all.actions)) }), detail),
    ),
  ]
}

/** Mistakes in the transitions under one event, delay or invocation. */
export function slotMutants(slot: Slot, root: StateConfig): Draft[] {
  const branches = branchesOf(slot, slot.place.config)
  return [
    ...branches.flatMap((_, index) => branchMutants(slot, index, root)),
    ...branches.slice(1).map((_, i): Draft => ({
      where: `/${slot.name}`,
      mutator: 'swap branches',
      detail: `#${i} and #${i + 1}`,
      apply: edit(slot, (all) => all.with(i, all[i + 1] as Branch).with(i + 1, all[i] as Branch)),
    })),
  ]
}

/** Every two events of a state, the one taken for the other. */
export function eventMutants({ path, config }: Place): Draft[] {
  const events = Object.keys(config.on ?? {})
  const pairs = events.flatMap((one, i) =>
    events.slice(i + 1).map((other) => [one, other] as const),
  )
  return pairs.map(([one, other]) => ({
    where: '',
    mutator: 'swap events',
    detail: `${one} and ${other}`,
    apply(root) {
      const { on = {} } = stateAt(root, path)
      ;[on[one], on[other]] = [on[other], on[one]]
    },
  }))
}

/** Mistakes in what a state is, apart from its transitions. */
export function stateMutants({ path, config }: Place): Draft[] {
  const { initial, invoke, states, output, type, after = {} } = config
  const here = (mutator: Mutator, change: (node: StateConfig) => void, detail?: string): Draft => ({
    where: '',
    mutator,
    ...(detail === undefined ? {} : { detail }),
    apply: (root) => change(stateAt(root, path)),
  })
  const names = Object.keys(states ?? {})
  const next = names[(names.indexOf(initial ?? '') + 1) % names.length]
  // Further down, an end is of interest to the state around it alone, and none of them asks.
  const canEnd = path.length === 1 && states === undefined && type !== 'final'
  return [
    ...(['entry', 'exit'] as const).flatMap((key) =>
      actionMutants(config[key], (mutator, detail, change) =>
        here(mutator, (node) => (node[key] = change(list(node[key]))), `${detail} on ${key}`),
      ),
    ),
    ...Object.keys(after).map((delay) =>
      here('at once', (node) => (node.after = hasteOf(node.after, delay)), delay),
    ),
    ...where(invoke !== undefined, () => here('drop invoke', (node) => delete node.invoke)),
    ...where(invoke?.input !== undefined, () =>
      here('drop input', (node) => delete (node.invoke as Invoke).input),
    ),
    ...where(output !== undefined, () => here('drop output', (node) => delete node.output)),
    ...where(names.length > 1, () =>
      here('change initial', (node) => (node.initial = next as string), `to ${next}`),
    ),
    ...where(canEnd, () => here('final', (node) => (node.type = 'final'))),
    ...where(type === 'final', () => here('not final', (node) => delete node.type)),
  ]
}

function hasteOf(after: StateConfig['after'], delay: string): Record<string, unknown> {
  const { [delay]: branches, ...rest } = after ?? {}
  return { ...rest, 0: branches }
}

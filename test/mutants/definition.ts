/** A machine's definition as XState takes it, as far as it is mutated, and the places in it. */

export interface StateConfig {
  initial?: string
  type?: string
  entry?: unknown
  exit?: unknown
  output?: unknown
  on?: Record<string, unknown>
  after?: Record<string, unknown>
  always?: unknown
  invoke?: Invoke
  states?: Record<string, StateConfig>
}

export interface Invoke {
  input?: unknown
  onDone?: unknown
  onError?: unknown
}

/** One way that a transition can go. */
export interface Branch {
  target?: string
  guard?: unknown
  actions?: unknown
  reenter?: boolean
}

/** What is written alone, or in a list. */
export const list = <T>(value: T | readonly T[] | undefined): T[] => {
  if (value === undefined) return []
  return Array.isArray(value) ? [...(value as readonly T[])] : [value as T]
}

/** A copy of a definition; what XState has made of actions and guards stays as it is. */
export function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copy) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, copy(of)])) as T
}

/** A state of a machine, by the names on the way to it. */
export interface Place {
  readonly machine: string
  readonly path: readonly string[]
  readonly config: StateConfig
}

/** Every state, the machine itself first. */
export function placesOf(machine: string, root: StateConfig): Place[] {
  const below = (path: readonly string[], config: StateConfig): Place[] => [
    { machine, path, config },
    ...Object.entries(config.states ?? {}).flatMap(([name, child]) =>
      below([...path, name], child),
    ),
  ]
  return below([], root)
}

export const idOf = ({ machine, path }: Pick<Place, 'machine' | 'path'>): string =>
  [machine, ...path].join('.')

export const stateAt = (root: StateConfig, path: readonly string[]): StateConfig =>
  path.reduce((node, name) => node.states?.[name] as StateConfig, root)

/** The state that a target names: a sibling, a child (`.a`), or any by its id (`#machine.a`). */
export function pathOf(target: string, { machine, path }: Place): readonly string[] {
  if (target.startsWith(`#${machine}.`)) return target.slice(machine.length + 2).split('.')
  if (target.startsWith('.')) return [...path, ...target.slice(1).split('.')]
  return [...path.slice(0, -1), ...target.split('.')]
}

/** Where transitions are written in a state: under an event, a delay, an invocation, or by themselves. */
export interface Slot {
  readonly place: Place
  readonly name: string
  readonly key: string
  readonly holder: (node: StateConfig) => Record<string, unknown>
}

export function slotsOf(place: Place): Slot[] {
  const { on = {}, after = {}, always, invoke = {} } = place.config
  const slot = (name: string, key: string, holder: (node: StateConfig) => unknown): Slot => ({
    place,
    name,
    key,
    holder: holder as Slot['holder'],
  })
  return [
    ...Object.keys(on).map((event) => slot(event, event, (node) => node.on)),
    ...Object.keys(after).map((delay) => slot(`after ${delay}`, delay, (node) => node.after)),
    ...(always === undefined ? [] : [slot('always', 'always', (node) => node)]),
    ...(['onDone', 'onError'] as const)
      .filter((key) => invoke[key] !== undefined)
      .map((key) => slot(key, key, (node) => node.invoke)),
  ]
}

export const branchesOf = ({ holder, key }: Slot, node: StateConfig): Branch[] =>
  list(holder(node)[key]).map(
    (branch) => (typeof branch === 'string' ? { target: branch } : branch) as Branch,
  )

/** Replaces a slot's branches; a slot without any is none. */
export function setBranches({ holder, key }: Slot, node: StateConfig, branches: Branch[]): void {
  if (branches.length === 0) delete holder(node)[key]
  else holder(node)[key] = branches
}

const typeOf = (reference: unknown): string =>
  typeof reference === 'string' ? reference : String((reference as { type?: unknown }).type)

/** What an action is called, and which of several it is. */
export const nameOf = (action: unknown, index: number): string => `${typeOf(action)}#${index}`

/** A transition as a reader would write it down. */
export function describe({ place, name }: Slot, { guard, target }: Branch): string {
  const when = guard === undefined ? '' : ` [${typeOf(guard)}]`
  return `${idOf(place)} --${name}${when}--> ${target ?? 'stays'}`
}

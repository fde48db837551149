import type { Attributes, Meter } from '@opentelemetry/api'

/** Kinds of instruments, in OpenTelemetry's words. */
type Kind = 'counter' | 'upDownCounter' | 'histogram'

export interface InstrumentSpec {
  readonly kind: Kind
  /** As UCUM has it; in braces what is counted. */
  readonly unit: string
  readonly description: string
  /** What its numbers are told apart by, besides the source's type. */
  readonly attributes: readonly string[]
  /** Upper bounds of a histogram's classes, in its unit. */
  readonly bounds?: readonly number[]
}

/** From a page that the disk has in its cache to a statement that waits for a lock. */
const WRITE_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** From a file's next lines to a request that the watchdog is about to drop. */
const REQUEST_BOUNDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
/** From a scanner that keeps up to one that is down for a day. */
const LAG_BOUNDS = [0.01, 0.1, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400]
/** GitHub's limits are counted by the minute and by the hour. */
const WAIT_BOUNDS = [0.1, 1, 5, 15, 30, 60, 120, 300, 900, 1_800, 3_600, 7_200]
/** From a list of ten entries to an organisation that takes a week. */
const WALK_BOUNDS = [0.1, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400, 604_800]

/** Everything that is measured. Nothing here is told apart by target or session: there may be tens of thousands. */
export const INSTRUMENTS = {
  'muster.enumerations': {
    kind: 'counter',
    unit: '{enumeration}',
    description: 'Walks of targets that began in this process, resumed ones too.',
    attributes: [],
  },
  'muster.enumerations.active': {
    kind: 'upDownCounter',
    unit: '{enumeration}',
    description: 'Walks of targets that are under way in this process.',
    attributes: [],
  },
  'muster.targets.processed': {
    kind: 'counter',
    unit: '{target}',
    description: 'Walks of targets that are over in this process, however they ended.',
    attributes: ['muster.outcome'],
  },
  'muster.target.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long the walk of one target took in this process.',
    attributes: ['muster.outcome'],
    bounds: WALK_BOUNDS,
  },
  'muster.tasks.enqueued': {
    kind: 'counter',
    unit: '{task}',
    description: 'Tasks that were committed.',
    attributes: [],
  },
  'muster.tasks.failed_to_enqueue': {
    kind: 'counter',
    unit: '{task}',
    description: 'Items of pages that were not committed, and would have become tasks.',
    attributes: [],
  },
  'muster.tasks.acknowledged': {
    kind: 'counter',
    unit: '{task}',
    description: 'Tasks that the host acknowledged.',
    attributes: [],
  },
  'muster.delivery.lag': {
    kind: 'histogram',
    unit: 's',
    description:
      'From the commit of a task to its acknowledgement; one task of each page is timed.',
    attributes: [],
    bounds: LAG_BOUNDS,
  },
  'muster.pages': {
    kind: 'counter',
    unit: '{page}',
    description: 'Pages that were committed.',
    attributes: ['muster.outcome'],
  },
  'muster.items': {
    kind: 'counter',
    unit: '{item}',
    description: 'Items of the pages that were committed.',
    attributes: ['muster.outcome'],
  },
  'muster.fetch.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long a source took to give its next page.',
    attributes: ['muster.outcome'],
    bounds: REQUEST_BOUNDS,
  },
  'muster.commit.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long the transaction of a page took.',
    attributes: ['muster.outcome'],
    bounds: WRITE_BOUNDS,
  },
  'muster.waits': {
    kind: 'counter',
    unit: '{wait}',
    description: 'Waits that began.',
    attributes: ['muster.reason'],
  },
  'muster.waits.active': {
    kind: 'upDownCounter',
    unit: '{wait}',
    description: 'Walks that wait at present.',
    attributes: ['muster.reason'],
  },
  'muster.wait.duration': {
    kind: 'histogram',
    unit: 's',
    description: 'How long a walk waited before it asked for its next page.',
    attributes: ['muster.reason'],
    bounds: WAIT_BOUNDS,
  },
  'muster.leases': {
    kind: 'counter',
    unit: '{event}',
    description: 'What became of the leases of this process.',
    attributes: ['muster.event'],
  },
} as const satisfies Readonly<Record<string, InstrumentSpec>>

export type InstrumentName = keyof typeof INSTRUMENTS

/** Every value that an attribute can have; the source's type is one of those that are registered. */
export const ATTRIBUTE_VALUES = {
  'muster.outcome': {
    'muster.targets.processed': [
      'completed',
      'partially_completed',
      'failed',
      'paused',
      'interrupted',
    ],
    'muster.target.duration': [
      'completed',
      'partially_completed',
      'failed',
      'paused',
      'interrupted',
    ],
    'muster.pages': ['succeeded', 'partially_completed', 'failed'],
    'muster.items': ['kept', 'skipped', 'failed'],
    'muster.fetch.duration': ['page', 'exhausted', 'failed'],
    'muster.commit.duration': ['committed', 'fenced', 'failed'],
  },
  'muster.reason': ['limit', 'secondary_limit', 'back_pressure', 'error', 'hung_request', 'paused'],
  'muster.event': ['claimed', 'taken_over', 'lost', 'fenced'],
} as const

/** Adds to an instrument. It returns at once and throws nothing. */
export type Measure = (name: InstrumentName, value: number, attributes: Attributes) => void

type Add = (value: number, attributes: Attributes) => void

function instrument(meter: Meter, name: InstrumentName): Add {
  const { kind, unit, description, ...more }: InstrumentSpec = INSTRUMENTS[name]
  if (kind === 'histogram') {
    const explicitBucketBoundaries = [...(more.bounds ?? [])]
    const made = meter.createHistogram(name, {
      unit,
      description,
      advice: { explicitBucketBoundaries },
    })
    return (value, attributes) => made.record(value, attributes)
  }
  const made =
    kind === 'counter'
      ? meter.createCounter(name, { unit, description })
      : meter.createUpDownCounter(name, { unit, description })
  return (value, attributes) => made.add(value, attributes)
}

/** Does what is nobody's business but the observer's: a fault of it must not become one of the walk. */
export function quietly<T>(observe: () => T): T | undefined {
  try {
    return observe()
  } catch {
    return undefined
  }
}

const NAMES = Object.keys(INSTRUMENTS) as InstrumentName[]

/** All instruments of a meter. One that its SDK will not make is left out. */
export function measureWith(meter: Meter): Measure {
  const adders = new Map<InstrumentName, Add>()
  for (const name of NAMES) {
    const add = quietly(() => instrument(meter, name))
    if (add !== undefined) adders.set(name, add)
  }
  return (name, value, attributes) => quietly(() => adders.get(name)?.(value, attributes))
}

/** Adds to the instruments of each of them. */
export function measureWithAll(all: readonly Measure[]): Measure {
  return (name, value, attributes) => {
    for (const measure of all) quietly(() => measure(name, value, attributes))
  }
}

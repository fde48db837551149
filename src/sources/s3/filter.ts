import picomatch from 'picomatch'
import type { S3Filter } from './filter-spec.ts'
import type { S3Item } from './item.ts'

/** Have to be restored, for hours, before they can be read: docs.aws.amazon.com, storage-class-intro. */
const ARCHIVED = new Set(['GLACIER', 'DEEP_ARCHIVE'])

type Test = (item: S3Item) => boolean
type Compiled = readonly { readonly name: string; readonly leavesOut: Test }[]

/** Keys are compared as they are: a dot in front hides nothing, and a line may break within a key. */
const PATTERN_OPTIONS = { dot: true, flags: 's', noextglob: true } as const

const matcher = (patterns: readonly string[]) => picomatch([...patterns], PATTERN_OPTIONS)

/** The tests of a filter, each with the word for what it leaves out. */
function compile(filter: S3Filter): Compiled {
  const { include, exclude, minSize, maxSize, modifiedSince, modifiedBefore } = filter
  const tests: { name: string; leavesOut: Test }[] = []
  const add = (name: string, leavesOut: Test) => tests.push({ name, leavesOut })
  if (include !== undefined) {
    const isWanted = matcher(include)
    add('include', ({ key }) => !isWanted(key))
  }
  if (exclude !== undefined) {
    const isUnwanted = matcher(exclude)
    add('exclude', ({ key }) => isUnwanted(key))
  }
  if (minSize !== undefined) add('minSize', ({ size }) => size !== null && size < minSize)
  if (maxSize !== undefined) add('maxSize', ({ size }) => size !== null && size > maxSize)
  // Both are in the form of ISO 8601 in UTC, which sorts as the moments do.
  if (modifiedSince !== undefined) {
    add('modifiedSince', ({ modified }) => modified !== null && modified < modifiedSince)
  }
  if (modifiedBefore !== undefined) {
    add('modifiedBefore', ({ modified }) => modified !== null && modified >= modifiedBefore)
  }
  addStorage(filter, add)
  return tests
}

function addStorage(filter: S3Filter, add: (name: string, leavesOut: Test) => void): void {
  const { storageClasses, archived } = filter
  if (storageClasses !== undefined) {
    const kept = new Set<string>(storageClasses)
    add('storageClasses', ({ storageClass }) => !kept.has(storageClass))
  }
  if (archived !== 'include') add('archived', ({ storageClass }) => ARCHIVED.has(storageClass))
}

const NO_FILTER: S3Filter = {}

/** Patterns take long to compile, and a filter is asked of every object. */
const compiled = new WeakMap<S3Filter, Compiled>()

function testsOf(filter: S3Filter): Compiled {
  const known = compiled.get(filter)
  if (known !== undefined) return known
  const made = compile(filter)
  compiled.set(filter, made)
  return made
}

/** Why an object is left out: the name of a filter, or `deleteMarker`; `undefined` where it is kept. */
export function skippedBy(item: S3Item, filter: S3Filter = NO_FILTER): string | undefined {
  if (item.deleted === true) return 'deleteMarker'
  return testsOf(filter).find(({ leavesOut }) => leavesOut(item))?.name
}

/** What a walk of buckets would come to: whether each may be listed, and one page at the most. */
import type { Shortfall } from '../../../machines/index.ts'
import { SourceError } from '../../domain/errors.ts'
import type { PlanContext, SourcePlan } from '../source.ts'
import { bucketNames } from './buckets.ts'
import { Connection, DEFAULT_REGION, loadSdk, type Regions, type Sdk } from './connection.ts'
import { objectLister, shared, versionLister, whereOf } from './listing.ts'
import { Pace } from './pace.ts'
import { Requests } from './requests.ts'
import type { S3Spec } from './spec.ts'

/** Keys on a page: docs.aws.amazon.com, API_ListObjectsV2. */
const PAGE_KEYS = 1_000

/** Buckets of an account that are asked whether they may be listed: a request each. */
const MOST_BUCKETS = 20

interface Deps {
  readonly sdk: Sdk
  readonly spec: S3Spec
  readonly regions: Regions
  readonly requests: Requests
}

/** What is known of what a target names. */
interface Look {
  readonly items: number | null
  readonly unseen: readonly Shortfall[]
  readonly notes: readonly string[]
}

/** Counts what is sent, and how long it takes; what is sent again counts again. */
class CountingPace extends Pace {
  readonly #noteRequest: () => void
  asked = 0
  ms = 0

  constructor(most: number, { noteRequest }: Pick<PlanContext, 'noteRequest'>) {
    super(most)
    this.#noteRequest = noteRequest
  }

  override run<T>(request: () => Promise<T>): Promise<T> {
    return super.run(async () => {
      const begun = performance.now()
      this.asked += 1
      this.#noteRequest()
      try {
        return await request()
      } finally {
        this.ms += performance.now() - begun
      }
    })
  }
}

const regionNote = ({ regions, spec }: Deps, bucket: string): readonly string[] => {
  const region = regions.of(bucket, spec)
  if (region === (spec.region ?? DEFAULT_REGION)) return []
  const told =
    spec.region === undefined ? 'no region is given' : `the region given is ${spec.region}`
  return [`bucket ${bucket} is in ${region}, and ${told}: each walk asks where it is`]
}

/** One page, which is all of a small bucket. */
async function lookAtBucket(deps: Deps, bucket: string): Promise<Look> {
  const lister = (deps.spec.versions ? versionLister : objectLister)({ ...deps, bucket })
  const { items, truncated } = await lister.list({ after: '' })
  const notes = regionNote(deps, bucket)
  if (!truncated) return { items: items.length, unseen: [], notes }
  const more = `${whereOf({ ...deps, bucket })} has more than ${items.length.toLocaleString('en')} keys; S3 counts no others`
  return { items: null, unseen: [], notes: [...notes, more] }
}

/** Whether a bucket of several may be listed. */
async function refusalOf(deps: Deps, bucket: string): Promise<readonly Shortfall[]> {
  const { sdk, requests, spec } = deps
  const command = new sdk.ListObjectsV2Command({
    ...shared({ sdk, requests, spec, bucket }),
    MaxKeys: 1,
  })
  try {
    await requests.ask({
      bucket,
      where: whereOf({ spec, bucket }),
      send: (client, abortSignal) => client.send(command, { abortSignal }),
    })
    return []
  } catch (thrown) {
    if (!(thrown instanceof SourceError)) throw thrown
    const code =
      thrown.code === 'FORBIDDEN'
        ? 'forbidden'
        : thrown.code === 'NOT_FOUND'
          ? 'not_found'
          : 'failed'
    return [{ code, detail: thrown.message }]
  }
}

async function lookAtAll(deps: Deps): Promise<Look> {
  const names = await bucketNames(deps)
  const looked = names.slice(0, MOST_BUCKETS)
  const unseen: Shortfall[] = []
  const elsewhere = new Set<string>()
  for (const bucket of looked) {
    unseen.push(...(await refusalOf(deps, bucket)))
    elsewhere.add(deps.regions.of(bucket, deps.spec))
  }
  const rest = names.length - looked.length
  const notes = [
    `the account has ${names.length} buckets that the target wants, in ${elsewhere.size} regions`,
    ...(rest > 0 ? [`${rest} of them were not asked whether they may be listed`] : []),
  ]
  return { items: names.length === 0 ? 0 : null, unseen, notes }
}

/** Tells what a walk would come to. @throws as a walk does */
export async function planObjects(
  spec: S3Spec,
  context: PlanContext,
  regions: Regions,
): Promise<SourcePlan> {
  const sdk = await loadSdk()
  const connection = new Connection(sdk, spec, context)
  const pace = new CountingPace(spec.concurrency, context)
  const { signal } = context
  const requests = new Requests({ sdk, spec, connection, regions, pace, signal })
  const deps = { sdk, spec, regions, requests }
  try {
    const { bucket } = spec
    const { items, unseen, notes } = await (bucket === undefined
      ? lookAtAll(deps)
      : lookAtBucket(deps, bucket))
    return {
      items,
      itemsFrom: items === null ? null : 'service',
      requests: items === null ? null : Math.max(1, Math.ceil(items / PAGE_KEYS)),
      itemsPerRequest: PAGE_KEYS,
      concurrency: spec.concurrency,
      unseen,
      notes,
      requestMs: pace.asked === 0 ? null : pace.ms / pace.asked,
    }
  } finally {
    connection.close()
  }
}

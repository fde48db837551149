import type { Bucket } from '@aws-sdk/client-s3'
import picomatch from 'picomatch'
import { compareKeys } from './order.ts'
import type { RequestsOptions, Requests } from './requests.ts'
import { stuck } from './sweep.ts'
import type { S3Spec } from './spec.ts'

/** Buckets asked for at once; an account that may have more than 10,000 is refused without: docs.aws.amazon.com, API_ListBuckets. */
const MAX_BUCKETS = 1_000

type Deps = Pick<RequestsOptions, 'sdk' | 'spec' | 'regions'> & { readonly requests: Requests }

/** The names of all buckets that a target wants, in their order. */
export async function bucketNames(deps: Deps): Promise<readonly string[]> {
  const { spec, regions } = deps
  const isWanted = wantedBy(spec)
  const names: string[] = []
  for await (const { Name, BucketRegion } of allBuckets(deps)) {
    if (Name === undefined || !isWanted(Name)) continue
    names.push(Name)
    if (BucketRegion !== undefined) regions.learn(Name, spec, BucketRegion)
  }
  return [...new Set(names)].toSorted(compareKeys)
}

function wantedBy({ buckets = ['*'], excludeBuckets = [] }: S3Spec): (name: string) => boolean {
  // A dot in front of a name or within it is nothing special.
  const isIncluded = picomatch([...buckets], { dot: true })
  const isExcluded = picomatch([...excludeBuckets], { dot: true })
  return (name) => isIncluded(name) && !(excludeBuckets.length > 0 && isExcluded(name))
}

async function* allBuckets({ sdk, requests }: Deps): AsyncGenerator<Bucket, void, undefined> {
  let token: string | undefined
  for (;;) {
    const command = new sdk.ListBucketsCommand({
      MaxBuckets: MAX_BUCKETS,
      ...(token !== undefined && { ContinuationToken: token }),
    })
    const { Buckets = [], ContinuationToken } = await requests.ask({
      // Of the account, not of a bucket: asked where the target says.
      bucket: '',
      where: 'the list of buckets',
      send: (client, abortSignal) => client.send(command, { abortSignal }),
    })
    yield* Buckets
    if (!ContinuationToken) return
    if (ContinuationToken === token) throw stuck('the list of buckets')
    token = ContinuationToken
  }
}

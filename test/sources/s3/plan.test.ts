import { expect, test } from 'vitest'
import { s3Source } from '../../../src/sources/s3/index.ts'
import { s3Spec } from '../../../src/sources/s3/spec.ts'
import type { SourcePlan } from '../../../src/sources/source.ts'
import { itemsNamed } from '../../support/scripted-source.ts'
import { startS3, type StandInOptions } from '../../support/s3/index.ts'
import { withKeys } from './walk.ts'

async function plan(options: StandInOptions, part: Record<string, unknown>) {
  await using server = await startS3(options)
  let noted = 0
  const context = {
    signal: AbortSignal.timeout(20_000),
    clock: { now: () => Date.now() },
    authRef: 'aws',
    credentials: withKeys,
    noteRequest: () => void (noted += 1),
  }
  const spec = s3Spec.parse({ endpoint: server.endpoint, ...part })
  const told = (await s3Source().plan?.(spec, context)) as SourcePlan
  expect(noted, 'all requests are told of').toBe(server.requests.length)
  return { told, requests: server.requests }
}

test('a small bucket is counted by one page, a large one is not counted', async () => {
  const buckets = {
    small: { objects: itemsNamed('k', 40) },
    large: { objects: itemsNamed('k', 2_500) },
  }
  const small = await plan({ buckets }, { bucket: 'small' })
  expect(small.told).toMatchObject({ items: 40, itemsFrom: 'service', requests: 1, concurrency: 8 })
  const large = await plan({ buckets }, { bucket: 'large' })
  expect(large.told).toMatchObject({ items: null, requests: null, itemsPerRequest: 1_000 })
  expect(large.told.notes?.join()).toContain('more than 1,000 keys')
  expect(large.requests).toHaveLength(1)
})

test('of all buckets those are told that may not be listed, and how many regions there are', async () => {
  const { told, requests } = await plan(
    {
      buckets: {
        open: { objects: ['a'] },
        closed: { objects: ['a'], forbidden: [''] },
        far: { objects: ['a'], region: 'eu-west-1' },
      },
    },
    { allBuckets: true, excludeBuckets: ['none-*'] },
  )
  expect(told.unseen).toMatchObject([
    { code: 'forbidden', detail: expect.stringContaining('bucket closed') as unknown },
  ])
  expect(told.notes).toContain('the account has 3 buckets that the target wants, in 2 regions')
  expect(requests.length).toBeLessThanOrEqual(6)
})

test('a bucket that may not be listed is refused as the walk is', async () => {
  const buckets = { closed: { objects: ['a'], forbidden: [''] } }
  await expect(plan({ buckets }, { bucket: 'closed' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

import { ItemRejectedError } from '../../domain/errors.ts'
import type { JsonRecord } from '../../domain/json.ts'
import type { Identity } from '../source.ts'
import { printed } from '../wording.ts'
import { skippedBy } from './filter.ts'
import type { S3Item } from './item.ts'
import type { S3Spec } from './spec.ts'

const isItem = (item: unknown): item is S3Item => {
  const { bucket, key } = (item ?? {}) as Partial<S3Item>
  return typeof bucket === 'string' && bucket !== '' && typeof key === 'string' && key !== ''
}

/**
 * The place of an object's store in its identity: nothing for Amazon, where the
 * name of a bucket is one in the world.
 */
function storeOf(endpoint: string | undefined): string {
  if (endpoint === undefined) return ''
  const { host, pathname } = new URL(endpoint)
  return `+${host}${pathname.replace(/\/+$/, '')}`
}

/**
 * What makes an object the same one next time: `s3://BUCKET/KEY`, or
 * `s3://BUCKET@VERSION/KEY` for one of its versions. The key comes last and as
 * it is, and neither a bucket nor a version has an `@` or a `/`, so that no two
 * objects share one.
 */
function keyOf({ bucket, key, versionId }: S3Item, endpoint: string | undefined): string {
  const version = versionId === undefined ? '' : `@${versionId}`
  return `s3${storeOf(endpoint)}://${bucket}${version}/${key}`
}

/** @throws ItemRejectedError for what is no object of a bucket */
export function identifyObject(item: S3Item, spec: S3Spec): Identity {
  // A retried item comes from the database, where any JSON may stand.
  if (!isItem(item)) {
    throw new ItemRejectedError(`expected an object of a bucket; got ${printed(item)}`)
  }
  const { bucket, key, versionId, etag } = item
  const skipped = skippedBy(item, spec.filter)
  const version = versionId ?? etag
  return {
    key: keyOf(item, spec.endpoint),
    uri: `s3://${bucket}/${key}`,
    name: key,
    metadata: metadataOf(item, spec),
    ...(version !== null && { version }),
    ...(skipped !== undefined && { skipped }),
  }
}

function metadataOf(item: S3Item, { endpoint, region }: S3Spec): JsonRecord {
  const { bucket, key, size, etag, modified, storageClass, versionId, latest } = item
  return {
    bucket,
    key,
    size,
    etag,
    lastModified: modified,
    storageClass,
    ...(versionId !== undefined && { versionId, isLatest: latest === true }),
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
  }
}

/** The s3 source: the objects of one bucket, or of all that a credential can list. */
import { defineSource, type Source } from '../source.ts'
import { Regions } from './connection.ts'
import { identifyObject } from './identity.ts'
import type { S3Item } from './item.ts'
import { planObjects } from './plan.ts'
import { type S3Spec, s3Spec } from './spec.ts'
import { enumerateObjects } from './walk.ts'

export type { S3Item } from './item.ts'
export type { S3Filter, S3Spec } from './spec.ts'

/**
 * Makes the s3 source. It remembers where buckets are: use one for all targets
 * of a process.
 *
 * @example
 * const source = s3Source()
 * // target: { type: 's3', bucket: 'logs', prefix: '2026/' }
 */
export function s3Source(): Source<S3Spec, S3Item> {
  const regions = new Regions()
  return defineSource({
    type: 's3',
    comparable: true,
    spec: s3Spec,
    identify: identifyObject,
    enumerate: (spec, cursor, context) => enumerateObjects(spec, cursor, { context, regions }),
    plan: (spec, context) => planObjects(spec, context, regions),
  })
}

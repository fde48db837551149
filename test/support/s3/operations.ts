/** What S3 answers when nothing goes wrong but what the request itself does wrong. */
import { checkAccess, checkRegion, Credentials } from './access.ts'
import { Bucket } from './bucket.ts'
import type { PageFault } from './faults.ts'
import { listBuckets, listDirectoryBuckets } from './list-buckets.ts'
import { listObjects } from './list-objects.ts'
import { listVersions } from './list-versions.ts'
import type { Quirks, StandInOptions } from './options.ts'
import type { S3Request } from './request.ts'
import { S3Error } from './s3-error.ts'
import { element, xmlDocument } from './xml.ts'

/** As long as Amazon's last. */
const SESSION_MS = 5 * 60_000

/** The buckets and those who may see them. */
export class World {
  readonly quirks: Quirks
  readonly credentials: Credentials
  readonly #buckets: ReadonlyMap<string, Bucket>

  constructor(options: StandInOptions) {
    this.quirks = options.quirks ?? {}
    this.credentials = new Credentials(options)
    this.#buckets = new Map(
      Object.entries(options.buckets).map(([name, bucket]) => [
        name,
        new Bucket(name, bucket, this.quirks.localeOrder === true),
      ]),
    )
  }

  get buckets(): readonly Bucket[] {
    return [...this.#buckets.values()]
  }

  bucket(name: string | null): Bucket | undefined {
    return name === null ? undefined : this.#buckets.get(name)
  }
}

const location = ({ region }: Bucket): string =>
  // The oldest region has no name here.
  xmlDocument('LocationConstraint', region === 'us-east-1' ? [] : [region])

const createSession = (world: World, bucket: Bucket): string => {
  if (!bucket.isDirectory)
    throw new S3Error(405, 'MethodNotAllowed', 'Sessions are for directory buckets.')
  const session = world.credentials.openSession(bucket.name)
  return xmlDocument('CreateSessionResult', [
    '<Credentials>',
    element('SessionToken', session.sessionToken),
    element('SecretAccessKey', session.secretAccessKey),
    element('AccessKeyId', session.accessKeyId),
    element('Expiration', new Date(Date.now() + SESSION_MS).toISOString()),
    '</Credentials>',
  ])
}

const aboutBucket = (world: World, request: S3Request, fault: PageFault | undefined): string => {
  const { operation, bucket: name } = request.logged
  const bucket = world.bucket(name)
  if (bucket === undefined)
    throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist', {
      BucketName: name ?? '',
    })
  checkRegion(request, bucket, world.quirks)
  checkAccess(request, bucket)
  if (operation === 'ListObjectsV2') return listObjects(request.logged, bucket, world.quirks, fault)
  if (operation === 'ListObjectVersions')
    return listVersions(request.logged, bucket, world.quirks, fault)
  if (operation === 'GetBucketLocation') return location(bucket)
  return operation === 'CreateSession' ? createSession(world, bucket) : ''
}

/** @returns the body of a 200 @throws S3Error for any other answer */
export const answerTo = (
  world: World,
  request: S3Request,
  fault: PageFault | undefined,
): string => {
  world.credentials.check(request)
  const { operation } = request.logged
  if (operation === 'Other')
    throw new S3Error(501, 'NotImplemented', 'The stand-in lists, and does nothing else.')
  if (operation === 'ListBuckets') return listBuckets(world.buckets, request.logged, fault)
  if (operation === 'ListDirectoryBuckets')
    return listDirectoryBuckets(world.buckets, request.logged, fault)
  return aboutBucket(world, request, fault)
}

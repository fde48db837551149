import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketAclCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Pool } from 'undici'

/** A server to be asked, and with which keys. */
export interface Server {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Objects that are put at once. */
const AT_ONCE = 48

export const clientOf = ({ endpoint, accessKeyId, secretAccessKey }: Server): S3Client =>
  new S3Client({
    endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey },
  })

export interface Filled {
  /** The keys that the server took. */
  readonly keys: readonly string[]
  /** How many keys it did not take, by what it answered. */
  readonly refused: Readonly<Record<string, number>>
  readonly seconds: number
}

/**
 * Makes a bucket that anybody may write to: requests without a signature cost
 * this machine a fraction of those of the client, and the keys get there by
 * another road than the one they are listed by.
 */
export async function createBucket(client: S3Client, bucket: string): Promise<void> {
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  await client.send(new PutBucketAclCommand({ Bucket: bucket, ACL: 'public-read-write' }))
}

/** Every byte that may mean something to a URL, the dots of "." and ".." too. */
const encodedKey = (key: string): string =>
  encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()*.]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

/** Puts empty objects until there are no more keys, or the time is over. */
export async function fill(
  { endpoint }: Server,
  bucket: string,
  { keys, seconds = Infinity }: { readonly keys: Iterable<string>; readonly seconds?: number },
): Promise<Filled> {
  const taken: string[] = []
  const refused: Record<string, number> = {}
  const from = performance.now()
  const left = keys[Symbol.iterator]()
  const isTime = () => performance.now() - from < seconds * 1_000
  const pool = new Pool(endpoint, { connections: AT_ONCE })
  const putAll = async () => {
    while (isTime()) {
      const next = left.next()
      if (next.done === true) return
      const key = next.value
      const answer = await pool.request({
        method: 'PUT',
        path: `/${bucket}/${encodedKey(key)}`,
        headers: { 'content-length': '0' },
      })
      const text = await answer.body.text()
      const what = `${answer.statusCode} ${/<Code>(.*)<\/Code>/.exec(text)?.[1] ?? ''}`
      if (answer.statusCode === 200) taken.push(key)
      else refused[what] = (refused[what] ?? 0) + 1
    }
  }
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, putAll))
  } finally {
    await pool.close()
  }
  return { keys: taken, refused, seconds: (performance.now() - from) / 1_000 }
}

/** What a bucket with versions holds. */
export interface Versions {
  /** By key, how many versions are no deletion. */
  readonly byKey: ReadonlyMap<string, number>
  /** The keys with a deletion on top. */
  readonly deleted: ReadonlySet<string>
}

/** Turns a bucket into one that keeps every version. */
export async function keepVersions(client: S3Client, bucket: string): Promise<void> {
  const VersioningConfiguration = { Status: 'Enabled' } as const
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }))
}

/**
 * Makes a bucket with versions: one of each key, three of every third, 1,501 of
 * one, which is more than a page, and on every fifth key a deletion.
 */
export async function fillVersions(
  server: Server,
  bucket: string,
  keys: readonly string[],
): Promise<Versions> {
  const client = clientOf(server)
  await createBucket(client, bucket)
  await keepVersions(client, bucket)
  const first = await fill(server, bucket, { keys })
  const third = first.keys.filter((_, at) => at % 3 === 0)
  const one = first.keys.find((_, at) => at % 3 === 1) ?? ''
  const more = [...third, ...third, ...Array.from({ length: 1_500 }, () => one)]
  const second = await fill(server, bucket, { keys: more })
  const deleted = first.keys.filter((_, at) => at % 5 === 0)
  for (const Key of deleted) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }))
  client.destroy()
  const byKey = new Map<string, number>()
  for (const key of [...first.keys, ...second.keys]) byKey.set(key, (byKey.get(key) ?? 0) + 1)
  return { byKey, deleted: new Set(deleted) }
}

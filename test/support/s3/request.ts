/** What a request asks for. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { LoggedRequest, Operation } from './options.ts'

/** A request, with what the log leaves out. */
export interface S3Request {
  readonly method: string
  /** As it was sent: still encoded. */
  readonly path: string
  /** Decoded, in the order sent. */
  readonly parameters: readonly (readonly [string, string])[]
  readonly headers: IncomingHttpHeaders
  readonly authorization: Authorization | null
  /** The same request as tests see it; its status and fault are filled in later. */
  readonly logged: Mutable<LoggedRequest>
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

/** The parts of an `Authorization: AWS4-HMAC-SHA256` header. */
export interface Authorization {
  readonly accessKeyId: string
  readonly date: string
  readonly region: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request, *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/

const parseAuthorization = (header: string | undefined): Authorization | null => {
  const found = AUTHORIZATION.exec(header ?? '')
  if (found === null) return null
  const [, accessKeyId = '', date = '', region = '', service = '', signed = '', signature = ''] =
    found
  return { accessKeyId, date, region, service, signedHeaders: signed.split(';'), signature }
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

const parseQuery = (query: string): (readonly [string, string])[] =>
  query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      return equals === -1
        ? [decode(pair), '']
        : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
    })

/** `bucket.localhost:1234` is virtual-host style; anything else has the bucket in the path. */
const splitBucket = (host: string, path: string): { bucket: string | null; key: string } => {
  const virtual = /^(.+)\.localhost(?::\d+)?$/.exec(host)?.[1]
  if (virtual !== undefined) return { bucket: virtual, key: decode(path.slice(1)) }
  // For directory buckets at an endpoint of one's own, Amazon's client ends the path in two slashes.
  const [, bucket = '', key = ''] = /^\/([^/]*)(?:\/*$|\/(.*))/s.exec(path) ?? []
  return { bucket: bucket === '' ? null : decode(bucket), key: decode(key) }
}

interface Asked {
  readonly method: string
  readonly bucket: string | null
  readonly key: string
  readonly query: Readonly<Record<string, string>>
  readonly service: string | undefined
}

const operationOf = ({ method, bucket, key, query, service }: Asked): Operation => {
  if (key !== '') return 'Other'
  if (method === 'HEAD' && bucket !== null) return 'HeadBucket'
  if (method !== 'GET') return 'Other'
  // Amazon tells the two apart by their hosts; here there is one.
  if (bucket === null)
    return query['x-id'] === 'ListDirectoryBuckets' || service === 's3express'
      ? 'ListDirectoryBuckets'
      : 'ListBuckets'
  if ('session' in query) return 'CreateSession'
  if ('versions' in query) return 'ListObjectVersions'
  if ('location' in query) return 'GetBucketLocation'
  return query['list-type'] === '2' ? 'ListObjectsV2' : 'Other'
}

const SECRET_HEADERS = new Set(['authorization', 'x-amz-security-token', 'x-amz-s3session-token'])

const loggedHeaders = (headers: IncomingHttpHeaders): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !SECRET_HEADERS.has(name))
      .map(([name, value]) => [name, String(value)]),
  )

export const parseRequest = (incoming: IncomingMessage): S3Request => {
  const { method = 'GET', url = '/', headers } = incoming
  const questionMark = url.indexOf('?')
  const path = questionMark === -1 ? url : url.slice(0, questionMark)
  const parameters = questionMark === -1 ? [] : parseQuery(url.slice(questionMark + 1))
  const query = Object.fromEntries(parameters)
  const authorization = parseAuthorization(headers.authorization)
  const { bucket, key } = splitBucket(headers.host ?? '', path)
  const operation = operationOf({ method, bucket, key, query, service: authorization?.service })
  const logged: LoggedRequest = {
    operation,
    bucket,
    query,
    headers: loggedHeaders(headers),
    accessKeyId: authorization?.accessKeyId ?? null,
    region: authorization?.region ?? null,
    at: Date.now(),
    status: null,
    fault: null,
  }
  return { method, path, parameters, headers, authorization, logged }
}

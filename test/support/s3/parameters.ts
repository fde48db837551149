/** The parameters that listings share, checked as S3 checks them. */
import type { Bucket } from './bucket.ts'
import type { LoggedRequest, Quirks } from './options.ts'
import { invalidArgument } from './s3-error.ts'
import { encodeKey } from './xml.ts'

export interface ListingParameters {
  readonly prefix: string
  readonly delimiter: string
  /** What was asked for, as the answer repeats it. */
  readonly maxKeys: number
  /** The most that a page may hold. */
  readonly limit: number
  readonly encodingType: 'url' | undefined
  /** Writes a key, prefix or marker as the request wants it. */
  readonly encode: (text: string) => string
}

/** @param most what S3 gives at most, however much is asked for */
export const countParameter = (query: LoggedRequest['query'], name: string, most: number) => {
  const given = query[name]
  if (given === undefined) return most
  if (!/^\d{1,10}$/.test(given) || Number(given) >= 2 ** 31)
    throw invalidArgument(`Provided ${name} not an integer or within integer range`, name, given)
  return Math.min(Number(given), most)
}

const encodingOf = (query: LoggedRequest['query'], quirks: Quirks): 'url' | undefined => {
  const given = query['encoding-type']
  if (given !== undefined && given !== 'url')
    throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', given)
  return quirks.ignoresEncodingType === true ? undefined : given
}

const checkDirectory = (query: LoggedRequest['query']): void => {
  const { prefix = '', delimiter = '/', 'start-after': startAfter } = query
  if (startAfter !== undefined)
    throw invalidArgument('Directory buckets do not support StartAfter', 'start-after', startAfter)
  if (prefix !== '' && !prefix.endsWith('/'))
    throw invalidArgument('Prefixes of directory buckets must end in /', 'prefix', prefix)
  if (delimiter !== '/')
    throw invalidArgument('The delimiter of directory buckets is /', 'delimiter', delimiter)
}

/** @throws S3Error InvalidArgument */
export const listingParameters = (
  { query }: LoggedRequest,
  bucket: Bucket,
  quirks: Quirks,
): ListingParameters => {
  if (bucket.isDirectory) checkDirectory(query)
  const { prefix = '', delimiter = '' } = query
  const maxKeys = countParameter(query, 'max-keys', 1_000)
  const encodingType = encodingOf(query, quirks)
  const encoding = {
    space: quirks.encodesSpaceAsPercent20 === true ? '%20' : '+',
    slash: quirks.encodesSlash === true ? '%2F' : '/',
  } as const
  return {
    prefix,
    delimiter,
    maxKeys,
    limit: Math.min(maxKeys, quirks.maxKeys ?? maxKeys),
    encodingType,
    encode: encodingType === undefined ? (text) => text : (text) => encodeKey(text, encoding),
  }
}

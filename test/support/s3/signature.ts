/** AWS Signature Version 4, worked out anew from the request to be held against the one sent. */
import { createHash, createHmac } from 'node:crypto'
import { compareBytes } from './order.ts'
import type { Authorization, S3Request } from './request.ts'
import { encodeRfc3986 } from './xml.ts'

const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest()

const canonicalQuery = (parameters: S3Request['parameters']): string =>
  parameters
    .map(([name, value]) => `${encodeRfc3986(name)}=${encodeRfc3986(value)}`)
    .toSorted(compareBytes)
    .join('&')

const canonicalHeaders = (request: S3Request, names: readonly string[]): string =>
  names
    .map(
      (name) =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replace(/ +/g, ' ')}\n`,
    )
    .join('')

const canonicalRequest = (request: S3Request, { signedHeaders }: Authorization): string =>
  [
    request.method,
    // S3, alone among Amazon's services, does not encode the path once more.
    request.path,
    canonicalQuery(request.parameters),
    canonicalHeaders(request, signedHeaders),
    signedHeaders.join(';'),
    String(request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD'),
  ].join('\n')

/** Whether the request was signed with this secret key, as it is: nothing was changed on the way. */
export const isSignedWith = (
  secretKey: string,
  request: S3Request,
  authorization: Authorization,
): boolean => {
  const { date, region, service, signature } = authorization
  const textToSign = [
    'AWS4-HMAC-SHA256',
    String(request.headers['x-amz-date'] ?? ''),
    `${date}/${region}/${service}/aws4_request`,
    createHash('sha256').update(canonicalRequest(request, authorization)).digest('hex'),
  ].join('\n')
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(
    (signing, part) => hmac(signing, part),
    `AWS4${secretKey}`,
  )
  return hmac(key, textToSign).toString('hex') === signature
}

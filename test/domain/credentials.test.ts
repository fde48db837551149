import { describe, expect, test } from 'vitest'
import {
  CREDENTIAL_TYPES,
  forScanner,
  githubCredentials,
  s3Credentials,
  unauthenticated,
} from '../../src/domain/credentials.ts'

describe('credentials', () => {
  test('are of a type that the model knows', () => {
    expect(CREDENTIAL_TYPES).toEqual(['UNAUTHENTICATED', 'GITHUB', 'S3'])
  })

  test('for GitHub hold a token', () => {
    expect(githubCredentials('ghp_x')).toEqual({ type: 'GITHUB', values: { token: 'ghp_x' } })
  })

  test('for S3 hold a key pair, and a session token where there is one', () => {
    const pair = { accessKeyId: 'a', secretAccessKey: 's' }
    expect(s3Credentials(pair)).toEqual({ type: 'S3', values: pair })
    expect(s3Credentials({ ...pair, sessionToken: 't' })).toEqual({
      type: 'S3',
      values: { ...pair, sessionToken: 't' },
    })
  })

  test('do not change when what they were made of does', () => {
    const pair = { accessKeyId: 'a', secretAccessKey: 's' }
    const made = s3Credentials(pair)
    pair.secretAccessKey = 'changed'
    expect(made.values['secretAccessKey']).toBe('s')
  })

  test('for a scanner are one token, and not what the walk alone needs', () => {
    const pool = { token: 'a', tokens: ['a', 'b'], identity: 'x', reserve: '5%' }
    expect(forScanner({ type: 'GITHUB', values: pool })).toEqual(githubCredentials('a'))
    expect(forScanner({ type: 'GITHUB', values: { token: 'a', expiresAt: 7 } })).toEqual({
      type: 'GITHUB',
      values: { token: 'a', expiresAt: 7 },
    })
    const s3 = s3Credentials({ accessKeyId: 'a', secretAccessKey: 's' })
    expect(forScanner(s3)).toEqual(s3)
  })

  test('may be none, with headers that are sent all the same', () => {
    expect(unauthenticated()).toEqual({ type: 'UNAUTHENTICATED', values: {} })
    const headers = { 'x-team': 'a' }
    expect(unauthenticated({ headers })).toEqual({ type: 'UNAUTHENTICATED', values: { headers } })
  })
})

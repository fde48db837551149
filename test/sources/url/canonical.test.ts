import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalUrl } from '../../../src/sources/url/canonical.ts'

const canonical = (text: string): string => canonicalUrl(new URL(text))

describe('the canonical form of a URL', () => {
  test.each([
    ['HTTP://EXAMPLE.com:80', 'http://example.com/'],
    ['https://example.com:443/a', 'https://example.com/a'],
    ['https://example.com:80/a', 'https://example.com:80/a'],
    ['https://example.com/a?', 'https://example.com/a'],
    ['https://example.com/a#part', 'https://example.com/a'],
    ['https://example.com/a?#part', 'https://example.com/a'],
    ['https://example.com/a/./b/../c', 'https://example.com/a/c'],
    ['https://example.com/%61%2D%2e%5f%7E', 'https://example.com/a-._~'],
    ['https://example.com/%2f%3a%c3%bc', 'https://example.com/%2F%3A%C3%BC'],
    ['https://example.com/a?x=%7e&a=%26', 'https://example.com/a?x=~&a=%26'],
    ['https://example.com/a?b=1&a=2', 'https://example.com/a?b=1&a=2'],
    ['https://example.com/100%/%4', 'https://example.com/100%/%4'],
    ['https://example.com/%e%41', 'https://example.com/%e%41'],
    ['https://example.com/%2541', 'https://example.com/%2541'],
    ['https://example.com/%2e%2e/a', 'https://example.com/a'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['http://0x7f.1/', 'http://127.0.0.1/'],
  ])('of %s is %s', (text, expected) => {
    expect(canonical(text)).toBe(expected)
  })

  test('is its own canonical form', () => {
    const part = fc.constantFrom('%2e', '%2E', '.', '/', '%', '2', 'e', '%41', '?', '&', '%25', 'ü')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
        const once = canonical(`https://example.com/${parts.join('')}`)
        expect(canonical(once)).toBe(once)
      }),
      { numRuns: 2000 },
    )
  })
})

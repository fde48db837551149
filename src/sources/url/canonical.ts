/** RFC 3986, 2.3: characters that mean the same with and without their percent-encoding. */
const UNRESERVED = /^[\w.~-]$/

/**
 * The form that all spellings of one URL share: what a URL parser makes of it
 * (RFC 3986, 6.2.2 and 6.2.3: letter case, dot segments, the default port, the
 * host in ASCII), without its fragment and an empty query, and percent-encoded
 * only where that matters. The order of a query stays: it can matter.
 */
export function canonicalUrl({ origin, pathname, search }: URL): string {
  // Put together, not set anew: a setter would read the whole URL again. An empty query has no `?` here.
  return `${origin}${plainEncoding(pathname)}${plainEncoding(search)}`
}

/** A `%` that encodes nothing: what follows it could become a part of an encoding if it were decoded. */
const STRAY_PERCENT = /%(?![\da-f]{2})/i

function plainEncoding(text: string): string {
  if (!text.includes('%')) return text
  const isSound = !STRAY_PERCENT.test(text)
  return text.replaceAll(/%[\da-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return isSound && UNRESERVED.test(character) ? character : encoded.toUpperCase()
  })
}

import { SaxesParser } from 'saxes'
import { MAX_LINE_BYTES } from '../../line-cutter.ts'

/** What a sitemap lists: URLs of pages, or of more sitemaps. */
export type SitemapKind = 'urls' | 'sitemaps'

/** One entry as it stands there; without a place where there is none, or one too long to keep. */
export interface SitemapEntry {
  readonly loc?: string
  readonly lastmod?: string
}

/** Root elements, and what their entries are called: https://www.sitemaps.org/protocol.html */
const ROOTS: Readonly<Record<string, readonly [SitemapKind, entry: string]>> = {
  urlset: ['urls', 'url'],
  sitemapindex: ['sitemaps', 'sitemap'],
}

/** Characters that may pass without a tag, and elements within each other, before it counts as no sitemap: both are held in memory. */
const MAX_SILENCE = 1024 * 1024
const MAX_DEPTH = 50

/** A W3C date is at most 35 characters long. */
const MAX_LASTMOD = 64

/**
 * Reads a sitemap a piece at a time. What is read is an element's place among
 * the others, by the prefix of the root: `image:loc` is no `loc`.
 */
export class SitemapParser {
  readonly #xml = new SaxesParser({ position: true })
  readonly #path: string[] = []
  #entries: SitemapEntry[] = []
  #entry: { loc?: string; lastmod?: string } = {}
  #text = ''
  #silence = 0
  #prefix = ''
  #kind: SitemapKind | undefined
  #problem: string | undefined

  constructor() {
    this.#xml.on('opentag', ({ name }) => this.#open(name))
    this.#xml.on('closetag', ({ name }) => this.#close(name))
    this.#xml.on('text', (text) => this.#add(text))
    this.#xml.on('cdata', (text) => this.#add(text))
    this.#xml.on('comment', () => (this.#silence = 0))
    this.#xml.on('error', (error) => this.#fail(`is not well-formed XML (${error.message})`))
  }

  /** Known once the root element is. */
  get kind(): SitemapKind | undefined {
    return this.#kind
  }

  /** Why it could not be read to its end; nothing is read after it. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** The entries that end in this piece. */
  write(text: string): readonly SitemapEntry[] {
    if (this.#problem !== undefined) return []
    this.#silence += text.length
    this.#xml.write(text)
    if (this.#silence > MAX_SILENCE + text.length) this.#fail('is no sitemap: it has no tags')
    return this.#taken()
  }

  end(): readonly SitemapEntry[] {
    if (this.#problem === undefined) this.#xml.close()
    if (this.#kind === undefined) this.#fail('is no sitemap: it is empty')
    return this.#taken()
  }

  #taken(): readonly SitemapEntry[] {
    const taken = this.#entries
    this.#entries = []
    return taken
  }

  #fail(problem: string): void {
    this.#problem ??= problem
  }

  #open(name: string): void {
    this.#silence = 0
    this.#text = ''
    if (this.#path.length === 0) this.#root(name)
    if (this.#path.length > MAX_DEPTH) this.#fail('is no sitemap: its elements are nested too deep')
    this.#path.push(name)
    if (this.#path.length === 2) this.#entry = {}
  }

  #root(name: string): void {
    const [, prefix = '', local = ''] = /^(.*:)?([^:]*)$/s.exec(name) ?? []
    this.#prefix = prefix
    this.#kind = ROOTS[local]?.[0]
    const shown = JSON.stringify(name.slice(0, 40))
    if (this.#kind === undefined) this.#fail(`is no sitemap: its root element is ${shown}`)
  }

  #add(text: string): void {
    this.#silence = 0
    if (this.#path.length === 3) this.#text += text
  }

  #close(name: string): void {
    this.#silence = 0
    // What follows the first fault may be anything.
    if (this.#problem !== undefined) return
    const depth = this.#path.length
    this.#path.pop()
    if (depth === 3) this.#field(name.slice(this.#prefix.length))
    const root = this.#path[0]?.slice(this.#prefix.length) ?? ''
    if (depth === 2 && name === `${this.#prefix}${ROOTS[root]?.[1]}`)
      this.#entries.push(this.#entry)
  }

  #field(name: string): void {
    const text = this.#text.trim().toWellFormed()
    if (name === 'loc' && text !== '' && text.length <= MAX_LINE_BYTES) this.#entry.loc = text
    if (name === 'lastmod' && text !== '' && text.length <= MAX_LASTMOD) this.#entry.lastmod = text
  }
}

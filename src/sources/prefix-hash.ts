/**
 * What tells whether the beginning of a text is still what was read of it.
 *
 * One hash over all of it would have to be made anew from the first byte by
 * whoever goes on later: a hash in the making cannot be stored. A hash for each
 * page could be gone on with, but only by pages of the same size. So it is
 * chained over blocks of bytes, whose bounds depend on nothing but their place.
 */
import { createHash, type Hash } from 'node:crypto'

/** Bytes a block: what has to be read again, at the most, to go on with a stored hash. */
export const HASH_BLOCK_BYTES = 16 * 1024

const FORM = /^[\w-]{0,43}\.[\w-]{43}$/

/** A hash of all bytes so far, with which a later process can go on. */
export class PrefixHash {
  #chain: string
  #block: Hash
  #bytesInBlock = 0

  /** @param value of an earlier hash: goes on at the beginning of the block that it ended in */
  constructor(value = '.') {
    this.#chain = value.slice(0, value.indexOf('.'))
    this.#block = createHash('sha256').update(this.#chain)
  }

  /** Whether a stored text has the form of a `value`. */
  static isValue(value: unknown): value is string {
    return typeof value === 'string' && FORM.test(value)
  }

  /** Where the block begins that holds the byte at an offset. */
  static blockStart(offset: number): number {
    return offset - (offset % HASH_BLOCK_BYTES)
  }

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + HASH_BLOCK_BYTES - this.#bytesInBlock)
      this.#block.update(part)
      this.#bytesInBlock += part.length
      at += part.length
      if (this.#bytesInBlock === HASH_BLOCK_BYTES) this.#nextBlock()
    }
  }

  /** The hash up to the last whole block, and the one of everything. */
  get value(): string {
    return `${this.#chain}.${this.#block.copy().digest('base64url')}`
  }

  clone(): PrefixHash {
    const copy = new PrefixHash()
    copy.#chain = this.#chain
    copy.#block = this.#block.copy()
    copy.#bytesInBlock = this.#bytesInBlock
    return copy
  }

  #nextBlock(): void {
    this.#chain = this.#block.digest('base64url')
    this.#block = createHash('sha256').update(this.#chain)
    this.#bytesInBlock = 0
  }
}

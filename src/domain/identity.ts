import { hash } from 'node:crypto'
import { parse, v7 } from 'uuid'

/** The namespace of every identity derived here; drawn once, never to change. */
const NAMESPACE = '7d0d4f6e-5c1b-4c0e-9b8a-3f0f5f0c9d21'

const NAMESPACE_BYTES = 16

/** Namespace and name lie one after the other here while they are hashed. */
let scratch = Buffer.alloc(1_024)
let namespaceInScratch = ''

/** The beginnings of `scratch`, by length: names are of a few lengths, and each view is an object of its own. */
let beginnings: Buffer[] = []

/** A UUID as text, while it is put together. */
const form = Buffer.alloc(36)
const DASH = 0x2d
const VERSION = 0x35
const VARIANTS = Buffer.from('89ab')

/** @throws TypeError for a namespace that is no UUID */
function putNamespace(namespace: string): void {
  if (namespace === namespaceInScratch) return
  scratch.set(parse(namespace))
  namespaceInScratch = namespace
}

/** UTF-8 takes three bytes at most for what is one unit of a JavaScript string. */
function makeRoom(units: number): void {
  const bytes = NAMESPACE_BYTES + 3 * units
  if (bytes <= scratch.length) return
  scratch = Buffer.alloc(bytes)
  beginnings = []
  namespaceInScratch = ''
}

/**
 * A UUID of version 5 (RFC 9562, section 5.5). The `uuid` package's own takes
 * 5 µs, this one 1: two for each item were a third of a page's commit.
 *
 * @throws TypeError for a namespace that is no UUID
 */
function v5(name: string, namespace: string): string {
  makeRoom(name.length)
  putNamespace(namespace)
  const end = NAMESPACE_BYTES + scratch.write(name, NAMESPACE_BYTES)
  const named = (beginnings[end] ??= scratch.subarray(0, end))
  return inGroups(hash('sha1', named, 'hex'))
}

/** The first 32 of the digits with the dashes, the version and the variant of a UUID. */
function inGroups(digits: string): string {
  // The last group falls into its place; those before it move up to theirs.
  form.write(digits, 4, 32, 'latin1')
  form.copyWithin(0, 4, 12)
  form.copyWithin(9, 12, 16)
  form.copyWithin(14, 16, 20)
  form.copyWithin(19, 20, 24)
  form[8] = form[13] = form[18] = form[23] = DASH
  form[14] = VERSION
  form[19] = VARIANTS.readUInt8(Number.parseInt(digits.charAt(16), 16) & 0x3)
  return form.toString('latin1')
}

/** A new identity, in order of birth. */
export const newId = (): string => v7()

/** The same resource has the same scan target in every session and on every machine. */
export const scanTargetId = (sourceType: string, resourceKey: string): string =>
  v5(`${sourceType}\0${resourceKey}`, NAMESPACE)

/** One task for each scan target of a session: a page read twice makes no second task. */
export const taskId = (sessionId: string, scanTarget: string): string => v5(scanTarget, sessionId)

/** A batch is known by its session and number. */
export const batchId = (sessionId: string, number: number): string =>
  v5(`batch\0${number}`, sessionId)

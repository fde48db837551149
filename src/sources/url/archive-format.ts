import { gunzipSync, constants } from 'node:zlib'
import { fileTypeFromBuffer } from 'file-type'
import type { ArchiveFormat } from './spec.ts'

/** What the first bytes of a gzip may unpack to; 4 KB of zeros would be 4 MB. */
const MAX_UNPACKED_BYTES = 8 * 1024 * 1024

/** Whether bytes begin as RFC 1952 wants it: the magic number and the one method there is. */
export const isGzip = ([first, second, method]: Uint8Array): boolean =>
  first === 0x1f && second === 0x8b && (method === undefined || method === 8)

/** Names of what file-type tells by magic numbers. */
const BY_EXTENSION: Readonly<Record<string, ArchiveFormat>> = {
  tar: 'tar',
  bz2: 'bzip2',
  xz: 'xz',
  zst: 'zstd',
}

/** Packed tars that Node cannot unpack, told by their names. */
const TAR_NAMES: Readonly<Partial<Record<ArchiveFormat, readonly [RegExp, ArchiveFormat]>>> = {
  bzip2: [/\.(?:tar\.bz2|tbz2?)$/i, 'tar.bz2'],
  xz: [/\.(?:tar\.xz|txz)$/i, 'tar.xz'],
}

/**
 * How content is packed, by its first bytes; `none` for what is no archive that
 * is known.
 *
 * @param pathname of its URL, for what its bytes do not tell
 */
export async function archiveFormatOf(bytes: Uint8Array, pathname: string): Promise<ArchiveFormat> {
  if (isWarc(bytes)) return 'warc'
  if (isGzip(bytes) && bytes.length > 2) return gzipFormat(firstUnpacked(bytes))
  // Before file-type: it tells what a zip is used for, such as a document.
  if (isZip(bytes)) return 'zip'
  const format = BY_EXTENSION[await extensionOf(bytes)] ?? 'none'
  const [name, tar] = TAR_NAMES[format] ?? []
  return tar !== undefined && name?.test(pathname) === true ? tar : format
}

async function gzipFormat(unpacked: Uint8Array): Promise<ArchiveFormat> {
  if (isWarc(unpacked)) return 'warc.gz'
  return (await extensionOf(unpacked)) === 'tar' ? 'tar.gz' : 'gzip'
}

/** The first line of a WARC record: ISO 28500, "warc/1.1" in any case. */
const isWarc = (bytes: Uint8Array): boolean =>
  /^warc\/\d/i.test(Buffer.from(bytes.subarray(0, 6)).toString('latin1'))

/** Local file, empty archive, or spanned: 4.3.7, 4.3.16 and 8.5.3 of the ZIP specification. */
const isZip = ([first, second, third, fourth]: Uint8Array): boolean =>
  first === 0x50 &&
  second === 0x4b &&
  ((third === 3 && fourth === 4) || (third === 5 && fourth === 6) || (third === 7 && fourth === 8))

/** What can be unpacked of the beginning of a gzip; nothing of a damaged one. */
function firstUnpacked(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: MAX_UNPACKED_BYTES,
    })
  } catch {
    return new Uint8Array()
  }
}

async function extensionOf(bytes: Uint8Array): Promise<string> {
  try {
    return (await fileTypeFromBuffer(bytes))?.ext ?? ''
  } catch {
    // It may want more of the file than its beginning.
    return ''
  }
}

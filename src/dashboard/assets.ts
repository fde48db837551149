import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { errorRecord, MusterError } from '../domain/errors.ts'

export interface Asset {
  readonly type: string
  readonly body: string
  readonly etag: string
}

/** Beside this file in the sources, and beside the folder of what is bundled in the package. */
const FOLDER = new URL('../dashboard/web/', import.meta.url)

const asset = (type: string, body: string): Asset => ({
  type: `${type}; charset=utf-8`,
  body,
  etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
})

const textOf = (name: string): Promise<string> => readFile(new URL(name, FOLDER), 'utf8')

async function textOrNothing(name: string): Promise<string | undefined> {
  try {
    return await textOf(name)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw thrown
  }
}

/** As much of the bundler as is used here: it is there in development only. */
interface Bundler {
  build(options: object): Promise<{ readonly output: readonly { readonly code?: string }[] }>
}

/** How the page's script is made; the package's own build does it the same way. */
export const SCRIPT_OPTIONS = {
  platform: 'browser',
  transform: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  output: { format: 'esm', minify: true, codeSplitting: false },
} as const

const notThere = (cause?: unknown): MusterError =>
  new MusterError(
    'NOT_SUPPORTED',
    `the dashboard's page is not in ${fileURLToPath(FOLDER)}, and rolldown, which makes it, is not installed: run "npm run build", or install the package again`,
    { cause },
  )

/** From the sources, for those who work on Muster. */
async function bundled(): Promise<string> {
  // Not written as a literal: it is no dependency of the package.
  const name = 'rolldown'
  const { build } = await import(name).then(
    (bundler: Bundler) => bundler,
    (thrown: unknown) => {
      throw notThere(thrown)
    },
  )
  const input = fileURLToPath(new URL('main.tsx', FOLDER))
  try {
    const { output } = await build({ ...SCRIPT_OPTIONS, input, write: false, logLevel: 'silent' })
    return output[0]?.code ?? ''
  } catch (thrown) {
    throw new MusterError(
      'NOT_SUPPORTED',
      `the dashboard's page cannot be made of its sources: ${errorRecord(thrown).message}`,
      { cause: thrown },
    )
  }
}

const FILES: Readonly<Record<string, { readonly type: string; make(): Promise<string> }>> = {
  '/': { type: 'text/html', make: () => textOf('index.html') },
  '/app.js': { type: 'text/javascript', make: bundled },
  '/app.css': { type: 'text/css', make: () => textOf('styles.css') },
}

/** @returns what is served under a path; undefined where nothing is */
export type Assets = (path: string) => Promise<Asset | undefined>

/**
 * The page, its style and its script: as they are in the package, read once; or
 * in development made of the sources anew each time, so that a reload shows
 * what was changed.
 *
 * @throws NOT_SUPPORTED where there is neither
 */
export async function loadAssets(): Promise<Assets> {
  const [page, script, style] = await Promise.all(
    ['index.html', 'app.js', 'app.css'].map(textOrNothing),
  )
  if (page === undefined) throw notThere()
  if (script === undefined || style === undefined) return fromSources
  const built: Readonly<Record<string, string>> = {
    '/': page,
    '/app.js': script,
    '/app.css': style,
  }
  const assets = new Map(
    Object.entries(built).map(([path, body]) => [path, asset(FILES[path]?.type ?? '', body)]),
  )
  return async (path) => assets.get(path)
}

async function fromSources(path: string): Promise<Asset | undefined> {
  const file = Object.hasOwn(FILES, path) ? FILES[path] : undefined
  return file === undefined ? undefined : asset(file.type, await file.make())
}

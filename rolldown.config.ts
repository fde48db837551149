/**
 * Bundles what users run. Whatever is JavaScript alone and always needed comes
 * in: Kysely and zod are five hundred small files between them, the others a
 * hundred more, and loading those took two thirds of the time from the start of
 * a process to its first page. XState stays outside: a host that imports it has
 * to have the same one. Declarations are TypeScript's.
 */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { defineConfig, type Plugin } from 'rolldown'
import { SCRIPT_OPTIONS } from './src/dashboard/assets.ts'

/** Packages that come in; each is a devDependency. */
export const BUNDLED = [
  'birpc',
  'hosted-git-info',
  'kysely',
  'leven',
  'p-queue',
  'parse-duration',
  'picomatch',
  'safe-stable-stringify',
  'uuid',
  'zod',
]

/** What they need and bring with them. */
const WITH_THEM = ['lru-cache']

const INSIDE = [...BUNDLED, ...WITH_THEM]

/** What the dashboard's page imports; all of it is in its script. */
export const PAGE_PACKAGES = [
  '@dagrejs/dagre',
  '@preact/signals',
  '@tanstack/virtual-core',
  'preact',
]

function licenceOf(name: string): string {
  const folder = `node_modules/${name}`
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (file === undefined) throw new Error(`${name} has no licence to pass on`)
  return readFileSync(`${folder}/${file}`, 'utf8')
}

/** Their licences ask to be passed on with them. */
const licences = {
  name: 'licences',
  writeBundle() {
    const texts = INSIDE.map((name) => `${name}\n\n${licenceOf(name)}`)
    writeFileSync('dist/THIRD-PARTY-LICENSES.txt', texts.join('\n\n'))
  },
}

/** The packages that are in a bundle, by where its modules are. */
const packagesOf = (modules: readonly string[]): string[] => {
  const names = modules.map((id) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? '')
  return [...new Set(names)].filter((name) => name !== '').toSorted()
}

const PAGE = 'src/dashboard/web'

/** Beside the script: the page, its style, and the licences of what is in the script. */
const pageFiles: Plugin = {
  name: 'page-files',
  writeBundle(_, bundle) {
    copyFileSync(`${PAGE}/index.html`, `dist/${PAGE}/index.html`)
    copyFileSync(`${PAGE}/styles.css`, `dist/${PAGE}/app.css`)
    const modules = Object.values(bundle).flatMap((one) =>
      one.type === 'chunk' ? one.moduleIds : [],
    )
    const texts = packagesOf(modules).map((name) => `${name}\n\n${licenceOf(name)}`)
    writeFileSync(`dist/${PAGE}/THIRD-PARTY-LICENSES.txt`, texts.join('\n\n'))
  },
}

/** The dashboard's page: one script that asks for nothing from elsewhere. */
const page = defineConfig({
  ...SCRIPT_OPTIONS,
  input: { app: `${PAGE}/main.tsx` },
  plugins: [pageFiles],
  output: { ...SCRIPT_OPTIONS.output, dir: `dist/${PAGE}`, entryFileNames: '[name].js' },
})

const isOurs = (id: string): boolean => id.startsWith('.') || id.startsWith('/')

/** What users run. */
export const programs = defineConfig({
  input: {
    'src/index': 'src/index.ts',
    'src/cli/main': 'src/cli/main.ts',
    'src/nats': 'src/nats.ts',
    'src/testing/index': 'src/testing/index.ts',
    'machines/index': 'machines/index.ts',
    // Threads are started by their address, beside the code that does so.
    'src/chunks/database-thread': 'src/store/thread/worker.ts',
    'src/chunks/log-merger': 'src/store/merging/worker.ts',
  },
  platform: 'node',
  external: (id) => !isOurs(id) && !INSIDE.includes(id),
  plugins: [licences],
  output: {
    dir: 'dist',
    format: 'esm',
    chunkFileNames: 'src/chunks/[name]-[hash].js',
    sourcemap: true,
    // A process reads all of it when it starts. Names and lines stay as they are, for stack traces.
    comments: false,
  },
})

export default [programs, page]

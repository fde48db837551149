/**
 * Bundles what users run. Whatever is JavaScript alone and always needed comes
 * in: Kysely and zod are five hundred small files between them, the others a
 * hundred more, and loading those took two thirds of the time from the start of
 * a process to its first page. XState stays outside: a host that imports it has
 * to have the same one. Declarations are TypeScript's.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'

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

const isOurs = (id: string): boolean => id.startsWith('.') || id.startsWith('/')

export default defineConfig({
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

/**
 * Bundles what users run. Kysely and zod come in: between them they are five
 * hundred small files, and loading those took two thirds of the time from the
 * start of a process to its first page. XState stays outside: a host that
 * imports it has to have the same one. Declarations are TypeScript's.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'

/** Packages that come in; each is a devDependency. */
export const BUNDLED = ['kysely', 'zod']

/** Their licences ask to be passed on with them. */
const licences = {
  name: 'licences',
  writeBundle() {
    const texts = BUNDLED.map(
      (name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, 'utf8')}`,
    )
    writeFileSync('dist/THIRD-PARTY-LICENSES.txt', texts.join('\n\n'))
  },
}

const isOurs = (id: string): boolean => id.startsWith('.') || id.startsWith('/')

export default defineConfig({
  input: {
    'src/index': 'src/index.ts',
    'src/cli/main': 'src/cli/main.ts',
    'src/testing/index': 'src/testing/index.ts',
    'machines/index': 'machines/index.ts',
    // Threads are started by their address, beside the code that does so.
    'src/chunks/database-thread': 'src/store/thread/worker.ts',
    'src/chunks/log-merger': 'src/store/merging/worker.ts',
  },
  platform: 'node',
  external: (id) => !isOurs(id) && !BUNDLED.includes(id),
  plugins: [licences],
  output: {
    dir: 'dist',
    format: 'esm',
    chunkFileNames: 'src/chunks/[name]-[hash].js',
    sourcemap: true,
  },
})

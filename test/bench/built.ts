import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { programs } from '../../rolldown.config.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Builds one of the programs in `children`, with all that it imports, as the
 * package is built: where it matters how soon a process is there, users do not
 * wait for types to be stripped.
 *
 * @param name without `.ts`
 * @param folder an empty one, for the build
 * @returns the path of the program
 * @throws Error with what the bundler said
 */
export async function buildChild(name: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  await build({
    cwd: ROOT,
    ...programs,
    // The licences are the package's matter.
    plugins: [],
    input: {
      ...(programs.input as Record<string, string>),
      [`src/${name}`]: `test/bench/children/${name}.ts`,
    },
    output: { ...programs.output, dir: folder, sourcemap: false },
    logLevel: 'warn',
  })
  return join(folder, 'src', `${name}.js`)
}

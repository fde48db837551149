import { spawnSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Builds one of the programs in `children`, with all that it imports, as the
 * package is built: where it matters how soon a process is there, users do not
 * wait for types to be stripped.
 *
 * @param name without `.ts`
 * @param folder an empty one, for the build
 * @returns the path of the program
 * @throws Error with what the compiler said
 */
export function buildChild(name: string, folder: string): string {
  const source = fileURLToPath(new URL(`children/${name}.ts`, import.meta.url))
  const config = join(folder, 'tsconfig.json')
  const compilerOptions = {
    noEmit: false,
    allowImportingTsExtensions: false,
    // Whether it is typed right is asked elsewhere.
    noCheck: true,
    rootDir: ROOT,
    outDir: folder,
    typeRoots: [join(ROOT, 'node_modules/@types')],
  }
  writeFileSync(
    config,
    JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: [source] }),
  )
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', config], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`building ${name} failed:\n${stdout}`)
  return join(folder, relative(ROOT, source).replace(/\.ts$/, '.js'))
}

/**
 * Draws where the time of a walk goes, as a flame graph:
 *
 *   node test/bench/profile.ts OUT.svg [ITEMS]
 *
 * A process of its own walks a local listing and takes its tasks under V8's
 * sampling profiler.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { flameGraph, type Frame } from './flame.ts'

interface Node {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: readonly number[]
}

interface Profile {
  readonly nodes: readonly Node[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const [out, items = '100000'] = process.argv.slice(2)
if (out === undefined) {
  console.error('usage: node test/bench/profile.ts OUT.svg [ITEMS]')
  process.exit(2)
}

function profiled(): Profile {
  const folder = mkdtempSync(join(tmpdir(), 'muster-profile-'))
  try {
    const walk = fileURLToPath(new URL('children/memory.ts', import.meta.url))
    const input = JSON.stringify({ folder, items: Number(items) })
    const args = ['--cpu-prof', `--cpu-prof-dir=${folder}/profiles`, walk, input]
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
    const files = readdirSync(`${folder}/profiles`).map((name) => `${folder}/profiles/${name}`)
    const texts = files.map((file) => readFileSync(file, 'utf8'))
    // The thread that merges the log has a profile of its own, a short one.
    const longest = texts.toSorted((a, b) => b.length - a.length)[0]
    return JSON.parse(longest ?? '{}') as Profile
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What a function belongs to. */
function partOf({ functionName, url }: Node['callFrame']): string {
  if (functionName.startsWith('(')) return functionName.replaceAll(/[()]/g, '')
  const [, inPackage] = url.split('node_modules/')
  if (inPackage !== undefined) {
    const [scope = '', name = ''] = inPackage.split('/')
    return scope.startsWith('@') ? `${scope}/${name}` : scope
  }
  // What is not a file is Node's own, or its WebAssembly.
  if (!url.startsWith('file:')) return 'node'
  const file = fileURLToPath(url).replace(ROOT, '')
  // A statement runs in native code, which is billed to whoever calls it.
  if (file === 'src/store/sqlite.ts') return 'SQLite'
  if (file.startsWith('test/')) return 'the source and the host'
  return file.replace(/^src\//, '').split('/')[0] ?? file
}

/** The functions of ours on the way to where the time went; those of packages lie between them without end. */
function stepOf({ functionName, url }: Node['callFrame']): string | null {
  if (!url.startsWith('file:') || url.includes('node_modules') || functionName === '') return null
  const file = fileURLToPath(url).replace(ROOT, '')
  if (/^(src\/store\/sqlite|test\/)/.test(file)) return null
  return `${file.replace(/^src\//, '')} ${functionName}`
}

/** First the part that spent the time, then who asked for it: awaited calls have no callers to show. */
function framesOf({ nodes, samples, timeDeltas }: Profile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((c) => [c, id])))
  const root: Frame = { name: 'a walk', time: 0, children: new Map() }
  for (const [index, id] of samples.entries()) {
    const leaf = byId.get(id)
    if (leaf === undefined || /^\((idle|root)\)$/.test(leaf.callFrame.functionName)) continue
    const steps: string[] = []
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const node = byId.get(at)
      const step = node === undefined ? null : stepOf(node.callFrame)
      if (step !== null && steps[0] !== step) steps.unshift(step)
    }
    add(root, [partOf(leaf.callFrame), ...steps], timeDeltas[index] ?? 0)
  }
  return root
}

function add(root: Frame, path: readonly string[], time: number): void {
  let frame = root
  frame.time += time
  for (const name of path) {
    const child = frame.children.get(name) ?? { name, time: 0, children: new Map() }
    frame.children.set(name, child)
    child.time += time
    frame = child
  }
}

writeFileSync(out, flameGraph(framesOf(profiled())))

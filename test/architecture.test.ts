import { readdirSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { BUNDLED, PAGE_PACKAGES } from '../rolldown.config.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly dependencies: Record<string, string>
}

const isScript = (name: string): boolean => /\.tsx?$/.test(name)

const filesUnder = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && isScript(entry.name))
    // What the benchmark is held against is installed beside it.
    .filter((entry) => !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))

const FILES = [...filesUnder('machines'), ...filesUnder('src')].toSorted()
const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

/** A text without its comments, whose words are free. */
const codeOf = (file: string): string =>
  textOf(file).replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|[\s;{(,])\/\/.*$/gm, '')

interface Import {
  readonly from: string
  /** A file of the project, or the name of a package; `node:` for what comes with Node. */
  readonly to: string
  /** Whether it leaves nothing behind when types are taken away. */
  readonly isType: boolean
}

const STATEMENT =
  /^\s*(?:import|export)\s+(type\s)?[^'"();]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm

function importsOf(file: string): Import[] {
  return [...codeOf(file).matchAll(STATEMENT)].map(([, type, from, bare, dynamic]) => {
    const specifier = from ?? bare ?? dynamic ?? ''
    return { from: file, to: targetOf(file, specifier), isType: type !== undefined }
  })
}

function targetOf(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return join(dirname(file), specifier)
  if (isBuiltin(specifier)) return 'node:'
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

const IMPORTS = FILES.flatMap(importsOf)

/** A part of the project: the first of these patterns that a file matches. */
const PARTS: readonly (readonly [string, RegExp])[] = [
  ['machines', /^machines\//],
  ['domain', /^src\/domain\//],
  // The ports: what an adapter is written against.
  ['store port', /^src\/store\/store\.ts$/],
  ['source port', /^src\/sources\/(source|redact|wording)\.ts$/],
  ['nats', /^src\/delivery\/nats\//],
  ['delivery', /^src\/delivery\//],
  ['leadership port', /^src\/orchestration\/leadership\.ts$/],
  ['planning port', /^src\/planning\/history\.ts$/],
  // The core.
  ['planning', /^src\/planning\//],
  ['enumeration', /^src\/enumeration\//],
  ['orchestration', /^src\/orchestration\//],
  // The adapters.
  ['store', /^src\/store\//],
  ['sources', /^src\/sources\//],
  ['config', /^src\/config\//],
  ['observe', /^src\/observe\//],
  // What a plug-in author runs.
  ['testing', /^src\/testing\//],
  // Where it is all put together.
  ['composition', /^src\/(muster|hosting|options|index|nats|serving|plan-config)\.ts$/],
  // The page, which runs in a browser, shares its words with the server and nothing else.
  ['page', /^src\/dashboard\/web\//],
  ['wire', /^src\/dashboard\/wire\.ts$/],
  ['dashboard', /^src\/dashboard\//],
  ['version', /^src\/version\.ts$/],
  ['cli', /^src\/cli\//],
]

/** What each part may import; nothing else, and no part that is not named. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  machines: ['machines', 'xstate'],
  domain: ['domain', 'machines', 'xstate', 'node:', 'uuid', 'safe-stable-stringify'],
  'store port': ['domain', 'source port'],
  'source port': ['source port', 'domain', 'machines', '@standard-schema/spec', 'leven'],
  delivery: ['delivery', 'domain', 'machines', 'store port', 'node:', 'zod'],
  nats: [
    'nats',
    'delivery',
    'domain',
    'node:',
    'zod',
    '@nats-io/jetstream',
    '@nats-io/transport-node',
  ],
  'leadership port': [],
  enumeration: [
    'enumeration',
    'machines',
    'domain',
    'store port',
    'source port',
    'delivery',
    'node:',
    'xstate',
    'zod',
    'p-queue',
  ],
  orchestration: [
    'orchestration',
    'leadership port',
    'enumeration',
    'machines',
    'domain',
    'store port',
    'delivery',
    'xstate',
  ],
  'planning port': ['domain'],
  planning: ['planning', 'planning port', 'machines', 'domain', 'store port', 'source port'],
  store: [
    'planning port',
    'store',
    'store port',
    'source port',
    'machines',
    'domain',
    'node:',
    'kysely',
    'better-sqlite3',
    'birpc',
    'pg',
  ],
  sources: [
    'sources',
    'source port',
    'version',
    'machines',
    'domain',
    'node:',
    'zod',
    '@octokit/rest',
    'hosted-git-info',
    'picomatch',
    'p-queue',
    'parse-duration',
    '@aws-sdk/client-s3',
    // What comes from outside the configuration is reached by one road, and read as what it is.
    'undici',
    'ipaddr.js',
    'saxes',
    'robots-parser',
    'file-type',
  ],
  // Credentials are part of the configuration; the core sees them through its own port.
  config: [
    'config',
    'source port',
    'enumeration',
    'domain',
    'node:',
    'version',
    'zod',
    'yaml',
    '@standard-schema/spec',
    // An app's key becomes tokens where credentials are resolved.
    '@octokit/auth-app',
    '@octokit/rest',
    // And a role or a profile becomes keys.
    '@aws-sdk/credential-providers',
  ],
  observe: [
    'observe',
    'delivery',
    'store port',
    'source port',
    'version',
    'zod',
    // Loaded by whoever has telemetry, or asks for numbers.
    '@opentelemetry/api',
    '@opentelemetry/exporter-prometheus',
    '@opentelemetry/sdk-metrics',
    'domain',
    'machines',
    'enumeration',
    'node:',
    'xstate',
    'pino',
  ],
  version: [],
  wire: ['domain', 'machines'],
  page: [
    'page',
    'wire',
    'domain',
    'machines',
    'preact',
    '@preact/signals',
    '@dagrejs/dagre',
    '@tanstack/virtual-core',
  ],
  dashboard: [
    'dashboard',
    'wire',
    'domain',
    'machines',
    'store port',
    'node:',
    'xstate',
    'zod',
    'hono',
    '@hono/node-server',
  ],
  testing: [
    'testing',
    'composition',
    'domain',
    'machines',
    'store port',
    'source port',
    'node:',
    'xstate',
    '@xstate/graph',
  ],
  composition: [
    'planning',
    'composition',
    'config',
    'delivery',
    'nats',
    'domain',
    'enumeration',
    'orchestration',
    'leadership port',
    'sources',
    'source port',
    'store',
    'store port',
    'observe',
    'node:',
    'p-queue',
    'zod',
    'pino',
    'dashboard',
    'xstate',
    'version',
  ],
  cli: [
    'planning',
    'cli',
    'composition',
    'version',
    'machines',
    'xstate',
    'pino',
    'leven',
    'delivery',
    'domain',
    'source port',
    'store',
    'store port',
    'observe',
    'node:',
    'commander',
    'cli-table3',
    'log-update',
    'parse-duration',
    'dashboard',
    'wire',
  ],
}

/** Imports of types alone, which leave no edge when the program runs. */
const MAY_IMPORT_TYPES: Record<string, readonly string[]> = {
  // What a walk needs is told by the core; who provides it speaks in its words.
  config: ['enumeration'],
  observe: ['enumeration'],
  // What a browser loads has none of the server's code in it.
  page: ['domain', 'machines'],
}

const partOf = (file: string): string | undefined =>
  PARTS.find(([, pattern]) => pattern.test(file))?.[0]

/** The part of a project file, or the package itself. */
const partOrPackage = (to: string): string =>
  isScript(to) ? (partOf(to) ?? `${to}, which is in no part`) : to

describe('imports', () => {
  test('are found: every file but a few imports something', () => {
    expect(FILES.length).toBeGreaterThan(60)
    expect(IMPORTS.length).toBeGreaterThan(FILES.length * 2)
    expect(importsOf('src/index.ts').map(({ to }) => to)).toContain('src/muster.ts')
    // One line, several lines, types, re-exports, packages of an organisation.
    expect(importsOf('src/enumeration/actors.ts')).toMatchObject([
      { to: 'xstate', isType: false },
      { to: 'machines/index.ts', isType: false },
      { to: 'src/delivery/event-bus.ts', isType: false },
      { to: 'src/enumeration/ports.ts', isType: true },
      { to: 'src/enumeration/walk.ts', isType: true },
      { to: 'src/enumeration/walker.ts', isType: true },
    ])
    expect(importsOf('src/sources/source.ts').map(({ to }) => to)).toContain(
      '@standard-schema/spec',
    )
  })

  test('every file belongs to a part of the project', () => {
    expect(FILES.filter((file) => partOf(file) === undefined)).toEqual([])
  })

  test.each(Object.keys(MAY_IMPORT))('%s imports what it may, and nothing else', (part) => {
    const own = IMPORTS.filter(({ from }) => partOf(from) === part)
    const wrong = own.filter(({ to, isType }) => {
      const target = partOrPackage(to)
      const typesOnly = MAY_IMPORT_TYPES[part]?.includes(target) === true
      return !MAY_IMPORT[part]?.includes(target) || (typesOnly && !isType)
    })
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([])
  })

  test('nothing but the composition root and the command line imports an adapter', () => {
    const adapters = new Set(['store', 'sources', 'config', 'observe', 'nats'])
    const outside = IMPORTS.filter(({ from, to }) => {
      const [importer = '', imported] = [partOf(from), partOrPackage(to)]
      return adapters.has(imported) && importer !== imported
    })
    const importers = new Set(outside.map(({ from }) => partOf(from)))
    expect([...importers].filter((part) => part !== 'composition' && part !== 'cli')).toEqual([])
  })

  test('are of packages that the project depends on', () => {
    const packages = IMPORTS.map(({ to }) => to).filter((to) => !isScript(to))
    // What is bundled comes with the package.
    const bundled = [...BUNDLED, ...PAGE_PACKAGES]
    const known = new Set(['node:', ...bundled, ...Object.keys(PACKAGE.dependencies)])
    expect([...new Set(packages)].filter((name) => !known.has(name))).toEqual([])
    // Both bundled and installed, it would be there twice.
    expect(bundled.filter((name) => name in PACKAGE.dependencies)).toEqual([])
  })

  test('go in no circle', () => {
    const edges = Map.groupBy(
      IMPORTS.filter(({ to }) => isScript(to)),
      ({ from }) => from,
    )
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (file: string, path: readonly string[]) => {
      if (path.includes(file)) {
        circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
        return
      }
      if (done.has(file)) return
      for (const { to } of edges.get(file) ?? []) visit(to, [...path, file])
      done.add(file)
    }
    for (const file of FILES) visit(file, [])
    expect(circles).toEqual([])
  })
})

/** What runs in a host's process on every walk. */
const CORE = ['machines', 'domain', 'enumeration', 'orchestration', 'delivery', 'store', 'sources']
const coreFiles = FILES.filter((file) =>
  CORE.some((part) => partOf(file) === part || partOf(file) === `${part.replace(/s$/, '')} port`),
)

describe('the core', () => {
  test.each<[string, RegExp]>([
    ['writes to no console', /\bconsole\s*[.[]/],
    ['writes to no standard stream', /process\.(stdout|stderr)/],
    ['knows no logger', /\bpino\b|\blogger\b/i],
    ['knows no tracer', /opentelemetry|\btracer\b|\bspan\b/i],
    ['ends no process', /process\.(exit|abort|kill\((?!pid, 0\)))/],
  ])('%s', (_, pattern) => {
    expect(coreFiles.length).toBeGreaterThan(40)
    expect(coreFiles.filter((file) => pattern.test(codeOf(file)))).toEqual([])
  })

  test('takes time from the clock that it is given', () => {
    const reads = coreFiles.filter((file) => /Date\.now\(|new Date\(\)/.test(codeOf(file)))
    // How long to knock at a locked file is no matter of the walk's time.
    expect(reads).toEqual(['src/domain/clock.ts', 'src/store/sqlite.ts'])
  })

  test('reads no environment', () => {
    expect(coreFiles.filter((file) => /process\.env/.test(codeOf(file)))).toEqual([])
  })
})

describe('every file', () => {
  test('is known by a name in small letters and hyphens', () => {
    const names = FILES.map((file) => file.split('/').at(-1) ?? '')
    expect(
      names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.machine)?\.tsx?$/.test(name)),
    ).toEqual([])
  })

  test('speaks of nothing outside the project', () => {
    const all = [...FILES, ...filesUnder('test'), 'machines/SPEC.md', 'package.json']
    const outside = all.filter((file) => {
      const text = textOf(file)
      const climbs = [...text.matchAll(/['"`]((?:\.\.\/)+)/g)].some(([, up = '']) => {
        const depth = dirname(file) === '.' ? 0 : dirname(file).split('/').length
        return up.length / 3 > depth
      })
      return climbs || /(?<![\w.:/])\/(?:work|home|root|Users)\/\w/.test(text)
    })
    expect(outside).toEqual([])
  })
})

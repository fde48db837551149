import { createVitest, type TestModule, type TestRunResult } from 'vitest/node'
import type { MachineId } from './machines.ts'
import { mutantPlugin } from './plugin.ts'
import { ASKED, suitesOf, type Depth } from './suites.ts'

/**
 * A process that runs tests against one mutant after the other. Vitest is
 * started once; each run of it has a process of its own with the mutant in it.
 */
export interface Job {
  /** The mutant; empty for the machine as it is. */
  readonly id: string
  readonly machine: MachineId
  readonly depth: Depth
}

export type Fate = 'survived' | 'killed' | 'hung' | 'invalid'

export interface Verdict {
  readonly id: string
  readonly fate: Fate
  /** The test that noticed it. */
  readonly by: string
}

/** A test that has not ended by then hangs: as in the usual run. */
const TEST_TIMEOUT_MS = 60_000

/** As in the usual run: XState's build with all its checks. */
const conditions = ['development']

const vitest = await createVitest(
  'test',
  {
    config: false,
    watch: false,
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    execArgv: ['--conditions=development'],
    env: { MUSTER_SEED: process.env['MUSTER_SEED'] ?? '1' },
    testTimeout: TEST_TIMEOUT_MS,
    testNamePattern: ASKED,
    bail: 1,
    silent: true,
    reporters: [{}],
  },
  {
    plugins: [mutantPlugin()],
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: conditions } },
  },
)
await vitest.standalone()
const project = vitest.getRootProject()

function judge(module: TestModule, { unhandledErrors }: TestRunResult): Omit<Verdict, 'id'> {
  const [loading] = module.errors()
  if (loading !== undefined) return { fate: 'invalid', by: loading.message }
  const [failed] = module.children.allTests('failed')
  if (failed !== undefined) {
    const hung = failed.result().errors?.some(({ message }) => message.startsWith('Test timed out'))
    return { fate: hung === true ? 'hung' : 'killed', by: failed.fullName }
  }
  const [stray] = unhandledErrors as { readonly message?: string }[]
  if (stray !== undefined) return { fate: 'killed', by: `unhandled: ${stray.message}` }
  const passed = [...module.children.allTests('passed')].length
  return passed === 0 ? { fate: 'invalid', by: 'no test ran' } : { fate: 'survived', by: '' }
}

async function run({ id, machine, depth }: Job): Promise<Verdict> {
  project.config.env['MUSTER_MUTANT'] = id
  for (const suite of suitesOf(machine, depth)) {
    const result = await vitest.runTestSpecifications([project.createSpecification(suite)])
    const module = result.testModules.find(({ moduleId }) => moduleId === suite)
    if (module === undefined) return { id, fate: 'invalid', by: `${suite} did not run` }
    const verdict = judge(module, result)
    if (verdict.fate !== 'survived') return { id, ...verdict }
  }
  return { id, fate: 'survived', by: '' }
}

process.on('message', (job: Job) => {
  run(job).then(
    (verdict) => process.send?.(verdict),
    (thrown: unknown) => process.send?.({ id: job.id, fate: 'invalid', by: String(thrown) }),
  )
})
// Without its parent nobody would stop it, or the test process that it has begun.
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'))
process.send?.('ready')

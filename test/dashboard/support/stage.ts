import { createMuster, type Muster } from '../../../src/index.ts'
import { startSandboxGitHub, type SandboxGitHub } from '../../../examples/sandbox/github.ts'
import { copySession } from '../../support/many-sessions.ts'

/** Walks of the sandbox GitHub in the conditions that the page tells apart, and ten thousand sessions behind them. */
export interface Stage extends AsyncDisposable {
  readonly muster: Muster
  readonly github: SandboxGitHub
  readonly url: string
  /** Begins a walk that takes some seconds. */
  walkSlowly(name: string): { readonly sessionId: string }
  /** The session of a target. */
  sessionOf(target: string): string
}

/** A name as somebody may give it who means harm: markup, and a mark that turns the text around. */
export const EVIL = '<img src=x onerror=alert(1)>\u202Egnp.exe'

const MANY = 10_000

export async function setTheStage(database: string): Promise<Stage> {
  let asked = 0
  const github = await startSandboxGitHub({
    latencyMs: 60,
    accounts: { good: { login: 'good' }, spent: { login: 'spent' } },
    faults: ({ caller }) =>
      caller === 'spent' && (asked += 1) === 2
        ? { kind: 'graphql-limit', resetSeconds: 2_535 }
        : undefined,
  })
  const auth = (token: string) => ({ type: 'github' as const, config: { token } })
  const muster = await createMuster({
    database,
    auth: { gh: auth('good'), night: auth('spent') },
  })
  const baseUrl = github.url
  const walk = (name: string, authRef: string, part: object) => {
    const github = { baseUrl, ...part }
    const run = muster.coordinator.enumerateTarget({ name, sourceType: 'github', authRef, github })
    run.done.catch(() => undefined)
    sessions.set(name, run.sessionId)
    return run
  }
  const sessions = new Map<string, string>()
  const done = walk('babel', 'gh', { org: 'babel' })
  for await (const window of done.taskWindows) void window
  await done.done
  copySession(database, MANY, { target_name: `'many-' || substr('0000' || n, -5)` })
  copySession(database, 1, { session_id: `'evil'`, target_name: `'${EVIL}'` })
  await walk('watch list', 'gh', { repoList: ['octokit/rest.js', 'octokit/not-there'] }).done
  walk('mozilla', 'night', { org: 'mozilla', perPage: 20 })
  const { url } = await muster.dashboard({ port: 0 })
  return {
    muster,
    github,
    url,
    walkSlowly: (name) => walk(name, 'gh', { org: 'stdlib-js', perPage: 10 }),
    sessionOf(target) {
      const sessionId = sessions.get(target)
      if (sessionId === undefined) throw new Error(`nobody walked "${target}"`)
      return sessionId
    },
    async [Symbol.asyncDispose]() {
      await muster.close()
      await github.close()
    },
  }
}

/**
 * A GitHub to try things on: REST and GraphQL over made-up facts about real
 * names, with GitHub's headers, limits and page URLs, and with its bad days on
 * request. It listens on this machine only.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LoggedRequest, SandboxGitHub, SandboxGitHubOptions } from './options.ts'
import { createState, handle, type State } from './server.ts'

export type { SandboxApp } from './apps.ts'
export type { SandboxAccount } from './callers.ts'
export type { Fault } from './faults.ts'
export type { SandboxGist } from './gists.ts'
export type {
  FaultSource,
  HeavyPages,
  LiveChanges,
  LoggedRequest,
  SandboxGitHub,
  SandboxGitHubOptions,
} from './options.ts'
export type { RepositoryFacts, SandboxOwner, SandboxRepository } from './repositories.ts'

const serve = (state: State, beforeAnswer: (request: LoggedRequest, index: number) => void) =>
  createServer((incoming, outgoing) => {
    // A caller that left in the middle of its request is no reason to end the server.
    handle(state, incoming, outgoing, beforeAnswer).catch((error: unknown) =>
      outgoing.destroy(error as Error),
    )
  })

const createSandbox = (state: State, url: string, close: () => Promise<void>): SandboxGitHub => {
  const { world, callers } = state
  return {
    url,
    enterpriseUrl: `${url}/api/v3`,
    requests: state.requests,
    get requestsWhileLimited() {
      return state.requests.filter((request) => request.whileLimited).length
    },
    repositories: (login) => world.owner(login)?.repositories ?? [],
    gists: (login) => world.gists(login),
    add: (login, name, facts) => world.add(login, name, facts),
    remove: (fullName) => world.remove(fullName),
    rename: (fullName, newName) => world.rename(fullName, newName),
    transfer: (fullName, newOwner, newName) => world.transfer(fullName, newOwner, newName),
    recreate: (fullName) => world.recreate(fullName),
    set: (fullName, facts) => world.set(fullName, facts),
    push: (fullName) => world.push(fullName, state.now()),
    addGist: (login, isPublic) => world.addGist(login, isPublic),
    setMembers: (login, members) => world.setMembers(login, members),
    mintToken: (installationId) => state.apps.mintFor(installationId, state.now()),
    revoke: (token) => callers.revoke(token),
    accept: (token, account) => callers.accept(token, account),
    expireCursors: () => void (state.cursors.generation += 1),
    inject: (...faults) => void state.script.push(...faults),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Starts a sandbox GitHub. Close it, or bind it with `await using`. */
export async function startSandboxGitHub(
  options: SandboxGitHubOptions = {},
): Promise<SandboxGitHub> {
  const state = createState(options)
  const server = serve(state, (request, index) => options.onRequest?.(request, index, sandbox))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const close = async (): Promise<void> => {
    // Requests left hanging would keep the server open for ever.
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  const { port } = server.address() as AddressInfo
  const sandbox = createSandbox(state, `http://127.0.0.1:${port}`, close)
  return sandbox
}

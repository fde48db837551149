/** The REST routes of the sandbox; what it does not serve is a 404, as GitHub's is. */
import { type Answer, badCredentials, type Call, notFound } from './answers.ts'
import type { AppRegistry } from './apps.ts'
import type { OwnerRecord } from './repositories.ts'
import {
  createInstallationToken,
  getInstallation,
  getInstallationOf,
  listInstallations,
} from './rest-apps.ts'
import {
  getGist,
  getOrganization,
  getOwnUser,
  getUser,
  listMembers,
  listOrganizations,
  listOwnGists,
  listUserGists,
} from './rest-owners.ts'
import {
  getRepository,
  getRepositoryByName,
  listInstallationRepositories,
  listOrganizationRepositories,
  listOwnRepositories,
  listUserRepositories,
} from './rest-repositories.ts'

interface Route {
  readonly method: 'GET' | 'POST'
  /** The path; what it captures names the subject. */
  readonly pattern: RegExp
  readonly answer: (call: Call, given: string, apps: AppRegistry) => Answer
}

type OwnerRoute = (call: Call, owner: OwnerRecord) => Answer

const get = (pattern: RegExp, answer: Route['answer']): Route => ({
  method: 'GET',
  pattern,
  answer,
})

/** A route below an owner, which is a 404 without it. */
const getOf = (pattern: RegExp, answer: OwnerRoute, kind: 'Organization' | 'any' = 'any'): Route =>
  get(pattern, (call, given) => {
    const isNumber = /^\/(?:organizations|user)\//.test(call.request.path)
    const owner = isNumber ? call.world.ownerById(Number(given)) : call.world.owner(given)
    if (owner === undefined || (kind !== 'any' && owner.type !== kind)) return notFound()
    return answer(call, owner)
  })

const ROUTES: readonly Route[] = [
  getOf(/^\/orgs\/([^/]+)\/repos$/, listOrganizationRepositories, 'Organization'),
  getOf(/^\/organizations\/(\d+)\/repos$/, listOrganizationRepositories, 'Organization'),
  getOf(/^\/users\/([^/]+)\/repos$/, listUserRepositories),
  getOf(/^\/user\/(\d+)\/repos$/, listUserRepositories),
  getOf(/^\/orgs\/([^/]+)\/members$/, listMembers, 'Organization'),
  getOf(/^\/organizations\/(\d+)\/members$/, listMembers, 'Organization'),
  getOf(/^\/users\/([^/]+)\/gists$/, listUserGists),
  getOf(/^\/user\/(\d+)\/gists$/, listUserGists),
  getOf(/^\/orgs\/([^/]+)$/, getOrganization, 'Organization'),
  getOf(/^\/organizations\/(\d+)$/, getOrganization, 'Organization'),
  getOf(/^\/users\/([^/]+)$/, getUser),
  getOf(/^\/user\/(\d+)$/, getUser),
  get(/^\/user$/, getOwnUser),
  get(/^\/user\/repos$/, listOwnRepositories),
  get(/^\/organizations$/, listOrganizations),
  get(/^\/gists$/, listOwnGists),
  get(/^\/gists\/([0-9a-f]+)$/, getGist),
  get(/^\/repos\/([^/]+\/[^/]+)$/, getRepositoryByName),
  get(/^\/repositories\/(\d+)$/, (call, id) =>
    getRepository(call, call.world.repositoryById(Number(id))),
  ),
  get(/^\/installation\/repositories$/, listInstallationRepositories),
  get(/^\/app\/installations$/, (call, _, apps) => listInstallations(call, apps)),
  get(/^\/app\/installations\/(\d+)$/, (call, id, apps) => getInstallation(call, apps, Number(id))),
  get(/^\/(?:orgs|users)\/([^/]+)\/installation$/, (call, login, apps) =>
    getInstallationOf(call, apps, login),
  ),
  {
    method: 'POST',
    pattern: /^\/app\/installations\/(\d+)\/access_tokens$/,
    answer: (call, id, apps) => createInstallationToken(call, apps, Number(id)),
  },
]

/** With a signed statement an app may ask for nothing but its own. */
const isForApps = (path: string): boolean => /^\/app\/|\/installation$/.test(path)

/** Answers one REST request. */
export const restAnswer = (call: Call, apps: AppRegistry): Answer => {
  const { path, method } = call.request
  if (call.caller.kind === 'app' && !isForApps(path)) return badCredentials()
  for (const route of ROUTES) {
    const match = method === route.method ? route.pattern.exec(path) : null
    if (match) return route.answer(call, decodeURIComponent(match[1] ?? ''), apps)
  }
  return notFound()
}

/** The REST routes of organisations, users, members and gists. */
import { type Answer, answer, type Call, notFound, ssoRequired } from './answers.ts'
import {
  organizationBody,
  organizationSummary,
  ownerSummary,
  ownUserBody,
  type RepositoryCounts,
  userBody,
} from './bodies.ts'
import { gistBody, type SandboxGist } from './gists.ts'
import type { OwnerRecord } from './repositories.ts'
import { keysetPage, numberedPage } from './rest-pages.ts'
import { addressesOf, notForThisCaller } from './rest-repositories.ts'
import { isBarred, isMember, loginOf, visibleOf } from './visibility.ts'

const isTold = (call: Call, owner: OwnerRecord): boolean =>
  owner.type === 'Organization'
    ? isMember(call.world, call.caller, owner)
    : loginOf(call.caller)?.toLowerCase() === owner.login.toLowerCase()

const countsOf = (call: Call, owner: OwnerRecord): RepositoryCounts => {
  const visible = visibleOf(call.world, call.caller, owner)
  const open = visible.filter(({ visibility }) => visibility === 'public').length
  return {
    public: open + call.hidden,
    private: isTold(call, owner) ? visible.length - open : undefined,
  }
}

const gistCounts = ({ world }: Call, { login }: OwnerRecord) => {
  const gists = world.gists(login)
  const open = gists.filter((gist) => gist.public).length
  return { gists: open, secretGists: gists.length - open }
}

/** `GET /orgs/{org}` */
export const getOrganization = (call: Call, owner: OwnerRecord): Answer => {
  if (isBarred(call.caller, owner)) return ssoRequired(owner)
  return answer(200, organizationBody(owner, addressesOf(call.request), countsOf(call, owner)))
}

/** `GET /users/{username}` and `GET /user/{account_id}` */
export const getUser = (call: Call, owner: OwnerRecord): Answer => {
  const counts = { ...countsOf(call, owner), ...gistCounts(call, owner) }
  return answer(200, userBody(owner, addressesOf(call.request), counts))
}

/** `GET /user` */
export const getOwnUser = (call: Call): Answer => {
  const login = loginOf(call.caller)
  if (login === undefined) return notForThisCaller(call)
  const owner = call.world.user(login)
  const counts = { ...countsOf(call, owner), ...gistCounts(call, owner) }
  return answer(200, ownUserBody(owner, addressesOf(call.request), counts))
}

/** `GET /organizations` */
export const listOrganizations = ({ request, world }: Call): Answer =>
  keysetPage(request, {
    rows: world.owners().filter((owner) => owner.type === 'Organization'),
    path: '/organizations',
    toBody: (owner) => organizationSummary(owner, { api: request.apiUrl }),
  })

/** `GET /orgs/{org}/members` */
export const listMembers = ({ request, world, caller }: Call, owner: OwnerRecord): Answer => {
  if (isBarred(caller, owner)) return ssoRequired(owner)
  return numberedPage(request, {
    rows: owner.members.map((login) => world.user(login)).toSorted((a, b) => a.id - b.id),
    path: `/organizations/${owner.id}/members`,
    toBody: (member) => ownerSummary(member, addressesOf(request)),
  })
}

const gistPage = (
  { request, world }: Call,
  gists: readonly SandboxGist[],
  path: string,
): Answer => {
  const since = request.query.get('since')
  const rows = gists.filter((gist) => since === null || gist.updated_at >= since)
  return numberedPage(request, {
    // Newest first; the number inside is the order of creation.
    rows: rows.toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1)),
    path,
    toBody: (gist) => gistBody(gist, world.user(gist.login), addressesOf(request)),
  })
}

/** `GET /users/{username}/gists`: the secret ones are listed to their owner alone. */
export const listUserGists = (call: Call, owner: OwnerRecord): Answer => {
  const gists = call.world.gists(owner.login).filter((gist) => gist.public || isTold(call, owner))
  return gistPage(call, gists, `/user/${owner.id}/gists`)
}

/** `GET /gists`: one's own; everybody's public ones for who is nobody. */
export const listOwnGists = (call: Call): Answer => {
  const { world, caller } = call
  const login = loginOf(caller)
  if (login !== undefined) return gistPage(call, world.gists(login), '/gists')
  if (caller.kind !== 'anonymous') return notForThisCaller(call)
  const gists = world.owners().flatMap((owner) => world.gists(owner.login))
  return gistPage(
    call,
    gists.filter((gist) => gist.public),
    '/gists',
  )
}

/** `GET /gists/{id}` */
export const getGist = (call: Call, id: string): Answer => {
  const { world, request } = call
  const gist = world
    .owners()
    .flatMap((owner) => world.gists(owner.login))
    .find((one) => one.id === id)
  if (!gist) return notFound()
  return answer(200, gistBody(gist, world.user(gist.login), addressesOf(request)))
}

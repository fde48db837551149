/** Who may see what: GitHub hides what a caller may not see, and does not say that it does. */
import type { Caller, Installation } from './callers.ts'
import type { FoundRepository, OwnerRecord, SandboxRepository } from './repositories.ts'
import type { World } from './world.ts'

const includes = (logins: readonly string[], login: string): boolean =>
  logins.some((other) => other.toLowerCase() === login.toLowerCase())

const isGranted = (installation: Installation, { owner, repository }: FoundRepository): boolean =>
  includes([installation.account], owner.login) &&
  (installation.selected?.has(repository.id) ?? true)

/** The login that a caller acts for; apps and strangers without a token act for nobody. */
export const loginOf = (caller: Caller): string | undefined =>
  caller.kind === 'any' || caller.kind === 'account' ? caller.login : undefined

export const isMember = (world: World, caller: Caller, organization: OwnerRecord): boolean => {
  if (caller.kind === 'any') return true
  const login = loginOf(caller)
  return login !== undefined && world.isMember(organization, login)
}

/** An internal repository is for every member of the enterprise. */
const isColleague = (world: World, login: string, { enterprise }: OwnerRecord): boolean =>
  enterprise !== undefined &&
  world.organizationsOf(enterprise).some((organization) => world.isMember(organization, login))

const isLetIn = (world: World, login: string, { owner, repository }: FoundRepository): boolean =>
  includes([owner.login], login) ||
  world.isMember(owner, login) ||
  includes(repository.collaborators, login) ||
  (repository.visibility === 'internal' && isColleague(world, login, owner))

export const maySee = (world: World, caller: Caller, found: FoundRepository): boolean => {
  if (found.repository.visibility === 'public' || caller.kind === 'any') return true
  if (caller.kind === 'installation') return isGranted(caller.installation, found)
  if (caller.kind !== 'account') return false
  const hasScope = caller.scopes?.includes('repo') ?? true
  return hasScope && isLetIn(world, caller.login, found)
}

/** Whether the organisation's single sign-on keeps the token out. */
export const isBarred = (caller: Caller, owner: OwnerRecord): boolean =>
  owner.sso &&
  caller.kind === 'account' &&
  caller.ssoAuthorised !== undefined &&
  !includes(caller.ssoAuthorised, owner.login)

/** What the caller sees of an owner's repositories. */
export const visibleOf = (
  world: World,
  caller: Caller,
  owner: OwnerRecord,
): readonly SandboxRepository[] =>
  owner.repositories.filter((repository) => maySee(world, caller, { owner, repository }))

/** What an installation was given: what its listing holds, public or not. */
export const grantedTo = (
  world: World,
  installation: Installation,
): readonly SandboxRepository[] => {
  const owner = world.owner(installation.account)
  if (!owner) return []
  return owner.repositories.filter((repository) => isGranted(installation, { owner, repository }))
}

export type Affiliation = 'owner' | 'collaborator' | 'organization_member'

const affiliationOf = (
  world: World,
  caller: Caller,
  login: string,
  { owner, repository }: FoundRepository,
): Affiliation | undefined => {
  if (includes([owner.login], login)) return 'owner'
  if (includes(repository.collaborators, login)) return 'collaborator'
  // A stranger's token sees everything: its account counts as a member everywhere.
  const isEverywhere = caller.kind === 'any' && includes([caller.login], login)
  if (isEverywhere && owner.type === 'Organization') return 'organization_member'
  return world.isMember(owner, login) ? 'organization_member' : undefined
}

/** The repositories that a login has to do with, and the caller may see, in ascending order of id. */
export const affiliatedWith = (
  world: World,
  caller: Caller,
  login: string,
  wanted: readonly Affiliation[],
): readonly FoundRepository[] => {
  const found = world.owners().flatMap((owner) =>
    owner.repositories
      .map((repository) => ({ owner, repository }))
      .filter((one) => {
        const affiliation = affiliationOf(world, caller, login, one)
        return affiliation && wanted.includes(affiliation) && maySee(world, caller, one)
      }),
  )
  return found.toSorted((a, b) => a.repository.id - b.repository.id)
}

/** Every owner, repository and gist of one sandbox, and what can happen to them while somebody lists them. */
import { makeGist, type SandboxGist } from './gists.ts'
import {
  FIRST_SECOND,
  type FoundRepository,
  idOf,
  makeRepository,
  MAX_ID,
  nodeId,
  type OwnerRecord,
  type RepositoryFacts,
  type SandboxOwner,
  type SandboxRepository,
  seconds,
} from './repositories.ts'

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

const byId = (a: { readonly id: number }, b: { readonly id: number }): number => a.id - b.id

export class World {
  readonly #owners = new Map<string, OwnerRecord>()
  readonly #ownerLogins = new Map<number, string>()
  readonly #ownerOfRepository = new Map<number, string>()
  readonly #gists = new Map<string, readonly SandboxGist[]>()
  /** Every name there ever was, in lower case, and the repository that had it last. */
  readonly #idOfName = new Map<string, number>()
  readonly #taken = new Set<number>()

  constructor(owners: readonly SandboxOwner[]) {
    for (const owner of owners) this.#addOwner(owner)
    for (const { members = [] } of owners) for (const login of members) this.user(login)
  }

  /** Logins do not heed case, as on GitHub. */
  owner(login: string): OwnerRecord | undefined {
    return this.#owners.get(login.toLowerCase())
  }

  ownerById(id: number): OwnerRecord | undefined {
    return this.owner(this.#ownerLogins.get(id) ?? '')
  }

  /** In ascending order of id. */
  owners(): readonly OwnerRecord[] {
    return [...this.#owners.values()].toSorted(byId)
  }

  /** The user of that login; one who was not among the owners is made up, and owns nothing. */
  user(login: string): OwnerRecord {
    if (!this.owner(login)) this.#addOwner({ login, type: 'User' })
    return this.#existing(login)
  }

  /** By the name it has now. */
  repository(fullName: string): FoundRepository | undefined {
    const found = this.#lastNamed(fullName)
    return found && same(found.repository.full_name, fullName) ? found : undefined
  }

  repositoryById(id: number): FoundRepository | undefined {
    const owner = this.owner(this.#ownerOfRepository.get(id) ?? '')
    const repository = owner?.repositories.find((r) => r.id === id)
    return owner && repository ? { owner, repository } : undefined
  }

  /** The repository that had this name before it was renamed or transferred. */
  movedFrom(fullName: string): FoundRepository | undefined {
    const found = this.#lastNamed(fullName)
    return found && !same(found.repository.full_name, fullName) ? found : undefined
  }

  /** In order of creation. */
  gists(login: string): readonly SandboxGist[] {
    return this.#gists.get(login.toLowerCase()) ?? []
  }

  isMember(owner: OwnerRecord, login: string): boolean {
    return owner.members.some((member) => same(member, login))
  }

  organizationsOf(enterprise: string): readonly OwnerRecord[] {
    return this.owners().filter(
      (owner) => owner.enterprise !== undefined && same(owner.enterprise, enterprise),
    )
  }

  /** Creates a repository now: it is the newest of all. */
  add(login: string, name: string, facts: RepositoryFacts = {}): SandboxRepository {
    const owner = this.#existing(login)
    if (this.repository(`${login}/${name}`)) {
      throw new Error(`the sandbox has a repository "${login}/${name}" already`)
    }
    const repository = makeRepository(owner.login, name, facts.id ?? this.#nextId(), facts)
    this.#taken.add(repository.id)
    this.#keep(owner, [...owner.repositories, repository])
    return repository
  }

  /** Deletes a repository. */
  remove(fullName: string): void {
    const { owner, repository } = this.#found(fullName)
    this.#keep(
      owner,
      owner.repositories.filter((r) => r !== repository),
    )
  }

  rename(fullName: string, newName: string): SandboxRepository {
    const { owner } = this.#found(fullName)
    return this.transfer(fullName, owner.login, newName)
  }

  /** Keeps id and age; the old name leads to the new one. */
  transfer(fullName: string, newOwner: string, newName?: string): SandboxRepository {
    const { repository } = this.#found(fullName)
    const to = this.#existing(newOwner)
    const name = newName ?? repository.name
    const moved = { ...repository, name, full_name: `${to.login}/${name}` }
    this.remove(fullName)
    this.#keep(this.#existing(newOwner), [...this.#existing(newOwner).repositories, moved])
    return moved
  }

  /** Deletes a repository and creates another of the same name and facts. */
  recreate(fullName: string): SandboxRepository {
    const { owner, repository } = this.#found(fullName)
    const { id, created_at: _created, ...facts } = repository
    this.remove(fullName)
    this.#taken.add(id)
    return this.add(owner.login, repository.name, facts)
  }

  set(fullName: string, facts: RepositoryFacts): SandboxRepository {
    const { owner, repository } = this.#found(fullName)
    const changed = { ...repository, ...facts, id: repository.id }
    this.#keep(
      owner,
      owner.repositories.map((r) => (r === repository ? changed : r)),
    )
    return changed
  }

  /** @param now in milliseconds; never earlier than a second after the push before */
  push(fullName: string, now: number): SandboxRepository {
    const { repository } = this.#found(fullName)
    const at = seconds(Math.max(now, Date.parse(repository.pushed_at) + 1000))
    const size = Math.max(repository.size, 1)
    return this.set(fullName, { pushed_at: at, updated_at: at, empty: false, size })
  }

  addGist(login: string, isPublic = true): SandboxGist {
    const gists = this.gists(login)
    const gist = makeGist(this.#existing(login).login, gists.length, isPublic)
    this.#gists.set(login.toLowerCase(), [...gists, gist])
    return gist
  }

  setMembers(login: string, members: readonly string[]): void {
    const owner = this.#existing(login)
    for (const member of members) this.user(member)
    this.#owners.set(login.toLowerCase(), { ...owner, members })
  }

  #addOwner(given: SandboxOwner): void {
    const { login, type, names = [], repositories = [], gists = 0, secretGists = 0 } = given
    const id = idOf(login, this.#taken)
    const rows = new Map<string, RepositoryFacts>(names.map((name) => [name, {}]))
    for (const { name, ...facts } of repositories) rows.set(name, facts)
    this.#ownerLogins.set(id, login)
    const owner: OwnerRecord = {
      id,
      node_id: nodeId(type === 'User' ? 'U' : 'O', id),
      login,
      type,
      created_at: FIRST_SECOND,
      repositories: [],
      members: given.members ?? [],
      enterprise: given.enterprise,
      sso: given.sso ?? false,
    }
    const made = [...rows].map(([name, facts]) => {
      const repositoryId = facts.id ?? idOf(`${login}/${name}`, this.#taken)
      this.#taken.add(repositoryId)
      return makeRepository(login, name, repositoryId, facts)
    })
    this.#keep(owner, made)
    for (let n = 0; n < gists + secretGists; n += 1) this.addGist(login, n < gists)
  }

  #lastNamed(fullName: string): FoundRepository | undefined {
    return this.repositoryById(this.#idOfName.get(fullName.toLowerCase()) ?? 0)
  }

  #nextId(): number {
    const newest = Math.max(
      0,
      ...[...this.#owners.values()].map((owner) => owner.repositories.at(-1)?.id ?? 0),
    )
    let id = newest + 1
    while (this.#taken.has(id)) id += 1
    if (id > MAX_ID) throw new Error('the sandbox has run out of ids: name fewer repositories')
    return id
  }

  #existing(login: string): OwnerRecord {
    const owner = this.owner(login)
    if (owner === undefined) throw new Error(`the sandbox has no owner "${login}"`)
    return owner
  }

  #found(fullName: string): FoundRepository {
    const found = this.repository(fullName)
    if (found === undefined) throw new Error(`the sandbox has no repository "${fullName}"`)
    return found
  }

  #keep(owner: OwnerRecord, repositories: readonly SandboxRepository[]): void {
    for (const { id, full_name } of repositories) {
      this.#ownerOfRepository.set(id, owner.login)
      this.#idOfName.set(full_name.toLowerCase(), id)
    }
    const sorted = repositories.toSorted(byId)
    this.#owners.set(owner.login.toLowerCase(), { ...owner, repositories: sorted })
  }
}

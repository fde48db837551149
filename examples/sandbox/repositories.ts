/**
 * The sandbox's owners and repositories. Names may be real (`owners.json`);
 * every other fact is made up from the name alone, so that two servers, or two
 * runs of a demonstration, agree on every id and date.
 */
import { createHash } from 'node:crypto'
import realOwners from './owners.json' with { type: 'json' }

export type OwnerType = 'Organization' | 'User'

/** An owner to serve and the names of its repositories. */
export interface SandboxOwner {
  readonly login: string
  readonly type: OwnerType
  readonly names: readonly string[]
}

/** What is true of a repository, in GitHub's own words; the API's answers are made from it. */
export interface SandboxRepository {
  readonly id: number
  readonly node_id: string
  readonly name: string
  readonly full_name: string
  readonly description: string
  readonly language: string
  readonly fork: boolean
  readonly archived: boolean
  readonly disabled: boolean
  readonly empty: boolean
  readonly size: number
  readonly stargazers: number
  readonly default_branch: string
  readonly created_at: string
  readonly updated_at: string
  readonly pushed_at: string
}

export interface OwnerRecord {
  readonly id: number
  readonly node_id: string
  readonly login: string
  readonly type: OwnerType
  readonly created_at: string
  /** In ascending order of id, which is the order of creation too. */
  readonly repositories: readonly SandboxRepository[]
}

/** The owners of `owners.json`: real names of organisations, users and their repositories. */
export const realisticOwners = (): readonly SandboxOwner[] =>
  realOwners.owners.map(({ login, type, names }) => ({
    login,
    type: type === 'User' ? 'User' : 'Organization',
    names: names.split(' '),
  }))

/** Ids fit 31 bits, as GraphQL's `databaseId: Int` demands. */
const MAX_ID = 2 ** 31 - 1
const FIRST_DAY = Date.parse('2008-02-01T00:00:00Z')
const LAST_DAY = Date.parse('2025-06-30T00:00:00Z')
const DAY_MS = 86_400_000
const LANGUAGES = ['JavaScript', 'TypeScript', 'C++', 'Python', 'Go', 'Rust', 'Shell', 'HTML']

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

const seconds = (ms: number): string =>
  new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z')

/** Creation follows the id, so that ordering by either is ordering by both. */
const createdAt = (id: number): number => FIRST_DAY + (id / MAX_ID) * (LAST_DAY - FIRST_DAY)

/** GitHub's newer node ids: a prefix, then MessagePack of `[0, id]`. */
const nodeId = (prefix: string, id: number): string => {
  const bytes = Buffer.from([0x92, 0, 0xce, 0, 0, 0, 0])
  bytes.writeUInt32BE(id, 3)
  return `${prefix}_${bytes.toString('base64url')}`
}

/** A number below `MAX_ID` that belongs to the name, stepping past those already taken. */
const idOf = (text: string, taken: Set<number>): number => {
  let id = (digest(text).readUInt32BE(0) >>> 1) % MAX_ID || 1
  while (taken.has(id)) id = (id % (MAX_ID - 1)) + 1
  taken.add(id)
  return id
}

/** Makes up everything about a repository but its id. */
export const makeRepository = (owner: string, name: string, id: number): SandboxRepository => {
  const facts = digest(`${owner}/${name} facts`)
  const byte = (at: number): number => facts[at] ?? 0
  const empty = byte(0) < 3
  const created = createdAt(id)
  const pushed = empty ? created : created + (byte(1) / 256) * (LAST_DAY - created)
  return {
    id,
    node_id: nodeId('R', id),
    name,
    full_name: `${owner}/${name}`,
    description: `${name.replaceAll(/[-_.]+/g, ' ')}, as served by the sandbox`,
    language: LANGUAGES[byte(2) % LANGUAGES.length] ?? 'JavaScript',
    fork: byte(3) < 13,
    archived: byte(4) < 26,
    disabled: byte(5) < 2,
    empty,
    size: empty ? 0 : 1 + (facts.readUInt32BE(6) % 2 ** (byte(10) % 20)),
    stargazers: facts.readUInt16BE(11) % 2 ** (byte(13) % 14),
    default_branch: byte(14) < 150 ? 'main' : 'master',
    created_at: seconds(created),
    updated_at: seconds(pushed + DAY_MS / 24),
    pushed_at: seconds(pushed),
  }
}

/** Every owner and repository of one sandbox; repositories can come and go. */
export class World {
  readonly #owners = new Map<string, OwnerRecord>()
  readonly #ownerLogins = new Map<number, string>()
  readonly #taken = new Set<number>()

  constructor(owners: readonly SandboxOwner[]) {
    for (const owner of owners) this.#addOwner(owner)
  }

  #addOwner({ login, type, names }: SandboxOwner): void {
    const id = idOf(login, this.#taken)
    const repositories = [...new Set(names)]
      .map((name) => makeRepository(login, name, idOf(`${login}/${name}`, this.#taken)))
      .toSorted((a, b) => a.id - b.id)
    const node_id = nodeId(type === 'User' ? 'U' : 'O', id)
    const created_at = seconds(FIRST_DAY)
    this.#owners.set(login.toLowerCase(), { id, node_id, login, type, created_at, repositories })
    this.#ownerLogins.set(id, login)
  }

  /** Logins do not heed case, as on GitHub. */
  owner(login: string): OwnerRecord | undefined {
    return this.#owners.get(login.toLowerCase())
  }

  ownerById(id: number): OwnerRecord | undefined {
    return this.owner(this.#ownerLogins.get(id) ?? '')
  }

  repository(fullName: string): { owner: OwnerRecord; repository: SandboxRepository } | undefined {
    const owner = this.owner(fullName.split('/')[0] ?? '')
    const wanted = fullName.toLowerCase()
    const repository = owner?.repositories.find((r) => r.full_name.toLowerCase() === wanted)
    return owner && repository ? { owner, repository } : undefined
  }

  /** Creates a repository now: it is the newest of its owner. */
  add(login: string, name: string): SandboxRepository {
    const owner = this.#existing(login)
    const newest = owner.repositories.at(-1)?.id ?? 0
    let id = newest + 1
    while (this.#taken.has(id)) id += 1
    this.#taken.add(id)
    const repository = makeRepository(owner.login, name, id)
    this.#setRepositories(owner, [...owner.repositories, repository])
    return repository
  }

  /** Deletes a repository. */
  remove(fullName: string): void {
    const owner = this.#existing(fullName.split('/')[0] ?? '')
    const kept = owner.repositories.filter((r) => r.full_name !== fullName)
    this.#setRepositories(owner, kept)
  }

  #existing(login: string): OwnerRecord {
    const owner = this.owner(login)
    if (owner === undefined) throw new Error(`the sandbox has no owner "${login}"`)
    return owner
  }

  #setRepositories(owner: OwnerRecord, repositories: readonly SandboxRepository[]): void {
    this.#owners.set(owner.login.toLowerCase(), { ...owner, repositories })
  }
}

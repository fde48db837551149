/**
 * The sandbox's owners and repositories. Names may be real (`owners.json`);
 * every other fact is made up from the name alone, so that two servers, or two
 * runs of a demonstration, agree on every id and date.
 */
import { createHash } from 'node:crypto'
import realOwners from './owners.json' with { type: 'json' }

export type OwnerType = 'Organization' | 'User'
export type Visibility = 'public' | 'private' | 'internal'

/** What is true of a repository, in GitHub's own words; the API's answers are made from it. */
export interface SandboxRepository {
  readonly id: number
  readonly node_id: string
  readonly name: string
  readonly full_name: string
  readonly description: string
  readonly language: string | null
  readonly topics: readonly string[]
  readonly visibility: Visibility
  readonly fork: boolean
  readonly archived: boolean
  readonly disabled: boolean
  readonly locked: boolean
  readonly empty: boolean
  /** Taken down: its own page answers 451, while listings still name it. */
  readonly dmca: boolean
  /** In kilobytes. */
  readonly size: number
  readonly stargazers: number
  readonly default_branch: string
  /** Logins from outside that were let in. */
  readonly collaborators: readonly string[]
  readonly created_at: string
  readonly updated_at: string
  readonly pushed_at: string
}

/** What may be said of a repository; what is left out is made up from its name. */
export type RepositoryFacts = Partial<Omit<SandboxRepository, 'node_id' | 'name' | 'full_name'>>

/** An owner to serve and the names of its repositories. */
export interface SandboxOwner {
  readonly login: string
  readonly type: OwnerType
  /** Public repositories of which only the name matters. */
  readonly names?: readonly string[]
  /** Repositories of which more is said. */
  readonly repositories?: readonly (RepositoryFacts & { readonly name: string })[]
  /** The logins of an organisation's members; who is not among the owners is made up, and owns nothing. */
  readonly members?: readonly string[]
  /** How many public gists a user has. Default: 0. */
  readonly gists?: number
  /** How many secret gists, which only their owner sees listed. Default: 0. */
  readonly secretGists?: number
  /** The enterprise account that an organisation belongs to, by its slug. */
  readonly enterprise?: string
  /** Whether the organisation enforces SAML single sign-on. Default: false. */
  readonly sso?: boolean
}

/** An owner as the sandbox holds it. */
export interface OwnerRecord {
  readonly id: number
  readonly node_id: string
  readonly login: string
  readonly type: OwnerType
  readonly created_at: string
  /** In ascending order of id, which is the order of creation too, unless a fact says otherwise. */
  readonly repositories: readonly SandboxRepository[]
  readonly members: readonly string[]
  readonly enterprise: string | undefined
  readonly sso: boolean
}

/** A repository beside its owner: an answer needs both. */
export interface FoundRepository {
  readonly owner: OwnerRecord
  readonly repository: SandboxRepository
}

/** The owners of `owners.json`: real names of organisations, users and their repositories. */
export const realisticOwners = (): readonly SandboxOwner[] =>
  realOwners.owners.map(({ login, type, names }) => ({
    login,
    type: type === 'User' ? 'User' : 'Organization',
    names: names.split(' '),
  }))

/** Ids fit 31 bits, as GraphQL's `databaseId: Int` demands. */
export const MAX_ID = 2 ** 31 - 1
const FIRST_DAY = Date.parse('2008-02-01T00:00:00Z')
const LAST_DAY = Date.parse('2025-06-30T00:00:00Z')
const DAY_MS = 86_400_000
const LANGUAGES = ['JavaScript', 'TypeScript', 'C++', 'Python', 'Go', 'Rust', 'Shell', 'HTML']

/** The day from which everything in the sandbox dates. */
export const FIRST_SECOND = '2008-02-01T00:00:00Z'

export const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** A time as GitHub writes it: whole seconds. */
export const seconds = (ms: number): string =>
  new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z')

/** Creation follows the id, so that ordering by either is ordering by both. */
const createdAt = (id: number): number => FIRST_DAY + (id / MAX_ID) * (LAST_DAY - FIRST_DAY)

/** GitHub's newer node ids: a prefix, then MessagePack of `[0, id]`. */
export const nodeId = (prefix: string, id: number): string => {
  const bytes = Buffer.from([0x92, 0, 0xce, 0, 0, 0, 0])
  bytes.writeUInt32BE(id, 3)
  return `${prefix}_${bytes.toString('base64url')}`
}

/** A number below `MAX_ID` that belongs to the name, stepping past those already taken. */
export const idOf = (text: string, taken: Set<number>): number => {
  let id = (digest(text).readUInt32BE(0) >>> 1) % MAX_ID || 1
  while (taken.has(id)) id = (id % (MAX_ID - 1)) + 1
  taken.add(id)
  return id
}

/** Made up of the name alone; `facts` have the last word. */
export const makeRepository = (
  owner: string,
  name: string,
  id: number,
  facts: RepositoryFacts = {},
): SandboxRepository => {
  const bytes = digest(`${owner}/${name} facts`)
  const byte = (at: number): number => bytes[at] ?? 0
  const empty = facts.empty ?? byte(0) < 3
  const created = createdAt(id)
  const pushed = empty ? created : created + (byte(1) / 256) * (LAST_DAY - created)
  return {
    description: `${name.replaceAll(/[-_.]+/g, ' ')}, as served by the sandbox`,
    language: LANGUAGES[byte(2) % LANGUAGES.length] ?? 'JavaScript',
    topics: [],
    visibility: 'public',
    fork: byte(3) < 13,
    archived: byte(4) < 26,
    disabled: byte(5) < 2,
    locked: false,
    empty,
    dmca: false,
    size: empty ? 0 : 1 + (bytes.readUInt32BE(6) % 2 ** (byte(10) % 20)),
    stargazers: bytes.readUInt16BE(11) % 2 ** (byte(13) % 14),
    default_branch: byte(14) < 150 ? 'main' : 'master',
    collaborators: [],
    created_at: seconds(created),
    updated_at: seconds(pushed + DAY_MS / 24),
    pushed_at: seconds(pushed),
    ...facts,
    id,
    node_id: nodeId('R', id),
    name,
    full_name: `${owner}/${name}`,
  }
}

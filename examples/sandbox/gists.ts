/** Gists: their ids are words of hexadecimal digits, and they are repositories without a name. */
import type { RestEndpointMethodTypes } from '@octokit/rest'
import { type Addresses, ownerSummary } from './bodies.ts'
import { digest, type OwnerRecord, seconds } from './repositories.ts'

type GistBody = RestEndpointMethodTypes['gists']['listForUser']['response']['data'][number]

export interface SandboxGist {
  /** 32 hexadecimal digits. */
  readonly id: string
  readonly login: string
  readonly description: string
  readonly public: boolean
  readonly created_at: string
  readonly updated_at: string
}

const FIRST = Date.parse('2015-01-01T00:00:00Z')
const DAY_MS = 86_400_000

/** @param number counts an owner's gists from 0; a later one is younger */
export const makeGist = (login: string, number: number, isPublic: boolean): SandboxGist => ({
  id: digest(`${login} gist ${number}`).toString('hex').slice(0, 32),
  login,
  description: `gist ${number} of ${login}, as served by the sandbox`,
  public: isPublic,
  created_at: seconds(FIRST + number * DAY_MS),
  updated_at: seconds(FIRST + (number + 1) * DAY_MS),
})

/** Gists have a host of their own beside github.com, and a path on an Enterprise Server. */
const gistWeb = (web: string): string =>
  web === 'https://github.com' ? 'https://gist.github.com' : `${web}/gist`

export const gistBody = (
  gist: SandboxGist,
  owner: OwnerRecord,
  { api, web }: Addresses,
): GistBody => {
  const url = `${api}/gists/${gist.id}`
  const page = `${gistWeb(web)}/${gist.id}`
  return {
    url,
    forks_url: `${url}/forks`,
    commits_url: `${url}/commits`,
    id: gist.id,
    node_id: `G_${Buffer.from(gist.id).toString('base64url')}`,
    git_pull_url: `${page}.git`,
    git_push_url: `${page}.git`,
    html_url: `${gistWeb(web)}/${gist.login}/${gist.id}`,
    files: {
      'notes.md': {
        filename: 'notes.md',
        type: 'text/markdown',
        language: 'Markdown',
        raw_url: `${gistWeb(web)}/${gist.login}/${gist.id}/raw/notes.md`,
        size: 42,
      },
    },
    public: gist.public,
    created_at: gist.created_at,
    updated_at: gist.updated_at,
    description: gist.description,
    comments: 0,
    user: null,
    comments_enabled: true,
    comments_url: `${url}/comments`,
    owner: ownerSummary(owner, { api, web }),
    truncated: false,
  }
}

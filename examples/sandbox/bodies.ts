/** The JSON that GitHub's REST API gives for an owner and a repository, whole: its size is part of the picture. */
import type { RestEndpointMethodTypes } from '@octokit/rest'
import type { OwnerRecord, SandboxRepository } from './repositories.ts'

type RepositoryBody = RestEndpointMethodTypes['repos']['listForOrg']['response']['data'][number]
type OwnerSummary = RepositoryBody['owner']
type OrganizationBody = RestEndpointMethodTypes['orgs']['get']['response']['data']
type UserBody = RestEndpointMethodTypes['users']['getByUsername']['response']['data']
type OrganizationSummary = RestEndpointMethodTypes['orgs']['list']['response']['data'][number]
type FullRepositoryBody = RestEndpointMethodTypes['repos']['get']['response']['data']

/** Where the addresses in a body point: the API's own base and the web pages beside it. */
export interface Addresses {
  readonly api: string
  readonly web: string
}

export const ownerSummary = (owner: OwnerRecord, { api, web }: Addresses): OwnerSummary => {
  const url = `${api}/users/${owner.login}`
  return {
    login: owner.login,
    id: owner.id,
    node_id: owner.node_id,
    avatar_url: `https://avatars.githubusercontent.com/u/${owner.id}?v=4`,
    gravatar_id: '',
    url,
    html_url: `${web}/${owner.login}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: owner.type,
    user_view_type: 'public',
    site_admin: false,
  }
}

/** The addresses of everything under a repository; the braces are GitHub's own templates. */
const repositoryUrls = (url: string) => ({
  url,
  forks_url: `${url}/forks`,
  keys_url: `${url}/keys{/key_id}`,
  collaborators_url: `${url}/collaborators{/collaborator}`,
  teams_url: `${url}/teams`,
  hooks_url: `${url}/hooks`,
  issue_events_url: `${url}/issues/events{/number}`,
  events_url: `${url}/events`,
  assignees_url: `${url}/assignees{/user}`,
  branches_url: `${url}/branches{/branch}`,
  tags_url: `${url}/tags`,
  blobs_url: `${url}/git/blobs{/sha}`,
  git_tags_url: `${url}/git/tags{/sha}`,
  git_refs_url: `${url}/git/refs{/sha}`,
  trees_url: `${url}/git/trees{/sha}`,
  statuses_url: `${url}/statuses/{sha}`,
  languages_url: `${url}/languages`,
  stargazers_url: `${url}/stargazers`,
  contributors_url: `${url}/contributors`,
  subscribers_url: `${url}/subscribers`,
  subscription_url: `${url}/subscription`,
  commits_url: `${url}/commits{/sha}`,
  git_commits_url: `${url}/git/commits{/sha}`,
  comments_url: `${url}/comments{/number}`,
  issue_comment_url: `${url}/issues/comments{/number}`,
  contents_url: `${url}/contents/{+path}`,
  compare_url: `${url}/compare/{base}...{head}`,
  merges_url: `${url}/merges`,
  archive_url: `${url}/{archive_format}{/ref}`,
  downloads_url: `${url}/downloads`,
  issues_url: `${url}/issues{/number}`,
  pulls_url: `${url}/pulls{/number}`,
  milestones_url: `${url}/milestones{/number}`,
  notifications_url: `${url}/notifications{?since,all,participating}`,
  labels_url: `${url}/labels{/name}`,
  releases_url: `${url}/releases{/id}`,
  deployments_url: `${url}/deployments`,
})

const cloneUrls = (repository: SandboxRepository, web: string) => {
  const host = new URL(web).host
  return {
    git_url: `git://${host}/${repository.full_name}.git`,
    ssh_url: `git@${host}:${repository.full_name}.git`,
    clone_url: `${web}/${repository.full_name}.git`,
    svn_url: `${web}/${repository.full_name}`,
  }
}

const MIT = {
  key: 'mit',
  name: 'MIT License',
  spdx_id: 'MIT',
  url: 'https://api.github.com/licenses/mit',
  node_id: 'MDc6TGljZW5zZTEz',
}

const repositoryCounts = ({ stargazers, size }: SandboxRepository) => {
  const forks = Math.floor(stargazers / 7)
  const issues = stargazers % 11
  return {
    size,
    stargazers_count: stargazers,
    watchers_count: stargazers,
    forks_count: forks,
    open_issues_count: issues,
    forks,
    open_issues: issues,
    watchers: stargazers,
  }
}

export const repositoryBody = (
  repository: SandboxRepository,
  owner: OwnerRecord,
  addresses: Addresses,
): RepositoryBody => ({
  id: repository.id,
  node_id: repository.node_id,
  name: repository.name,
  full_name: repository.full_name,
  private: repository.visibility !== 'public',
  owner: ownerSummary(owner, addresses),
  html_url: `${addresses.web}/${repository.full_name}`,
  description: repository.description,
  fork: repository.fork,
  ...repositoryUrls(`${addresses.api}/repos/${repository.full_name}`),
  created_at: repository.created_at,
  updated_at: repository.updated_at,
  pushed_at: repository.pushed_at,
  ...cloneUrls(repository, addresses.web),
  homepage: null,
  ...repositoryCounts(repository),
  language: repository.empty ? null : repository.language,
  has_issues: !repository.fork,
  has_projects: true,
  has_downloads: true,
  has_wiki: true,
  has_pages: false,
  has_discussions: false,
  mirror_url: null,
  archived: repository.archived,
  disabled: repository.disabled,
  license: repository.empty ? null : MIT,
  allow_forking: true,
  is_template: false,
  web_commit_signoff_required: false,
  topics: [...repository.topics],
  visibility: repository.visibility,
  default_branch: repository.default_branch,
  permissions: { admin: false, maintain: false, push: false, triage: false, pull: true },
})

/** The same as one alone answers it, with the few counts that listings leave out. */
export const fullRepositoryBody = (
  repository: SandboxRepository,
  owner: OwnerRecord,
  addresses: Addresses,
) =>
  ({
    ...repositoryBody(repository, owner, addresses),
    network_count: Math.floor(repository.stargazers / 7),
    subscribers_count: repository.stargazers % 13,
  }) as FullRepositoryBody

export const organizationSummary = (
  owner: OwnerRecord,
  { api }: Pick<Addresses, 'api'>,
): OrganizationSummary => {
  const url = `${api}/orgs/${owner.login}`
  return {
    login: owner.login,
    id: owner.id,
    node_id: owner.node_id,
    url,
    repos_url: `${url}/repos`,
    events_url: `${url}/events`,
    hooks_url: `${url}/hooks`,
    issues_url: `${url}/issues`,
    members_url: `${url}/members{/member}`,
    public_members_url: `${url}/public_members{/member}`,
    avatar_url: `https://avatars.githubusercontent.com/u/${owner.id}?v=4`,
    description: `${owner.login}, as served by the sandbox`,
  }
}

/** How many of an owner's repositories the caller may know of. */
export interface RepositoryCounts {
  readonly public: number
  /** `undefined` for who is told nothing of private ones. */
  readonly private: number | undefined
}

const privateCounts = ({ private: count }: RepositoryCounts) =>
  count === undefined ? {} : { total_private_repos: count, owned_private_repos: count }

export const organizationBody = (
  owner: OwnerRecord,
  addresses: Addresses,
  counts: RepositoryCounts,
): OrganizationBody => ({
  ...organizationSummary(owner, addresses),
  name: owner.login,
  blog: `${addresses.web}/${owner.login}`,
  twitter_username: null,
  is_verified: false,
  has_organization_projects: true,
  has_repository_projects: true,
  public_repos: counts.public,
  public_gists: 0,
  followers: 0,
  following: 0,
  html_url: `${addresses.web}/${owner.login}`,
  created_at: owner.created_at,
  updated_at: owner.created_at,
  archived_at: null,
  type: 'Organization',
  ...privateCounts(counts),
})

export const userBody = (
  owner: OwnerRecord,
  addresses: Addresses,
  counts: RepositoryCounts & { readonly gists: number },
): UserBody => ({
  ...ownerSummary(owner, addresses),
  name: owner.login,
  company: null,
  blog: '',
  location: null,
  email: null,
  hireable: null,
  bio: null,
  twitter_username: null,
  public_repos: counts.public,
  public_gists: counts.gists,
  followers: 0,
  following: 0,
  created_at: owner.created_at,
  updated_at: owner.created_at,
})

/** `GET /user`: what GitHub tells nobody but the user. */
export const ownUserBody = (
  owner: OwnerRecord,
  addresses: Addresses,
  counts: RepositoryCounts & { readonly gists: number; readonly secretGists: number },
) => ({
  ...userBody(owner, addresses, counts),
  user_view_type: 'private',
  private_gists: counts.secretGists,
  total_private_repos: counts.private ?? 0,
  owned_private_repos: counts.private ?? 0,
  disk_usage: owner.repositories.reduce((sum, repository) => sum + repository.size, 0),
  collaborators: 0,
  two_factor_authentication: true,
  plan: { name: 'free', space: 976_562_499, collaborators: 0, private_repos: 10_000 },
})

/** What a walk of GitHub would come to: by a few requests, and within the limits. */
import type { PlanContext, SourcePlan } from '../source.ts'
import { countEntries } from '../list.ts'
import type { Resource } from './allowance.ts'
import type { Subject } from './classify.ts'
import { connect, type GithubClient } from './connect.ts'
import { type Access, type Credential, readCredential } from './credential.ts'
import { countScope, type ScopeCount } from './plan-counts.ts'
import { type KnownLimits, limitsOf } from './plan-limits.ts'
import { describe, scopeFrames } from './scopes.ts'
import type { GithubSpec } from './spec.ts'

/** The most points that planning a target takes; where less is left, they are left to the walk. */
const MOST_POINTS = 5

const isList = ({ repoList, repoListFile }: GithubSpec): boolean =>
  repoList !== undefined || repoListFile !== undefined

const whatOf = (spec: GithubSpec): string => {
  const frame = isList(spec) ? undefined : scopeFrames(spec).at(-1)
  return frame === undefined
    ? `a list of repositories at ${spec.baseUrl}`
    : describe(frame, spec.baseUrl)
}

/** What the walk's requests are counted for: owners and names are asked for by GraphQL, with a token. */
const resourceOf = (spec: GithubSpec, { authenticated }: Credential): Resource => {
  const byRest = spec.authenticatedUser || spec.installation || spec.allOrgs || spec.gists
  return authenticated && byRest === undefined ? 'graphql' : 'core'
}

/** Counts requests, and the time that they take. */
class Counter {
  readonly #noteRequest: () => void
  asked = 0
  ms = 0

  constructor({ noteRequest }: Pick<PlanContext, 'noteRequest'>) {
    this.#noteRequest = noteRequest
  }

  async time<T>(request: () => Promise<T>): Promise<T> {
    const begun = performance.now()
    this.asked += 1
    this.#noteRequest()
    try {
      return await request()
    } finally {
      this.ms += performance.now() - begun
    }
  }

  over(client: GithubClient): GithubClient {
    return {
      baseUrl: client.baseUrl,
      subject: client.subject,
      authenticated: client.authenticated,
      ofInstallation: client.ofInstallation,
      credentialId: client.credentialId,
      get: (url, options) => this.time(() => client.get(url, options)),
      query: (text, variables) => this.time(() => client.query(text, variables)),
    }
  }
}

/** Whether so little is left of every token that what is left had better be the walk's. */
const isSpent = ({ limits }: KnownLimits, now: number): boolean =>
  limits.length > 0 &&
  limits.every(
    ({ remaining, reserve, resetAt }) => now < resetAt && remaining - reserve < MOST_POINTS,
  )

const NOTHING: ScopeCount = { items: null, requests: null, unseen: [], notes: [] }

const spent = ({ limits }: KnownLimits): ScopeCount => {
  const until = Math.min(...limits.map(({ resetAt }) => resetAt))
  const note = `what the listing has was not asked for: the limit is spent until ${new Date(until).toISOString()}`
  return { ...NOTHING, notes: [note] }
}

const ofList = async (
  { repoList, repoListFile, perPage }: GithubSpec,
  context: PlanContext,
  { authenticated }: Credential,
): Promise<ScopeCount> => {
  const items = await countEntries({ values: repoList, file: repoListFile }, context)
  const requests = authenticated ? Math.ceil(items / perPage) : 0
  const note = 'without a credential the names are taken as they are: nothing is looked up'
  return { items, requests, unseen: [], notes: authenticated ? [] : [note] }
}

const refusedNotes = ({ refused }: KnownLimits, { members }: Credential): readonly string[] =>
  refused === 0
    ? []
    : [
        `${refused} of ${members.length} tokens of the pool are refused; put them right or take them out`,
      ]

/** Tells what a walk would come to. @throws as a walk does; RetryLaterError where a limit holds */
export async function planGithub(
  spec: GithubSpec,
  context: PlanContext,
  access: Access,
): Promise<SourcePlan> {
  const { baseUrl } = spec
  const what = whatOf(spec)
  const resolved = await context.credentials()
  const credential = readCredential(resolved, { baseUrl, what, context, access })
  const { authenticated } = credential
  const subject: Subject = { what, authRef: context.authRef, authenticated }
  const counter = new Counter(context)
  const resource = resourceOf(spec, credential)
  // A list without a token is not asked about at all.
  const known: KnownLimits =
    isList(spec) && !authenticated
      ? { limits: [], refused: 0 }
      : await limitsOf(credential, { baseUrl, subject, context, resource })
  const counting = async (): Promise<ScopeCount> => {
    if (isList(spec)) return ofList(spec, context, credential)
    if (isSpent(known, context.clock.now())) return spent(known)
    return countScope(spec, counter.over(await connect({ baseUrl, what }, context, access)))
  }
  const { items, requests, unseen, notes } = await counting()
  return {
    items,
    itemsFrom: items === null ? null : isList(spec) ? 'list' : 'service',
    requests,
    itemsPerRequest: isList(spec) && !authenticated ? null : spec.perPage,
    limits: known.limits,
    unseen,
    notes: [...refusedNotes(known, credential), ...notes],
    requestMs: counter.asked === 0 ? null : counter.ms / counter.asked,
  }
}

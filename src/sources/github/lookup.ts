/**
 * Repositories by name, many at a time: existence, present name and facts.
 *
 * REST would take a request for each, and a list of 5,000 the whole allowance
 * of an hour; one query of GraphQL takes 100 for a single point.
 */
import { z } from 'zod'
import {
  type Answer,
  credentialName,
  field,
  forbidden,
  malformed,
  messageOf,
  PageTooLargeError,
  shortfallCodeOf,
  ssoPage,
  ssoRequired,
} from './classify.ts'
import type { GithubClient } from './connect.ts'
import { fromGraphql, fromRest, REPOSITORY_FIELDS, type RepositoryFacts } from './facts.ts'
import { rawRow } from './raw.ts'
import { isListProblem, type ListProblem } from './list-problem.ts'
import { queryFailure } from './query-errors.ts'

/** What became of a name. */
export type Found =
  { readonly facts: RepositoryFacts } | { readonly problem: ListProblem; readonly detail: string }

/** Requests to REST for one query's names, at most; past these a failed item says less, and no more than that. */
const MAX_REST_LOOKUPS = 20

/**
 * The names travel as variables: they are not ours, and must not become part
 * of the query. Renames are followed by default; saying so is an argument that
 * older Enterprise Servers refuse.
 */
const batchQuery = (count: number): string => {
  const at = Array.from({ length: count }, (_, index) => index)
  const variables = at.map((n) => `$o${n}: String!, $n${n}: String!`).join(', ')
  const lookups = at.map((n) => `r${n}: repository(owner: $o${n}, name: $n${n}) { ...facts }`)
  return `query MusterListed(${variables}) {
  ${lookups.join('\n  ')}
  rateLimit { cost remaining resetAt }
}
fragment facts on Repository {${REPOSITORY_FIELDS}}`
}

const batchVariables = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((fullName, n) => {
      const [owner = '', name = ''] = fullName.split('/')
      return [
        [`o${n}`, owner],
        [`n${n}`, name],
      ]
    }),
  )

const envelope = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z.array(z.unknown()).optional(),
})

/** What to tell a person where GitHub's own words would not do. */
const details = ({ baseUrl, subject }: GithubClient): Readonly<Record<ListProblem, string>> => ({
  not_found: `there is no such repository at ${baseUrl}, or it is hidden from ${credentialName(subject)}; check the spelling, and what the token may read`,
  dmca: 'the repository is blocked for legal reasons; take it off the list',
  gone: 'the repository is gone for good; take it off the list',
  forbidden: forbidden(subject, '').text,
  sso: ssoRequired(subject, ssoPage('')).text,
})

const failed = (client: GithubClient, problem: ListProblem, detail?: string): Found => ({
  problem,
  detail: detail ?? details(client)[problem],
})

/** The one entry that an error is about, where it says nothing of any other. */
const entryOf = (error: unknown): number | undefined => {
  const path = field(error, 'path')
  if (!Array.isArray(path) || path.length !== 1) return undefined
  const at = /^r(\d+)$/.exec(String(path[0]))?.[1]
  return at === undefined ? undefined : Number(at)
}

/** What an error says of an entry; `undefined` is a failure of GitHub's. */
const problemOf = (error: unknown): ListProblem | undefined => {
  if (field(field(error, 'extensions'), 'saml_failure') === true) return 'sso'
  // GitHub's words for what is taken down, whether for the law or for its own terms.
  if (/access blocked/i.test(messageOf(error))) return 'dmca'
  const type = field(error, 'type')
  if (type === 'NOT_FOUND') return 'not_found'
  return type === 'FORBIDDEN' ? 'forbidden' : undefined
}

/** By place in the batch; nothing where the answer is damaged. */
type Verdicts = readonly Found[]

const readVerdicts = (client: GithubClient, answer: Answer, count: number): Verdicts => {
  const outer = envelope.safeParse(answer.body)
  if (!outer.success) throw malformed(client.subject, 'the answer is no GraphQL result')
  const { data, errors = [] } = outer.data
  const aboutEntries = new Map(errors.map((error) => [entryOf(error), error]))
  // One that names no entry, or has no meaning for it, says that the answer is not whole.
  const strange = errors.filter((e) => entryOf(e) === undefined || problemOf(e) === undefined)
  if (strange.length > 0) throw queryFailure(answer, strange, client.subject, data != null)
  return Array.from({ length: count }, (_, at): Found => {
    const error = aboutEntries.get(at)
    const problem = problemOf(error)
    if (problem !== undefined) return failed(client, problem, wordsOf(error, problem, client))
    const node = rawRow.safeParse(data?.[`r${at}`])
    if (node.success) return { facts: fromGraphql(node.data) }
    throw damaged(client)
  })
}

/** Why access is refused, where GitHub says more than that it is: an allow list of addresses, say. */
const wordsOf = (
  error: unknown,
  problem: ListProblem,
  { subject }: GithubClient,
): string | undefined =>
  problem === 'forbidden' ? forbidden(subject, messageOf(error)).text : undefined

const damaged = ({ subject }: GithubClient): PageTooLargeError =>
  new PageTooLargeError(
    'SOURCE_MALFORMED',
    `${subject.what}: GitHub left repositories out of an answer without a reason; trying again with fewer at once`,
    { retryable: true },
  )

/** An error's message without the list, which is not what failed. */
const withoutPlace = ({ message }: Error, { subject }: GithubClient): string =>
  message.replace(`${subject.what}: `, '')

/** One repository by REST; a 301 leads to the repository as it is called now. */
const lookUpByRest = async (client: GithubClient, fullName: string): Promise<Found> => {
  try {
    const { body } = await client.get(`${client.baseUrl}/repos/${fullName}`)
    const row = rawRow.safeParse(body)
    if (!row.success) throw malformed(client.subject, 'the answer is no repository')
    return { facts: fromRest(row.data) }
  } catch (error) {
    const problem = shortfallCodeOf(error)
    if (!isListProblem(problem)) throw error
    // Here too, the reason for a refusal is in GitHub's answer.
    const words = problem === 'forbidden' || problem === 'sso'
    return failed(client, problem, words ? withoutPlace(error as Error, client) : undefined)
  }
}

const lookUpByGraphql = async (
  client: GithubClient,
  names: readonly string[],
): Promise<Verdicts> => {
  const answer = await client.query(batchQuery(names.length), batchVariables(names))
  return readVerdicts(client, answer, names.length)
}

/**
 * Looks repositories up by `owner/name`, which may be an old name.
 *
 * @param names at most 100
 * @returns what became of each, in the same order
 * @throws {PageTooLargeError} where GitHub could not answer so many at once
 */
export async function lookUp(
  client: GithubClient,
  names: readonly string[],
): Promise<readonly Found[]> {
  if (names.length === 0) return []
  let verdicts: Verdicts
  try {
    verdicts = await lookUpByGraphql(client, names)
  } catch (error) {
    // Fewer than one cannot be asked for; the other API may know it.
    if (!(error instanceof PageTooLargeError) || names.length > 1) throw error
    return [await lookUpByRest(client, names[0] ?? '')]
  }
  return tellApart(client, names, verdicts)
}

/** What GraphQL says of several that REST tells apart: what never was, is hidden, moved long ago, is taken down by the law or by GitHub. */
const UNCLEAR: ReadonlySet<ListProblem> = new Set(['not_found', 'dmca'])

/** Asks REST about what GraphQL could not find. */
const tellApart = async (
  client: GithubClient,
  names: readonly string[],
  verdicts: Verdicts,
): Promise<readonly Found[]> => {
  const told: Found[] = []
  let left = MAX_REST_LOOKUPS
  for (const [at, verdict] of verdicts.entries()) {
    const unclear = 'problem' in verdict && UNCLEAR.has(verdict.problem) && left > 0
    if (unclear) left -= 1
    told.push(unclear ? await lookUpByRest(client, names[at] ?? '') : verdict)
  }
  return told
}

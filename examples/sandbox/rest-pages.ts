/** REST's listings: pages by number or by id, and the `Link` header that leads from one to the next. */
import { type Answer, answer, type SandboxRequest } from './answers.ts'

const DEFAULT_PER_PAGE = 30
const MAX_PER_PAGE = 100

const positive = (text: string | null, fallback: number): number => {
  const number = Number(text ?? fallback)
  return Number.isSafeInteger(number) && number > 0 ? number : fallback
}

const perPageOf = ({ query }: SandboxRequest): number =>
  Math.min(positive(query.get('per_page'), DEFAULT_PER_PAGE), MAX_PER_PAGE)

const linkTo = (
  { apiUrl, query }: SandboxRequest,
  path: string,
  set: Readonly<Record<string, string>>,
): string => {
  const wanted = new URLSearchParams(query)
  for (const [name, value] of Object.entries(set)) wanted.set(name, value)
  return `${apiUrl}${path}?${wanted}`
}

const linkHeader = (
  request: SandboxRequest,
  path: string,
  page: number,
  last: number,
): Record<string, string> => {
  if (last <= 1) return {}
  const to = (rel: string, number: number): string =>
    `<${linkTo(request, path, { page: String(number) })}>; rel="${rel}"`
  const back = page > 1 ? [to('prev', page - 1)] : []
  const ahead = page < last ? [to('next', page + 1), to('last', last)] : []
  return { link: [...back, ...ahead, ...(page > 1 ? [to('first', 1)] : [])].join(', ') }
}

/** What a listing is made of. */
export interface Listing<Row> {
  readonly rows: readonly Row[]
  /** Where the next page is: GitHub names it by the owner's number, not by the URL that was called. */
  readonly path: string
  readonly toBody: (row: Row) => unknown
  /** What the rows come in, if not by themselves. */
  readonly wrap?: (bodies: readonly unknown[]) => unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The page that the request names by its number. */
export const numberedPage = <Row>(request: SandboxRequest, listing: Listing<Row>): Answer => {
  const { rows, path, toBody, wrap = (bodies) => bodies } = listing
  const perPage = perPageOf(request)
  const page = positive(request.query.get('page'), 1)
  const bodies = rows.slice((page - 1) * perPage, page * perPage).map(toBody)
  const link = linkHeader(request, path, page, Math.ceil(rows.length / perPage))
  return answer(200, wrap(bodies), { ...listing.headers, ...link })
}

/** The page after the id that the request names: nothing shifts it. */
export const keysetPage = <Row extends { readonly id: number }>(
  request: SandboxRequest,
  { rows, path, toBody }: Listing<Row>,
): Answer => {
  const since = positive(request.query.get('since'), 0)
  const rest = rows.filter((row) => row.id > since).toSorted((a, b) => a.id - b.id)
  const page = rest.slice(0, perPageOf(request))
  const last = page.at(-1)
  const next = last && linkTo(request, path, { since: String(last.id) })
  const link: Record<string, string> =
    rest.length > page.length
      ? { link: `<${next}>; rel="next", <${request.apiUrl}${path}{?since}>; rel="first"` }
      : {}
  return answer(200, page.map(toBody), link)
}

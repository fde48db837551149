/** Questions to a sandbox, by REST and by GraphQL. */
import type { SandboxGitHub } from '../../examples/sandbox/github.ts'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

const read = async (response: Response): Promise<Reply> => {
  const text = await response.text()
  const body: unknown = text === '' ? undefined : JSON.parse(text)
  return { status: response.status, headers: response.headers, body }
}

export interface Asking {
  readonly token?: string | undefined
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** @param path or a whole URL; redirects are not followed */
export const ask = async (
  { url }: SandboxGitHub,
  path: string,
  { token, method = 'GET', headers = {} }: Asking = {},
): Promise<Reply> =>
  read(
    await fetch(path.startsWith('http') ? path : url + path, {
      method,
      redirect: 'manual',
      // Without this Node's fetch asks no cache, and gets no 304 past itself.
      headers: {
        'cache-control': 'no-cache',
        ...(token === undefined ? {} : { authorization: `token ${token}` }),
        ...headers,
      },
    }),
  )

export interface QueryReply {
  // oxlint-disable-next-line typescript/no-explicit-any -- each test knows the shape of its own query
  readonly data?: any
  readonly errors?: readonly {
    readonly type?: string
    readonly message: string
    readonly path?: readonly unknown[]
    readonly extensions?: unknown
  }[]
}

export const query = async (
  sandbox: SandboxGitHub,
  text: string,
  { token = 'any', variables = {} }: { token?: string; variables?: Record<string, unknown> } = {},
): Promise<QueryReply> => {
  const response = await fetch(`${sandbox.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `bearer ${token}` },
    body: JSON.stringify({ query: text, variables }),
  })
  return (await response.json()) as QueryReply
}

/** The word by which a listing names its rows. */
export const column = (reply: Reply, key: string): unknown[] =>
  (reply.body as Record<string, unknown>[]).map((row) => row[key])

/** Every row of a listing, by following `Link`. */
export const everyRow = async (
  sandbox: SandboxGitHub,
  path: string,
  asking: Asking = {},
): Promise<{ readonly rows: Record<string, unknown>[]; readonly pages: number }> => {
  const rows: Record<string, unknown>[] = []
  let pages = 0
  for (let next: string | undefined = path; next !== undefined; pages += 1) {
    const reply: Reply = await ask(sandbox, next, asking)
    rows.push(...(reply.body as Record<string, unknown>[]))
    next = /<([^>]+)>; rel="next"/.exec(reply.headers.get('link') ?? '')?.[1]
  }
  return { rows, pages }
}

/** A clock that stands still until moved. */
export const testClock = (start = '2025-01-01T00:00:00Z') => {
  let now = Date.parse(start)
  return {
    now: () => now,
    advance: (ms: number) => {
      now += ms
    },
  }
}

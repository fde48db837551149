import owners from '../sandbox/owners.json' with { type: 'json' }

/** Any token will do: the sandbox knows this one. */
export const TOKEN = 'sandbox-token-of-the-quickstart'

const entries = owners.owners as readonly { login: string; type: string }[]

/** Real owners; what the sandbox says of their repositories is made up, but for the names. */
export const OWNERS = entries.map(({ login }) => login)

/** A list of URLs, as a crawl leaves one. */
export const URLS = Array.from(
  { length: 2_500 },
  (_, i) => `https://data.example/dumps/2026/part-${String(i).padStart(5, '0')}.warc.gz`,
)

/** One target an owner, and one for the list. */
export function configText(url: string): string {
  const walks = entries.map(({ login, type }) => {
    const scope = type === 'User' ? 'user' : 'org'
    return `  - { name: ${login}, source_type: github, auth_ref: sandbox, github: { ${scope}: ${login}, base_url: "${url}" } }`
  })
  return [
    'auth:',
    '  sandbox: { type: github, config: { token: "${SANDBOX_TOKEN}" } }',
    'targets:',
    ...walks,
    '  - { name: dumps, source_type: url, url: { urls_file: urls.txt, archive_format: warc.gz } }',
    '',
  ].join('\n')
}

export const AIM_AT_GITHUB = (database: string) => `Look at it:

  npm run muster -- status --db ${database}
  npm run muster -- tasks --db ${database} --jsonl | head

Aim it at the real GitHub: write muster.yaml,

  auth:
    gh: { type: github, config: { token: "\${GITHUB_TOKEN}" } }
  targets:
    - { name: acme, source_type: github, auth_ref: gh, github: { org: acme } }

and run

  export GITHUB_TOKEN=ghp_...
  npm run muster -- run muster.yaml`

/** A github target on its way from a file to the spec that is stored. */
import { expect, test } from 'vitest'
import { parseConfigText } from '../../../src/config/config-file.ts'
import { InvalidInputError } from '../../../src/domain/errors.ts'
import { githubSource } from '../../../src/sources/github/index.ts'
import type { AnySource } from '../../../src/sources/source.ts'

const sources = new Map<string, AnySource>([['github', githubSource() as AnySource]])

const specOf = (yaml: string) =>
  parseConfigText(yaml, { file: 'muster.yaml', sources, env: {} }).targets[0]?.spec

const problemsOf = (yaml: string): readonly string[] => {
  try {
    specOf(yaml)
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems
    throw error
  }
  return []
}

const target = (...lines: readonly string[]): string =>
  ['targets:', '  - name: acme', '    source_type: github', '    github:', ...lines].join('\n')

test('every key of a filter arrives, as a config file spells it', () => {
  const spec = specOf(
    target(
      '      enterprise: acme-corp',
      '      members: true',
      '      base_url: https://ghe.example/api/v3/',
      '      per_page: 50',
      '      filter:',
      '        include: ["acme/*"]',
      '        exclude: ["*/test-*"]',
      '        forks: exclude',
      '        archived: false',
      '        disabled: false',
      '        empty: only',
      '        visibility: [private, internal]',
      '        topics: [Security]',
      '        exclude_topics: [sandbox, archive]',
      '        languages: [TypeScript]',
      '        min_size_kb: 1',
      '        max_size_kb: 1000',
      '        pushed_since: 2025-01-31',
    ),
  )
  expect(spec).toEqual({
    enterprise: 'acme-corp',
    members: true,
    baseUrl: 'https://ghe.example/api/v3',
    perPage: 50,
    filter: {
      include: ['acme/*'],
      exclude: ['*/test-*'],
      forks: 'exclude',
      archived: 'exclude',
      disabled: 'exclude',
      empty: 'only',
      visibility: ['internal', 'private'],
      topics: ['security'],
      excludeTopics: ['archive', 'sandbox'],
      languages: ['typescript'],
      minSizeKb: 1,
      maxSizeKb: 1000,
      pushedSince: '2025-01-31T00:00:00.000Z',
    },
  })
})

test.each([
  ['authenticated_user: true', { authenticatedUser: true }],
  ['installation: true', { installation: true }],
  ['gists: octocat', { gists: 'octocat' }],
])('the scope %s arrives', (line, scope) => {
  expect(specOf(target(`      ${line}`))).toMatchObject(scope)
})

test('a filter that leaves nothing out leaves no trace in what is stored', () => {
  const plain = JSON.stringify(specOf(target('      org: acme')))
  expect(plain).toBe('{"org":"acme","baseUrl":"https://api.github.com","perPage":100}')
  const filtered = target(
    '      org: acme',
    '      members: false',
    '      filter: { forks: include, min_size_kb: 0 }',
  )
  expect(JSON.stringify(specOf(filtered))).toBe(plain)
})

test('what is wrong with a filter is told where it stands', () => {
  expect(
    problemsOf(target('      org: acme', '      filter: { min_size: 1, forks: maybe }')),
  ).toEqual([
    expect.stringMatching(/github\.filter\.min_size: unknown key; did you mean "min_size_kb"\?$/),
    expect.stringMatching(/filter\.forks is "maybe"; expected "include", "exclude" or "only"/),
  ])
})

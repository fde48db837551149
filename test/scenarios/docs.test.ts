import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { SHORTFALL_CODES } from '../../machines/index.ts'
import { parseConfigText } from '../../src/config/config-file.ts'
import { createSources } from '../../src/sources/factory.ts'
import { githubSource, githubSpec } from '../../src/sources/github/index.ts'
import { contextOf } from '../sources/github/walk.ts'

const PAGE = readFileSync(new URL('../../docs/github.md', import.meta.url), 'utf8')
const configs = [...PAGE.matchAll(/^```yaml\n([^]*?)^```/gm)].map(([, text = '']) => text)
const env = { GITHUB_TOKEN: 'ghp_a', TOKEN_A: 'ghp_b', TOKEN_B: 'ghp_c', APP_KEY: 'a key' }

test.each(configs)('the page’s config can be used: %#', (text) => {
  const { targets } = parseConfigText(text, { file: 'muster.yaml', sources: createSources(), env })
  expect(targets.length).toBeGreaterThan(0)
})

test('the page names every reason', () => {
  for (const code of SHORTFALL_CODES) expect(PAGE).toContain(`\`${code}\``)
})

test('the page names every fact of a task', async () => {
  await using sandbox = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: ['a'] }],
  })
  const source = githubSource()
  const spec = githubSpec.parse({ org: 'acme', baseUrl: sandbox.url })
  for await (const { items } of source.enumerate(spec, undefined, contextOf({}))) {
    for (const item of items) {
      const told = /Each task's `metadata` has (.+)$/m.exec(PAGE)?.[1] ?? ''
      const named = [...told.matchAll(/`(\w+)`/g)].map(([, name]) => name)
      expect(named.toSorted()).toEqual(
        Object.keys(source.identify(item, spec).metadata ?? {}).toSorted(),
      )
    }
  }
})

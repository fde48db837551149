import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseConfigText } from '../../../src/config/config-file.ts'
import { createSources } from '../../../src/sources/factory.ts'
import { urlSpec } from '../../../src/sources/url/spec.ts'

const PAGE = readFileSync(new URL('../../../docs/urls.md', import.meta.url), 'utf8')
const configs = [...PAGE.matchAll(/^```yaml\n([^]*?)^```/gm)].map(([, text = '']) => text)

test('the page has configs', () => expect(configs.length).toBeGreaterThan(1))

test.each(configs)('the page’s config can be used: %#', (text) => {
  const { targets } = parseConfigText(text, { file: 'muster.yaml', sources: createSources() })
  expect(targets.length).toBeGreaterThan(0)
})

test('the page names every key of the spec but those that are for the scanner', () => {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const keys = Object.keys(urlSpec.shape).filter((key) => !/^(retry|metadata)$/.test(key))
  expect(keys.filter((key) => !PAGE.includes(snake(key)))).toEqual([])
})

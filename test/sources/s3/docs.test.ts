import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseConfigText } from '../../../src/config/config-file.ts'
import { createSources } from '../../../src/sources/factory.ts'
import { s3Spec } from '../../../src/sources/s3/spec.ts'

const PAGE = readFileSync(new URL('../../../docs/s3.md', import.meta.url), 'utf8')
const configs = [...PAGE.matchAll(/^```yaml\n([^]*?)^```/gm)].map(([, text = '']) => text)

test.each(configs)('the page’s config can be used: %#', (text) => {
  const env = Object.fromEntries(
    [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, 'x']),
  )
  const { targets } = parseConfigText(text, { file: 'muster.yaml', sources: createSources(), env })
  expect(targets).toHaveLength(3)
})

test('the page names every key of the spec', () => {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  expect(Object.keys(s3Spec.shape).filter((key) => !PAGE.includes(`\`${snake(key)}\``))).toEqual([])
})

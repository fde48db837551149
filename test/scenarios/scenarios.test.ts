import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { paramsOf, SCENARIOS, type Scenario } from './scenarios.ts'
import { walkThrough, type Walked } from './walk.ts'

/** The verdict in one word or a few, as the table has it. */
function verdictOf({ session, error }: Walked): string {
  if (error?.code === 'AUTHENTICATION_FAILED' && session.waiting !== null) return 'PAUSED'
  const codes = [...new Set(session.shortfalls.map(({ code }) => code))]
  return session.completeness === 'COMPLETE' ? 'COMPLETE' : codes.join(', ')
}

/** What the final status has to be for a verdict. */
const statusFor = ({ verdict, lost }: Scenario): string => {
  if (verdict === 'COMPLETE') return 'COMPLETED'
  if (verdict === 'PAUSED') return 'IN_PROGRESS'
  return lost === -1 && verdict !== 'drift' ? 'FAILED' : 'PARTIALLY_COMPLETED'
}

const rows: string[] = []

describe('an organisation is listed', () => {
  test.each(SCENARIOS.map((scenario) => [scenario.title, scenario] as const))(
    '%s',
    async (title, scenario) => {
      const walked = await walkThrough(paramsOf(scenario))
      await using _ = walked.sandbox
      const { session, expected, found, requestsWhileLimited, strangers, duplicates } = walked
      const verdict = verdictOf(walked)
      rows.push(
        `| ${title} | ${found}/${expected.size} | ${duplicates} | ${requestsWhileLimited} | ${verdict} |`,
      )
      expect({
        verdict,
        status: session.status,
        duplicates,
        strangers,
        requestsWhileLimited,
        lost: scenario.lost === -1 ? -1 : expected.size - found,
        reason: verdict === scenario.verdict ? '' : session.failureReason,
      }).toEqual({
        verdict: scenario.verdict,
        status: statusFor(scenario),
        duplicates: 0,
        strangers: 0,
        requestsWhileLimited: 0,
        lost: scenario.lost ?? 0,
        reason: '',
      })
    },
    30_000,
  )
})

const PAGE = new URL('../../docs/github.md', import.meta.url)

test('the page shows what came of each', (context) => {
  if (rows.length < SCENARIOS.length) context.skip('only some of them were walked')
  const table = /<!-- scenarios:begin -->\n([\s\S]*?)\n<!-- scenarios:end -->/.exec(
    readFileSync(PAGE, 'utf8'),
  )?.[1]
  expect(table?.split('\n').slice(2)).toEqual(rows)
})

/** GraphQL that ran out of time or resources: pages of too many nodes, and the nulls that come in their place. */
import { type Answer, html } from './answers.ts'
import type { HeavyPages } from './options.ts'

type Path = readonly (string | number)[]

const MESSAGE = 'Resource limits for this query exceeded.'

/** Nodes become null, each with an error of its own. */
export const withoutNodes = (good: Answer, which: 'every' | 'every other'): Answer => {
  const body = JSON.parse(good.body) as Record<string, unknown>
  // What failed beside the nodes failed all the same.
  const errors: unknown[] = [...((body['errors'] as readonly unknown[] | undefined) ?? [])]
  const spoil = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) {
      return value.map((node, at) => {
        if (which === 'every other' && at % 2 === 0) return node as unknown
        errors.push({ type: 'RESOURCE_LIMITS_EXCEEDED', path: [...path, at], message: MESSAGE })
        return null
      })
    }
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, spoil(v, [...path, k])]))
  }
  const data = spoil(body['data'], [])
  return { ...good, body: JSON.stringify({ data, errors }) }
}

/** The longest list of an answer; the fields beside each other count as one too, for aliases make a list of them. */
const nodesIn = (value: unknown): number => {
  if (value === null || typeof value !== 'object') return 0
  if (Array.isArray(value)) return Math.max(value.length, ...value.map(nodesIn))
  return Math.max(0, ...Object.values(value).map(nodesIn))
}

const isTooHeavy = (good: Answer, above: number): boolean => {
  const { data } = JSON.parse(good.body) as { data?: Record<string, unknown> | null }
  return Math.max(Object.keys(data ?? {}).length, nodesIn(data)) > above
}

/** What becomes of an answer on a server that cannot do so much at once. */
export const weighed = (good: Answer, heavy: HeavyPages | undefined): Answer => {
  if (heavy === undefined || good.status !== 200 || !isTooHeavy(good, heavy.above)) return good
  if (heavy.answer === '502') return html(502, 'Unicorn! · GitHub')
  if (heavy.answer === '504') return html(504, 'Gateway Timeout')
  return withoutNodes(good, heavy.answer === 'nulls' ? 'every' : 'every other')
}

import type { PlannedLimit } from '../sources/source.ts'
import type { Plan, TargetPlan } from '../planning/types.ts'
import { printable } from './output.ts'
import { counted, duration, moment, several } from './words.ts'

/** One line of what is told of a target: a word, and what it says. */
type Line = readonly [string, string]

const ITEMS_FROM: Readonly<Record<NonNullable<TargetPlan['itemsFrom']>, string>> = {
  service: 'as the service counts them',
  list: 'as the list has them',
  'last session': 'as the last session found them',
}

const BOTTLENECKS: Readonly<Record<NonNullable<TargetPlan['bottleneck']>, string>> = {
  limit: "held up by the service's limit",
  pace: 'held up by what the service allows a minute',
  settings: "held up by the target's own rate",
  answers: 'as fast as the answers come',
}

function wouldBe({ action, session }: TargetPlan): string {
  const where =
    session === null
      ? ''
      : `session ${session.sessionId}, at ${several(session.pages, 'page')} and ${several(session.items, 'item')}`
  const why = session?.reason == null ? '' : `: ${session.reason}`
  switch (action) {
    case 'start':
      return 'a new session is begun'
    case 'continue':
      return `goes on with ${where}${why === '' ? '' : `; it waited for${why.slice(1)}`}`
    case 'wait':
      return `goes on with ${where}, once it is ${session?.until == null ? 'time' : moment(session.until)}${why}`
    case 'paused':
      return `passed over until it is resumed: ${where}`
    case 'cancel':
      return `ended as somebody asked: ${where}`
    case 'walked':
      return `left to the process that walks it: ${where}`
    case 'done':
      return 'nothing: it was walked in the round that is not over yet'
  }
}

function expectedItems({ items, itemsFrom, itemsLeft }: TargetPlan): string {
  if (items === null || itemsFrom === null) return 'unknown'
  const left =
    itemsLeft === null || itemsLeft === items ? '' : `, ${counted(itemsLeft)} still to come`
  return `${several(items, 'item')} (${ITEMS_FROM[itemsFrom]})${left}`
}

function takes({ requests, durationMs, bottleneck }: TargetPlan): string {
  if (requests === null) return 'unknown'
  const time = durationMs === null ? 'nobody knows how long' : about(durationMs)
  const why = bottleneck === null || requests === 0 ? '' : `, ${BOTTLENECKS[bottleneck]}`
  return `${several(requests, 'request')}, ${time}${why}`
}

const about = (ms: number): string => (ms < 60_000 ? 'under a minute' : `about ${duration(ms)}`)

const limitText = ({ resource, limit, remaining, resetAt, reserve }: PlannedLimit): string => {
  const kept = reserve === 0 ? '' : `, ${counted(reserve)} of them left to others`
  return `${resource}: ${counted(remaining)} of ${counted(limit)} are left until ${moment(new Date(resetAt))}${kept}`
}

function lastTime({ last }: TargetPlan): string {
  if (last === null) return 'never'
  const { endedAt, status, items, failed, comparison } = last
  const parts = [several(items, 'item'), ...(failed > 0 ? [`${counted(failed)} failed`] : [])]
  if (comparison !== null) {
    for (const key of ['new', 'changed', 'missing'] as const) {
      parts.push(`${counted(comparison[key])} ${key}`)
    }
  }
  return `${moment(endedAt)}, ${status}: ${parts.join(', ')}`
}

/** What is told of a target, a line a word. */
function linesOf(plan: TargetPlan): readonly Line[] {
  const { unseen, notes, notAsked, problem, limits, asked } = plan
  return [
    ['run', wouldBe(plan)],
    ['items', expectedItems(plan)],
    ['takes', takes(plan)],
    ...limits.map((limit): Line => ['limit', limitText(limit)]),
    ['last time', lastTime(plan)],
    ...unseen.map(({ code, detail }): Line => ['not seen', `${code}: ${detail}`]),
    ...notes.map((note): Line => ['note', note]),
    ...(notAsked === null ? [] : [['not asked', notAsked] as const]),
    ...(problem === null ? [] : [['problem', problem.message] as const]),
    ['asked', several(asked, 'request')],
  ]
}

const WORD_WIDTH = 11

const targetText = (plan: TargetPlan): string => {
  const { name, sourceType, authRef } = plan
  const head = `${name} (${sourceType}${authRef === null ? '' : `, credential ${authRef}`})`
  const lines = linesOf(plan).map(([word, text]) => `  ${word.padEnd(WORD_WIDTH)}${text}`)
  return [head, ...lines].map(printable).join('\n')
}

function totalText({ total, note }: Plan): string {
  const unknown =
    total.unknown === 0 ? '' : `, and ${several(total.unknown, 'target')} of which nobody knows`
  const problems =
    total.problems === 0 ? '' : `; ${several(total.problems, 'target')} could not be planned`
  const sum = `${several(total.targets, 'target')}: ${several(total.itemsLeft, 'item')}, ${several(total.requests, 'request')}, ${about(total.durationMs)}${unknown}${problems}`
  const spent = `${several(total.asked, 'request')} sent for this plan; nothing was written`
  return [sum, spent, ...(note === null ? [] : [note])].map(printable).join('\n')
}

/** A plan for people. */
export const planText = (plan: Plan): string =>
  `${[...plan.targets.map(targetText), totalText(plan)].join('\n\n')}\n`

const snakeCase = (key: string): string => key.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)

/** A plan for programs: keys as in the config, times as ISO 8601. */
export function planJson(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(planJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [snakeCase(key), planJson(part)]),
  )
}

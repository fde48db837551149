import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { format, resolveConfig } from 'prettier'
import { describe, expect, test } from 'vitest'
import type { BusEvents, BusEventType } from '../../src/delivery/event-bus.ts'
import {
  decode,
  encode,
  EVENT_TYPES,
  sessionIdOf,
  wireJsonSchema,
  type Envelope,
} from '../../src/delivery/wire.ts'
import { sessionNamed } from '../store/fixtures.ts'
import { PROJECT } from '../support/cli.ts'
import { taskOf } from './nats.ts'

const session = sessionNamed('acme', {
  sessionId: 's',
  status: 'COMPLETED',
  completeness: 'COMPLETE',
  shortfalls: [{ code: 'sso', detail: 'two repositories' }],
  total: 7,
  comparison: { seen: 5, new: 1, changed: 2, unchanged: 2, missing: 0 },
  waiting: { reason: 'rate limit', until: new Date(5) },
  timeline: { startedAt: new Date(1), lastUpdate: new Date(2), completedAt: new Date(3) },
})

const EVENTS: { readonly [T in BusEventType]: BusEvents[T] } = {
  'session.started': { session, resumed: true },
  'session.progressed': { session: { ...session, waiting: null, position: { at: 'end' } } },
  'session.ended': { session: { ...session, comparison: null, total: null } },
  'session.interrupted': {
    sessionId: 's',
    targetName: 'acme',
    error: { code: 'LEASE_LOST', message: 'gone', retryable: true },
  },
  'enumerator.changed': {
    sessionId: 's',
    targetName: 'acme',
    state: 'waiting',
    reason: 'rate limit',
    until: 5,
  },
  'task.created': { task: taskOf('s', 1) },
  'task.started': { taskId: 't' },
  'task.progressed': { taskId: 't', itemsProcessed: 3 },
  'task.completed': { taskId: 't', itemsProcessed: 4 },
  'task.failed': { taskId: 't', error: 'no' },
  'rule.published': { ruleId: 'r', definition: { pattern: 'AKIA', groups: [1, null] } },
}

const envelopeOf = (type: BusEventType): Envelope => {
  const data = EVENTS[type]
  return { v: 1, id: `id-of-${type}`, type, sessionId: sessionIdOf(data), at: new Date(9), data }
}

const jsonOf = (envelope: Omit<Envelope, 'v'>) =>
  JSON.parse(new TextDecoder().decode(encode(envelope))) as Record<string, unknown>
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

describe('an event on the wire', () => {
  const ajv = new Ajv2020()
  addFormats.default(ajv)
  const isValid = ajv.compile(wireJsonSchema())

  test.each(EVENT_TYPES)('"%s" comes back as it was, and is what the schema says', (type) => {
    const envelope = envelopeOf(type)
    expect(decode(encode(envelope))).toEqual(envelope)
    expect(isValid(jsonOf(envelope)), JSON.stringify(isValid.errors)).toBe(true)
  })

  test('of every type is known', () => {
    expect(EVENT_TYPES.toSorted()).toEqual(Object.keys(EVENTS).toSorted())
  })

  test('names its session, where it has one', () => {
    const named = EVENT_TYPES.filter((type) => sessionIdOf(EVENTS[type]) === 's')
    expect(named).toEqual(
      EVENT_TYPES.filter((type) => /^(session|enumerator)\.|task\.created/.test(type)),
    )
  })

  test.each([
    { at: 'after', cursor: { token: 'opaque' } },
    { at: 'retrying', after: 1, until: 2, resumeAt: { at: 'after', cursor: 'opaque' } },
  ] as const)('has no cursor and no checkpoint: $at', (position) => {
    const lastCheckpoint = {
      id: 1,
      targetId: 's',
      data: { cursor: 'opaque' },
      updatedAt: new Date(1),
    }
    const event = { session: { ...session, position, lastCheckpoint } }
    const text = JSON.stringify(jsonOf({ ...envelopeOf('session.progressed'), data: event }))
    expect(text).not.toContain('opaque')
    expect(text).toContain(`"at":"${position.at}"`)
  })

  test('has dates in ISO 8601, and nothing that the schema does not name', () => {
    const task = { ...taskOf('s', 1), seq: 4, credentials: () => 'secret' }
    expect(jsonOf({ ...envelopeOf('task.created'), data: { task } })).toEqual({
      v: 1,
      id: 'id-of-task.created',
      type: 'task.created',
      sessionId: 's',
      at: '1970-01-01T00:00:00.009Z',
      data: { task: taskOf('s', 1) },
    })
  })

  test('is refused before it is sent where it is not what its type says', () => {
    const data = { taskId: 7 } as never
    expect(() => encode({ ...envelopeOf('task.started'), data })).toThrow(
      expect.objectContaining({
        code: 'NOT_SUPPORTED',
        message: expect.stringContaining('data.taskId'),
      }),
    )
    expect(() => encode({ ...envelopeOf('task.started'), id: 'a b' })).toThrow('without blanks')
  })
})

describe('what comes', () => {
  test('may have fields that this version does not know', () => {
    const json = jsonOf(envelopeOf('task.started'))
    const later = { ...json, trace: 'x', data: { ...EVENTS['task.started'], node: 'n' } }
    expect(decode(bytesOf(later))).toEqual(envelopeOf('task.started'))
  })

  test('of a newer version is refused with the remedy', () => {
    expect(() => decode(bytesOf({ v: 2, kind: 'other' }))).toThrow(
      expect.objectContaining({
        code: 'NOT_SUPPORTED',
        message:
          'an event of version 2 came, and this Muster reads versions up to 1: update Muster in this process',
      }),
    )
  })

  test.each([
    ['no JSON', new TextEncoder().encode('{"password":"hunter2')],
    ['no UTF-8', new Uint8Array([0xff, 0xfe])],
    ['no object', bytesOf(null)],
    ['no version', bytesOf({ ...jsonOf(envelopeOf('task.started')), v: 'hunter2' })],
    ['an unknown type', bytesOf({ ...jsonOf(envelopeOf('task.started')), type: 'hunter2' })],
    ['other data', bytesOf({ ...jsonOf(envelopeOf('task.started')), data: 'hunter2' })],
  ])('that is %s is refused, and not repeated', (_, bytes) => {
    const refusal = expect(() => decode(bytes))
    refusal.toThrow(expect.objectContaining({ code: 'SOURCE_MALFORMED' }))
    refusal.not.toThrow('hunter2')
  })
})

test('docs/events.schema.json is what the program says', async () => {
  const file = join(PROJECT, 'docs/events.schema.json')
  const text = await format(JSON.stringify(wireJsonSchema()), {
    ...(await resolveConfig(file)),
    parser: 'json',
  })
  // `npx vitest run test/delivery/wire.test.ts -u` writes it anew.
  await expect(text).toMatchFileSnapshot(file)
})

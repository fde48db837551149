import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createGate } from '../../../src/sources/github/gate.ts'

const options = (signal = new AbortController().signal, now = 0) => ({
  signal,
  now: () => now,
  what: 'organisation "octo"',
})

test('requests go one at a time, in order', async () => {
  const gate = createGate()
  const events: string[] = []
  const request = (name: string) => async () => {
    events.push(`${name} begins`)
    await sleep(5)
    events.push(`${name} ends`)
    return name
  }
  const results = ['a', 'b', 'c'].map((name) => gate.pass(request(name), options()))
  await expect(Promise.all(results)).resolves.toEqual(['a', 'b', 'c'])
  expect(events).toEqual(['a', 'b', 'c'].flatMap((n) => [`${n} begins`, `${n} ends`]))
})

test('a request that fails lets the next one pass', async () => {
  const gate = createGate()
  const failing = gate.pass(() => Promise.reject(new Error('broken')), options())
  const next = gate.pass(async () => 'passed', options())
  await expect(failing).rejects.toThrow('broken')
  await expect(next).resolves.toBe('passed')
})

test('a closed gate refuses what was waiting when it closed, and opens at its time', async () => {
  const gate = createGate()
  const first = gate.pass(async () => gate.limited(1_000), options())
  const second = gate.pass(async () => 'sent', options())
  await first
  await expect(second).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAt: 1_000 })
  await expect(gate.pass(async () => 'sent', options(undefined, 999))).rejects.toThrow(/octo/)
  await expect(gate.pass(async () => 'sent', options(undefined, 1_000))).resolves.toBe('sent')
})

test('a later, shorter limit does not open the gate early', async () => {
  const gate = createGate()
  gate.limited(5_000)
  gate.limited(1_000)
  gate.went(undefined)
  await expect(gate.pass(async () => 'sent', options(undefined, 2_000))).rejects.toThrow(/waiting/)
})

test('limits in a row are counted until a request goes well', () => {
  const gate = createGate()
  gate.limited(1)
  gate.limited(2)
  expect(gate.strikes).toBe(2)
  gate.went(undefined)
  expect(gate.strikes).toBe(0)
})

test('one who leaves the queue neither is sent nor lets others overtake', async () => {
  const gate = createGate()
  const abort = new AbortController()
  const events: string[] = []
  const first = gate.pass(async () => {
    await sleep(30)
    events.push('first')
  }, options())
  const leaver = gate.pass(async () => events.push('leaver'), options(abort.signal))
  const last = gate.pass(async () => events.push('last'), options())
  abort.abort(new Error('left'))
  await expect(leaver).rejects.toThrow('left')
  await Promise.all([first, last])
  expect(events).toEqual(['first', 'last'])
})

test('a request that hangs holds up the others for one turn only', async () => {
  const gate = createGate(20)
  const abort = new AbortController()
  const hung = gate.pass(
    () =>
      new Promise((_, reject) =>
        abort.signal.addEventListener('abort', () => reject(new Error('ended'))),
      ),
    options(),
  )
  await expect(gate.pass(async () => 'sent', options())).resolves.toBe('sent')
  abort.abort()
  await expect(hung).rejects.toThrow('ended')
})

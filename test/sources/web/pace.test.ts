import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { HostQueues } from '../../../src/sources/web/host-queues.ts'
import { asking, startSite, textOf, webFor } from './site.ts'

describe('requests to one host at the same time', () => {
  test.each([
    [undefined, 4],
    [1, 1],
    [3, 3],
  ])('with maxConcurrencyPerHost %s are %i', async (limit, expected) => {
    const open: ServerResponse[] = []
    let most = 0
    await using site = await startSite((_, response) => {
      open.push(response)
      most = Math.max(most, open.length)
    })
    // Nobody is answered until as many stand there as may; if more may, they come meanwhile.
    const answering = setInterval(() => {
      const isFull = open.length >= expected || site.requests.length === 12
      if (isFull) open.shift()?.end('a')
    }, 20)
    await using web = webFor(limit === undefined ? {} : { maxConcurrencyPerHost: limit })
    const ask = async () => textOf((await web.request(asking(site.at('/')))).body)
    expect(await Promise.all(Array.from({ length: 12 }, ask))).toHaveLength(12)
    clearInterval(answering)
    expect(most).toBe(expected)
  })

  test('count until their bodies are read or closed', async () => {
    await using site = await startSite((_, response) => response.end('a'))
    await using web = webFor({ maxConcurrencyPerHost: 1 })
    const first = await web.request(asking(site.at('/1')))
    const second = web.request(asking(site.at('/2')))
    await sleep(50)
    expect(site.requests).toHaveLength(1)
    expect(await textOf(first.body)).toBe('a')
    const third = web.request(asking(site.at('/3')))
    await (await second).close()
    expect(await textOf((await third).body)).toBe('a')
    expect(site.requests.map(({ url }) => url)).toEqual(['/1', '/2', '/3'])
  })

  test('do not count on another host', async () => {
    await using site = await startSite((_, response) => response.end('a'))
    await using web = webFor({ maxConcurrencyPerHost: 1, allow: ['site.test', 'other.test'] })
    await web.request(asking(site.at('/')))
    const { body } = await web.request(asking(site.at('/', 'other.test')))
    expect(await textOf(body)).toBe('a')
  })

  test('count once on a way that leads back to the host', async () => {
    await using site = await startSite(({ url }, response) => {
      if (url === '/b') response.end('a')
      else response.writeHead(302, { location: '/b' }).end()
    })
    await using web = webFor({ maxConcurrencyPerHost: 1 })
    const { body } = await web.request(asking(site.at('/a')))
    expect(await textOf(body)).toBe('a')
  })

  test('wait no longer than they are wanted', async () => {
    await using site = await startSite((_, response) => response.end('a'))
    await using web = webFor({ maxConcurrencyPerHost: 1 })
    const first = await web.request(asking(site.at('/1')))
    const controller = new AbortController()
    const second = web.request(asking(site.at('/2'), { signal: controller.signal }))
    const reason = new Error('no longer wanted')
    setTimeout(() => controller.abort(reason), 20)
    await expect(second).rejects.toBe(reason)
    await first.close()
    expect(await textOf((await web.request(asking(site.at('/3')))).body)).toBe('a')
    expect(site.requests.map(({ url }) => url)).toEqual(['/1', '/3'])
  })
})

describe('requests a second', () => {
  // The last of six cannot start before five intervals have passed, however slow the machine is.
  test.each([
    ['one after the other', false],
    ['all at once', true],
  ])('are kept to, %s', async (_, isParallel) => {
    const arrivals: number[] = []
    await using site = await startSite((_, response) => {
      arrivals.push(performance.now())
      response.end('a')
    })
    await using web = webFor({ maxRequestsPerSecondPerHost: 20 })
    const begin = performance.now()
    const ask = async () => textOf((await web.request(asking(site.at('/')))).body)
    if (isParallel) await Promise.all(Array.from({ length: 6 }, ask))
    else for (let turn = 0; turn < 6; turn++) await ask()
    // Clocks of whole milliseconds may be one off each time.
    expect((arrivals.at(-1) ?? 0) - begin).toBeGreaterThanOrEqual(5 * (1000 / 20 - 1))
  })

  test('may be fewer than one, and count redirects', async () => {
    await using site = await startSite(({ url }, response) => {
      if (url === '/b') response.end('a')
      else response.writeHead(302, { location: '/b' }).end()
    })
    await using web = webFor({ maxRequestsPerSecondPerHost: 0.01 })
    const controller = new AbortController()
    const { signal } = controller
    const answer = web.request(asking(site.at('/a'), { signal }))
    await expect.poll(() => site.requests).toHaveLength(1)
    await sleep(100)
    expect(site.requests).toHaveLength(1)
    controller.abort(new Error('enough'))
    await expect(answer).rejects.toThrow('enough')
  })

  test('are counted for each host', async () => {
    await using site = await startSite((_, response) => response.end('a'))
    await using web = webFor({
      allow: ['site.test', 'other.test'],
      maxRequestsPerSecondPerHost: 0.01,
    })
    await textOf((await web.request(asking(site.at('/')))).body)
    await textOf((await web.request(asking(site.at('/', 'other.test')))).body)
    expect(site.requests).toHaveLength(2)
  })
})

describe('what is known of hosts', () => {
  const NEVER = new AbortController().signal
  const visit = async (queues: HostQueues, count: number): Promise<void> => {
    for (let at = 0; at < count; at++) (await queues.enter(`host-${at}.test`, NEVER))()
  }

  test('is forgotten when nothing is asked of them', async () => {
    const queues = new HostQueues({
      maxConcurrencyPerHost: 4,
      maxRequestsPerSecondPerHost: undefined,
    })
    const release = await queues.enter('busy.test', NEVER)
    await visit(queues, 2_000)
    await expect.poll(() => queues.size).toBe(1)
    release()
    await expect.poll(() => queues.size).toBe(0)
  })

  test('is kept for as long as the pace asks for, and no longer', async () => {
    const queues = new HostQueues({ maxConcurrencyPerHost: 4, maxRequestsPerSecondPerHost: 2 })
    await visit(queues, 500)
    expect(queues.size).toBe(500)
    await expect.poll(() => queues.size, { timeout: 10_000 }).toBe(0)
  })

  test('holds nothing of a request that was not wanted any more', async () => {
    const queues = new HostQueues({
      maxConcurrencyPerHost: 1,
      maxRequestsPerSecondPerHost: undefined,
    })
    await expect(queues.enter('a.test', AbortSignal.abort(new Error('no')))).rejects.toThrow('no')
    expect(queues.size).toBe(0)
  })
})

import { describe, expect, test } from 'vitest'
import { startSandboxGitHub } from '../../examples/sandbox/github.ts'
import type {
  FailedItemView,
  Overview,
  Problem,
  SessionDetail,
  SessionPage,
  Steered,
} from '../../src/dashboard/wire.ts'
import { createMetricsRegistry } from '../../src/observe/prometheus.ts'
import { ask, dashboardOf, follow, get, post } from '../support/dashboard.ts'
import { musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget, type Scripted } from '../support/scripted-source.ts'
import { secretsIn } from '../support/secret-forms.ts'
import { tempDatabase } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

/** A listing that waits at a page until it is let go. */
function gated(page: number, listing: Omit<Scripted, 'before'>) {
  const gate = Promise.withResolvers<void>()
  let isAtGate = false
  return {
    open: () => gate.resolve(),
    get isAtGate() {
      return isAtGate
    },
    listing: {
      ...listing,
      async before(number: number) {
        if (number < page) return
        isAtGate = true
        await gate.promise
      },
    },
  }
}

const listings = () => ({
  whole: { items: itemsNamed('w', 25), pageSize: 10 },
  part: { items: [...itemsNamed('p', 8), 'bad-1', 'bad-2'], pageSize: 5 },
  none: {
    items: itemsNamed('n', 5),
    pageSize: 5,
    before: () => {
      throw new Error('nobody is there')
    },
  },
})

/** Three sessions at their ends: COMPLETED, PARTIALLY_COMPLETED and FAILED. */
async function walked(made: Record<string, Scripted> = listings()) {
  const muster = await musterOver(made)
  const ids: Record<string, string> = {}
  for (const name of Object.keys(made)) {
    const { sessionId, done } = muster.coordinator.enumerateTarget(scriptedTarget(name))
    ids[name] = sessionId
    await done
  }
  return { muster, ids, dashboard: await dashboardOf(muster) }
}

const codeOf = (text: string) => (JSON.parse(text) as Problem).error.code
const messageOf = (text: string) => (JSON.parse(text) as Steered).message

describe('what is asked for', () => {
  test('the overview counts what there is', async () => {
    const { dashboard } = await walked()
    expect(await get<Overview>(dashboard, '/api/overview')).toMatchObject({
      version: '0.1.0',
      database: ':memory:',
      canWalk: true,
      isReplay: false,
      counts: { all: 3, active: 0, waiting: 0, paused: 0, attention: 2, ended: 3 },
      rate: null,
      tasks: { total: 33, outstanding: 33 },
      waits: [],
    })
  })

  test('sessions come in windows, filtered, sorted and searched', async () => {
    const { dashboard, ids } = await walked()
    const page = async (query: string) => {
      const { total, offset, rows } = await get<SessionPage>(dashboard, `/api/sessions${query}`)
      return [total, offset, rows.map(({ target }) => target)]
    }
    expect(await page('')).toEqual([3, 0, ['none', 'part', 'whole']])
    expect(await page('?sort=target&offset=1&limit=1')).toEqual([3, 1, ['part']])
    expect(await page('?status=attention&sort=oldest')).toEqual([2, 0, ['part', 'none']])
    expect(await page('?search=HOL')).toEqual([1, 0, ['whole']])
    expect(await page('?sort=failed&limit=1')).toEqual([3, 0, ['part']])
    const { rows } = await get<SessionPage>(dashboard, '/api/sessions?search=part')
    expect(rows[0]).toMatchObject({
      sessionId: ids['part'],
      status: 'PARTIALLY_COMPLETED',
      completeness: 'INCOMPLETE',
      metrics: { itemsFound: 10, itemsProcessed: 8, itemsFailed: 2 },
      total: 10,
      rate: null,
      eta: null,
      walkedBy: null,
      actions: ['retry'],
    })
  })

  test.each([
    'status=gone',
    'sort=colour',
    'limit=0',
    'limit=201',
    'limit=many',
    'offset=-1',
    'offset=1e99',
    `search=${'x'.repeat(201)}`,
  ])('?%s is refused, whether it is read or followed', async (query) => {
    const dashboard = await dashboardOf(await musterOver({}))
    for (const path of ['/api/sessions', '/api/live']) {
      const { status, text } = await ask(new URL(`${path}?${query}`, dashboard.url))
      expect([status, codeOf(text)]).toEqual([422, 'INVALID_QUERY'])
      expect(text).toContain(query.split('=')[0])
    }
  })

  test('a session tells why it is incomplete, its batches, its record and its actors', async () => {
    const { dashboard, ids } = await walked()
    const detail = await get<SessionDetail>(dashboard, `/api/sessions/${ids['part']}`)
    expect(detail).toMatchObject({
      session: { target: 'part' },
      tasks: { total: 8, outstanding: 8 },
      failedItems: 2,
      batches: [
        { number: 2, status: 'PARTIALLY_COMPLETED', processed: 3, failed: 2 },
        { number: 1, status: 'SUCCEEDED', processed: 5, failed: 0 },
      ],
      history: [{ sessionId: ids['part'] }],
    })
    expect(detail.audit.map(({ event }) => event).toReversed()).toEqual(
      expect.arrayContaining(['created', 'claimed', 'started', 'ended']),
    )
    const failed = await get<FailedItemView[]>(dashboard, `/api/sessions/${ids['part']}/failed`)
    expect(failed.map(({ item }) => item)).toEqual(['"bad-1"', '"bad-2"'])
    const rest = `/api/sessions/${ids['part']}/failed?after=${failed[0]?.id}&limit=1`
    expect(await get<FailedItemView[]>(dashboard, rest)).toEqual([failed[1]])
    const other = await get<SessionDetail>(dashboard, `/api/sessions/${ids['none']}`)
    expect(other.session.failureReason).toContain('nobody is there')
    expect(other.shortfalls).not.toEqual([])
  })

  test.each([
    ['GET', '/api/sessions/none', 404, 'SESSION_NOT_FOUND'],
    ['GET', '/api/sessions/none/failed', 404, 'SESSION_NOT_FOUND'],
    ['POST', '/api/sessions/none/cancel', 404, 'SESSION_NOT_FOUND'],
    ['POST', '/api/sessions/none/delete', 404, 'UNKNOWN_ACTION'],
    ['POST', '/api/overview', 404, 'NOT_FOUND'],
    ['GET', '/api/recording', 404, 'NO_RECORDING'],
    ['GET', '/metrics', 404, 'NO_METRICS'],
    ['GET', '/main.tsx', 404, 'NOT_FOUND'],
    ['GET', '/%2e%2e/%2e%2e/package.json', 404, 'NOT_FOUND'],
    ['GET', '/constructor', 404, 'NOT_FOUND'],
  ])('%s %s is answered with %i', async (method, path, status, code) => {
    const dashboard = await dashboardOf(await musterOver({}))
    const headers = { 'content-type': 'application/json' }
    const answered = await ask(new URL(path, dashboard.url), { method, headers })
    expect([answered.status, codeOf(answered.text)]).toEqual([status, code])
  })

  test('a store that fails is a problem, with its words, and no end of the dashboard', async () => {
    const { muster, dashboard } = await walked()
    const { reports } = muster.repositories
    const counts = reports.counts
    Object.assign(reports, { counts: () => Promise.reject(new RangeError('secret of a driver')) })
    const { status, text } = await ask(new URL('/api/overview', dashboard.url))
    expect([status, codeOf(text)]).toEqual([500, 'INTERNAL'])
    expect(text).not.toContain('secret')
    Object.assign(reports, { counts })
    expect((await ask(new URL('/api/overview', dashboard.url))).status).toBe(200)
  })

  test('metrics are told where they are on', async () => {
    await using registry = Object.assign(await createMetricsRegistry(), {
      [Symbol.asyncDispose]: () => registry.close(),
    })
    const muster = await musterOver(listings(), { metricsRegistry: registry })
    await muster.coordinator.enumerateTarget(scriptedTarget('whole')).done
    const dashboard = await dashboardOf(muster)
    const { status, text, headers } = await ask(new URL('/metrics', dashboard.url))
    expect(status).toBe(200)
    expect(headers['content-type']).toContain('text/plain')
    expect(text).toContain('muster')
  })
})

describe('what is steered', () => {
  test('is paused after the page in hand, resumed here, and walked to its end', async () => {
    const gate = gated(3, { items: itemsNamed('w', 50), pageSize: 10 })
    const muster = await musterOver({ whole: gate.listing })
    const dashboard = await dashboardOf(muster)
    const { sessionId, done } = muster.coordinator.enumerateTarget(scriptedTarget('whole'))
    done.catch(() => undefined)
    await waitUntil('the third page is asked for', () => gate.isAtGate)
    const path = `/api/sessions/${sessionId}`
    expect((await get<SessionDetail>(dashboard, path)).session.actions).toEqual(['pause', 'cancel'])
    const resumed = await post(dashboard, `${path}/resume`)
    expect([resumed.status, codeOf(resumed.text)]).toEqual([409, 'ILLEGAL_TRANSITION'])
    expect(resumed.text).toContain('pause, cancel')
    const pause = post(dashboard, `${path}/pause`)
    gate.open()
    expect(messageOf((await pause).text)).toContain('page in hand')
    await expect(done).rejects.toMatchObject({ code: 'PAUSED' })
    const paused = await get<SessionDetail>(dashboard, path)
    expect(paused.session).toMatchObject({
      asked: 'pause',
      walkedBy: null,
      actions: ['resume', 'cancel'],
      waiting: { until: null },
    })
    expect(paused.actors.find(({ machine }) => machine === 'enumerator')?.states).toEqual([
      'enumerator.paused',
    ])
    expect(messageOf((await post(dashboard, `${path}/resume`)).text)).toContain('here and now')
    const live = await follow(dashboard, `?session=${sessionId}`)
    const ended = await live.until('detail', ({ session }) => session.status === 'COMPLETED')
    expect(ended.session).toMatchObject({ asked: null, actions: [], metrics: { itemsFound: 50 } })
    expect((await post(dashboard, `${path}/cancel`)).status).toBe(409)
  })

  test('is cancelled', async () => {
    const gate = gated(2, { items: itemsNamed('w', 30), pageSize: 10 })
    const muster = await musterOver({ whole: gate.listing })
    const dashboard = await dashboardOf(muster)
    const { sessionId, done } = muster.coordinator.enumerateTarget(scriptedTarget('whole'))
    await waitUntil('the second page is asked for', () => gate.isAtGate)
    const cancelled = post(dashboard, `/api/sessions/${sessionId}/cancel`)
    gate.open()
    expect((await cancelled).status).toBe(200)
    expect((await done).status).toBe('FAILED')
    const detail = await get<SessionDetail>(dashboard, `/api/sessions/${sessionId}`)
    expect(detail.session.failureReason).toBe('cancelled on request')
    expect(detail.session.actions).toEqual(['resume'])
  })

  test('is retried: its failed items alone', async () => {
    const made = listings()
    const { muster, dashboard, ids } = await walked(made)
    Object.assign(made.part, { mended: true })
    const path = `/api/sessions/${ids['part']}`
    const { status, text } = await post(dashboard, `${path}/retry`)
    expect(messageOf(text), text).toContain('tried again')
    expect(status).toBe(200)
    const live = await follow(dashboard, `?session=${ids['part']}`)
    await live.until('detail', ({ session }) => session.status === 'COMPLETED')
    expect(await muster.repositories.tasks.count({ sessionId: ids['part']! })).toBe(10)
  })

  test('is not walked where this process only looks; a pause is lifted for the next run', async () => {
    const path = tempDatabase()
    const gate = gated(2, { items: itemsNamed('w', 30), pageSize: 10 })
    const made = { whole: gate.listing, none: listings().none }
    const walking = await musterOver(made, { database: path })
    const ended = walking.coordinator.enumerateTarget(scriptedTarget('none'))
    await ended.done
    const { sessionId, done } = walking.coordinator.enumerateTarget(scriptedTarget('whole'))
    done.catch(() => undefined)
    await waitUntil('the second page is asked for', () => gate.isAtGate)
    const pausing = walking.pause(sessionId)
    gate.open()
    await pausing
    await expect(done).rejects.toMatchObject({ code: 'PAUSED' })
    await walking.close()
    const looking = await dashboardOf(await musterOver(made, { database: path }), {
      canWalk: false,
    })
    const refused = await post(looking, `/api/sessions/${ended.sessionId}/resume`)
    expect([refused.status, codeOf(refused.text)]).toEqual([409, 'CANNOT_WALK'])
    expect(refused.text).toContain('--config FILE')
    const lifted = await post(looking, `/api/sessions/${sessionId}/resume`)
    expect(messageOf(lifted.text), lifted.text).toContain('the next run takes it up')
    const { session } = JSON.parse(lifted.text) as Steered
    expect(session).toMatchObject({
      asked: null,
      status: 'IN_PROGRESS',
      walkedBy: null,
      waiting: null,
    })
  })

  test('a walk that fails after it was begun ends nothing', async () => {
    const { muster, dashboard, ids } = await walked()
    const unhandled: unknown[] = []
    const hear = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', hear)
    const live = await follow(dashboard, `?session=${ids['none']}`)
    await post(dashboard, `/api/sessions/${ids['none']}/resume`)
    await live.until('detail', ({ batches }) => batches.length === 2)
    process.off('unhandledRejection', hear)
    expect(unhandled).toEqual([])
    await muster.close()
  })
})

test('no answer holds a secret', async () => {
  const TOKEN = 'ghp_theTokenOfTheDashboardsTest0123456'
  await using github = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: itemsNamed('repo', 12) }],
    tokens: [TOKEN],
  })
  const muster = await musterOver(
    {},
    { auth: { gh: { type: 'github', config: { token: TOKEN } } } },
  )
  const target = (name: string, authRef: string) => ({
    name,
    sourceType: 'github',
    authRef,
    github: { org: 'acme', baseUrl: github.url, perPage: 5 },
  })
  const { sessionId, done } = muster.coordinator.enumerateTarget(target('acme', 'gh'))
  expect((await done).status).toBe('COMPLETED')
  const dashboard = await dashboardOf(muster, { token: 'dashboard-token-of-the-test-0123' })
  const headers = { authorization: 'Bearer dashboard-token-of-the-test-0123' }
  const told: string[] = []
  for (const path of [
    '/',
    '/api/overview',
    '/api/sessions',
    '/api/charts',
    '/metrics',
    '/nothing',
  ]) {
    const answered = await ask(new URL(path, dashboard.url), { headers })
    told.push(JSON.stringify(answered.headers), answered.text)
  }
  for (const path of ['', '/failed', '/pause', '/cancel']) {
    const url = new URL(`/api/sessions/${sessionId}${path}`, dashboard.url)
    for (const method of ['GET', 'POST']) {
      const json = { ...headers, 'content-type': 'application/json' }
      told.push((await ask(url, { method, headers: json })).text)
    }
  }
  expect(told.join('\n')).toContain(sessionId)
  expect(told.join('\n')).toContain('"credential":"gh"')
  const secrets = { TOKEN, dashboard: 'dashboard-token-of-the-test-0123' }
  expect(secretsIn(told.join('\n'), secrets)).toEqual([])
})

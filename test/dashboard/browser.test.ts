import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { recordingOf } from '../../src/cli/replay-command.ts'
import { serveReplay } from '../../src/dashboard/index.ts'
import { createMuster } from '../../src/index.ts'
import { describeChromium, startChromium } from './support/chromium.ts'
import { setTheStage, type Stage } from './support/stage.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const soon = <T>(look: () => T | Promise<T>) => expect.poll(look, { timeout: 20_000, interval: 20 })

const DESKTOP = { width: 1280, height: 800 }
const PHONE = { width: 360, height: 740 }

describeChromium('the page, in a browser', () => {
  let folder: string
  let stage: Stage
  let browser: Browser
  /** Whatever any page asked of another machine, or said on the console. */
  const abroad: string[] = []
  const complaints: string[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'muster-test-'))
    ;[stage, browser] = await Promise.all([setTheStage(join(folder, 'muster.db')), startChromium()])
  })

  afterAll(async () => {
    await browser?.close()
    await stage?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  const watch = (context: BrowserContext): void => {
    context.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url())
      if (protocol !== 'data:' && hostname !== '127.0.0.1') abroad.push(request.url())
    })
    context.on('console', (message) => {
      // That a stream was cut is what one of the tests is about.
      if (message.type() === 'error' && !/ERR_CONNECTION|ERR_INCOMPLETE/.test(message.text()))
        complaints.push(message.text())
    })
    context.on('weberror', (error) => complaints.push(String(error.error())))
  }

  async function open(hash = '#/', viewport = DESKTOP, url = stage.url): Promise<Page> {
    const context = await browser.newContext({ viewport, locale: 'en-GB' })
    onTestFinished(() => context.close())
    watch(context)
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    await page.goto(`${url}${hash}`)
    return page
  }

  const openSession = (target: string, viewport = DESKTOP): Promise<Page> =>
    open(`#/session/${stage.sessionOf(target)}`, viewport)

  const rowOf = (page: Page, target: string) =>
    page.locator('.sessions tbody tr').filter({ has: page.getByText(target, { exact: true }) })

  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

  const litOf = async (page: Page, actor: string): Promise<string[]> => {
    const lit = page.locator(`[data-actor="${actor}"] [data-lit="true"]`)
    return await lit.evaluateAll((states) =>
      states.map((state) => state.getAttribute('data-state')!),
    )
  }

  const targetsOf = (page: Page): Promise<string[]> =>
    page.locator('.sessions .row-link').allTextContents()

  describe('the list', () => {
    test('draws what is on the screen of ten thousand sessions, to their very end', async () => {
      const page = await open('#/?search=many-&sort=target')
      await rowOf(page, 'many-00001').waitFor()
      await page.evaluate('scrollTo(0, document.body.scrollHeight)')
      await rowOf(page, 'many-10000').waitFor()
      expect(await page.locator('.sessions tbody tr').count()).toBeLessThan(60)
      await page.evaluate('scrollTo(0, document.body.scrollHeight / 2)')
      await page.locator('.row-link', { hasText: 'many-050' }).first().waitFor()
      expect(await page.locator('.sessions tbody tr').count()).toBeLessThan(60)
    })

    test('is filtered, searched and sorted, and the address says how', async () => {
      const page = await open()
      await page.getByRole('link', { name: /^Waiting/ }).click()
      await soon(() => targetsOf(page)).toEqual(['mozilla'])
      await page.getByRole('link', { name: /^All/ }).click()
      await page.getByRole('searchbox').fill('-0123')
      await soon(async () => (await targetsOf(page)).length).toBe(10)
      await page.getByLabel('Order').selectOption('target')
      await soon(async () => (await targetsOf(page))[0]).toBe('many-01230')
      expect(page.url()).toMatch(/#\/\?search=-0123&sort=target$/)
      await page.reload()
      await soon(async () => (await targetsOf(page))[0]).toBe('many-01230')
      await page.getByLabel('Order').selectOption('newest')
      await soon(async () => (await targetsOf(page))[0]).toBe('many-01239')
    })

    test('shows a credential that ran dry, who waits for it, and how long', async () => {
      const page = await open()
      const alarm = page.locator('.alarm')
      await alarm.waitFor()
      expect(await alarm.textContent()).toMatch(/^night graphql .*another 4\d min/)
      expect(await page.locator('.waits').textContent()).toMatch(/mozilla.*Goes on in 4\d min/)
    })

    test('shows names as they are, and what would turn them by its number', async () => {
      const page = await open('#/?search=evil')
      const name = page.locator('.row-link')
      await name.waitFor()
      expect(await name.textContent()).toBe('<img src=x onerror=alert(1)>⟨U+202E⟩gnp.exe')
      expect(await page.locator('.sessions img').count()).toBe(0)
    })

    test('keeps its place and the focus while it changes', async () => {
      const { sessionId } = stage.walkSlowly('changing')
      const page = await open()
      await page.getByRole('searchbox').focus()
      const found = page.locator(`[data-session="${sessionId}"] .progress-text`)
      const before = await found.textContent()
      await page.evaluate('scrollTo(0, 150); mark = 1')
      await soon(() => found.textContent()).not.toBe(before)
      expect(await page.evaluate('[scrollY, document.activeElement.type, mark]')).toEqual([
        150,
        'search',
        1,
      ])
      await stage.muster.cancel(sessionId)
    })
  })

  describe('a session', () => {
    test('is lit where its actors are', async () => {
      const page = await openSession('mozilla')
      const id = stage.sessionOf('mozilla')
      await page.locator('[data-actor="enumerator"] [data-state="enumerator.waiting"]').waitFor()
      const children = stage.muster.actors.flatMap((root) =>
        Object.entries(
          root.getSnapshot().children as Record<string, { getSnapshot(): { value: string } }>,
        ),
      )
      const valueOf = (name: string) => Object.fromEntries(children)[name]?.getSnapshot().value
      expect(await litOf(page, 'enumerator')).toEqual([`enumerator.${valueOf(`enumerator:${id}`)}`])
      expect(await litOf(page, 'session')).toEqual([`session.${valueOf(`session:${id}`)}`])
      expect(await page.locator('[data-actor="enumerator"] .seen').textContent()).toBe('live')
      const picture = page.getByRole('img', { name: /^enumerator: now in waiting\. States: / })
      expect(await picture.count()).toBe(1)
    })

    test('is paused, resumed and cancelled, and says what happens', async () => {
      const { sessionId } = stage.walkSlowly('steered')
      const page = await open(`#/session/${sessionId}`)
      const chip = page.locator('.head .chip')
      const said = page.locator('.answer')
      await button(page, 'Pause').click()
      await soon(() => chip.textContent()).toBe('Paused')
      expect(await said.textContent()).toMatch(/pauses as soon as the page in hand is stored/)
      expect(await button(page, 'Pause').getAttribute('aria-disabled')).toBe('true')
      await button(page, 'Resume').click()
      await soon(() => chip.textContent()).toBe('In progress')
      await button(page, 'Cancel').click()
      await page.getByRole('dialog').waitFor()
      await page.keyboard.press('Escape')
      expect(await page.evaluate('document.activeElement.dataset.action')).toBe('cancel')
      expect(await chip.textContent()).toBe('In progress')
      await button(page, 'Cancel').click()
      await button(page, 'Cancel the walk').click()
      await soon(() => chip.textContent()).toBe('Failed')
      expect(await page.locator('.callout').textContent()).toMatch(/cancelled on request/)
      expect(await page.locator('.record').textContent()).toMatch(/Cancellation asked for/)
    })

    test('has its failed items tried again', async () => {
      const page = await openSession('watch list')
      const failed = page.locator('section', { has: page.locator('#failed') })
      await failed.getByText('there is no such repository').first().waitFor()
      expect(await page.locator('.shortfalls').textContent()).toMatch(/1 item failed/)
      stage.github.add('octokit', 'not-there')
      await button(page, 'Retry failed items').click()
      await failed.waitFor({ state: 'detached' })
      expect(await page.locator('.facts').first().textContent()).toMatch(/Kept2/)
    })

    test('that is not there is said to be so', async () => {
      const page = await open('#/session/nobody')
      await page.getByText('session "nobody" is not in').waitFor()
      // The browser says so too, and is right.
      expect(complaints.splice(0)).toEqual([expect.stringContaining('404')])
    })
  })

  test('everything can be reached by the keyboard alone', async () => {
    const { sessionId } = stage.walkSlowly('by keyboard')
    const page = await open()
    await rowOf(page, 'by keyboard').waitFor()
    const tabTo = async (isThere: string): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab')
        if (
          await page.evaluate(`(() => { const at = document.activeElement; return ${isThere} })()`)
        )
          return
      }
      throw new Error(`40 times Tab did not lead to ${isThere}`)
    }
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.className')).toBe('skip')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await tabTo(`at.textContent === 'by keyboard' && at.className === 'row-link'`)
    await page.keyboard.press('Enter')
    await page.locator('h1', { hasText: 'by keyboard' }).waitFor()
    await tabTo(`at.dataset.action === 'pause'`)
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
    expect(outline).toBe('solid')
    await page.keyboard.press('Space')
    await soon(() => page.locator('.head .chip').textContent()).toBe('Paused')
    await stage.muster.cancel(sessionId)
  })

  test('a lost connection is shown until it is there again', async () => {
    const dashboard = await stage.muster.dashboard({ port: 0 })
    const page = await open('#/', DESKTOP, dashboard.url)
    const sign = page.locator('.sign')
    await soon(() => sign.textContent()).toBe('Live')
    await dashboard.close()
    await soon(() => sign.textContent()).toBe('Connection lost')
    await page.getByText('Connection lost.').waitFor()
    const again = await stage.muster.dashboard({ port: Number(new URL(dashboard.url).port) })
    onTestFinished(() => again.close())
    await soon(() => sign.textContent()).toBe('Live')
    expect(await page.locator('.notice').count()).toBe(0)
  })

  test('nothing is wider than a phone', async () => {
    const widest = 'document.documentElement.scrollWidth'
    const list = await open('#/', PHONE)
    await rowOf(list, 'mozilla').waitFor()
    expect(await list.evaluate(widest)).toBe(PHONE.width)
    const session = await openSession('watch list', PHONE)
    await session.locator('.actors').waitFor()
    expect(await session.evaluate(widest)).toBe(PHONE.width)
  })

  describe('a recording', () => {
    test('is played, stepped and dragged through, its charts lit as of the moment', async () => {
      const file = join(folder, 'recording.jsonl')
      const muster = await createMuster({
        database: ':memory:',
        record: file,
        auth: { gh: { type: 'github', config: { token: 'good' } } },
      })
      const github = { org: 'babel', perPage: 10, baseUrl: stage.github.url }
      const target = { name: 'babel', sourceType: 'github', authRef: 'gh', github } as const
      await muster.coordinator.enumerateTarget(target).done
      await muster.close()
      const recording = await recordingOf(file)
      const replay = await serveReplay(recording, { port: 0, version: '0' })
      onTestFinished(() => replay.close())
      const page = await open('', DESKTOP, replay.url)
      const slider = page.getByRole('slider')
      await slider.waitFor()
      // In the middle, by what the recording itself says.
      const half = Math.floor((recording.endedAt - recording.startedAt) / 2)
      const until = recording.frames.filter(({ at }) => at <= recording.startedAt + half)
      await slider.fill(String(half))
      const wanted = until.findLast(({ machine }) => machine === 'enumerator')?.to
      await soon(() => litOf(page, 'enumerator')).toEqual(wanted)
      await button(page, 'Step').click()
      const next = recording.frames[until.length]!.at - recording.startedAt
      expect(Number(await slider.inputValue())).toBe(next)
      await page.getByLabel('Speed').selectOption('60')
      await button(page, 'Play').click()
      await soon(() => litOf(page, 'session')).toEqual(['session.COMPLETED'])
      await button(page, 'Play').waitFor()
      await checkByAxe(page)
    })
  })

  async function checkByAxe(page: Page, part = 'html'): Promise<void> {
    await page.evaluate(AXE)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      // In the dark only the colours are others.
      const rules = colorScheme === 'light' ? '{}' : `{ runOnly: ['color-contrast'] }`
      const found = (await page.evaluate(
        `axe.run(${JSON.stringify(part)}, ${rules}).then(({ violations }) => violations
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`,
      )) as string[]
      expect(found, colorScheme).toEqual([])
    }
  }

  test('axe finds nothing serious on any page, light or dark', async () => {
    const list = await open('#/?status=active')
    await list.locator('.alarm').waitFor()
    await rowOf(list, 'mozilla').waitFor()
    await checkByAxe(list)
    const session = await openSession('watch list')
    await session.locator('.actors').waitFor()
    await checkByAxe(session)
    const waiting = await openSession('mozilla')
    await waiting.locator('.actors').waitFor()
    await button(waiting, 'Cancel').click()
    await checkByAxe(waiting, 'dialog')
  })

  test('no page asked anything of another machine, or complained of anything', () => {
    expect(abroad).toEqual([])
    expect(complaints).toEqual([])
  })
})

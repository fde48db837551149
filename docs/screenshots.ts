/**
 * The pictures of docs/dashboard, taken of a real walk of the sandbox GitHub by
 * a real browser: `npm run docs:screenshots` writes them.
 */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { createMuster, type Muster } from '../src/index.ts'
import { startSandboxGitHub, type SandboxGitHub } from '../examples/sandbox/github.ts'
import { startChromium } from '../test/dashboard/support/chromium.ts'

const FOLDER = fileURLToPath(new URL('dashboard/', import.meta.url))

const TOKENS = { slow: 'a', quick: 'b', spent: 'c' } as const

/** Nightly is turned away from its second page on; the others have their faults, and go on. */
async function startGitHub(): Promise<SandboxGitHub> {
  let ofSpent = 0
  return await startSandboxGitHub({
    latencyMs: 220,
    accounts: { a: { login: 'slow' }, b: { login: 'quick' }, c: { login: 'spent' } },
    faults: ({ caller }) => {
      if (caller !== 'spent') return undefined
      ofSpent += 1
      return ofSpent === 3 ? { kind: 'graphql-limit', resetSeconds: 2_535 } : undefined
    },
  })
}

const authOf = () =>
  Object.fromEntries(
    Object.entries(TOKENS).map(([name, token]) => [
      `gh-${name}`,
      { type: 'github' as const, config: { token } },
    ]),
  )

function org(github: SandboxGitHub, name: string, [authRef, perPage]: readonly [string, number]) {
  return {
    name,
    sourceType: 'github' as const,
    authRef,
    github: { org: name, perPage, baseUrl: github.url },
  }
}

const LIST = [
  'octokit/rest.js',
  'octokit/core.js',
  'octokit/renamed-away',
  'mapbox/gone',
  'npm/cli',
]

async function walkAll(muster: Muster, github: SandboxGitHub): Promise<void> {
  const { coordinator } = muster
  const begin = (spec: Parameters<typeof coordinator.enumerateTarget>[0]) => {
    const run = coordinator.enumerateTarget(spec)
    run.done.catch(() => undefined)
    return run
  }
  for (const name of ['babel', 'fastify', 'octokit']) {
    const run = begin(org(github, name, ['gh-quick', 100]))
    for await (const window of run.taskWindows) void window
    await run.done
  }
  const github2 = { repoList: LIST, baseUrl: github.url }
  const partial = {
    name: 'watch list',
    sourceType: 'github' as const,
    authRef: 'gh-quick',
    github: github2,
  }
  await begin(partial).done
  begin(org(github, 'stdlib-js', ['gh-slow', 20]))
  begin(org(github, 'mozilla', ['gh-spent', 20]))
  begin(org(github, 'mapbox', ['gh-slow', 5]))
}

const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 900 }, locale: 'en-GB' }
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  locale: 'en-GB',
}

async function open(browser: Browser, url: string, options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ timezoneId: 'UTC', ...options })
  const page = await context.newPage()
  await page.goto(url)
  await page.locator('.sessions .row-link').first().waitFor()
  await page.locator('.alarm').waitFor()
  return page
}

const shoot = (page: Page, name: string, fullPage = false) =>
  page.screenshot({ path: `${FOLDER}${name}.png`, fullPage, animations: 'disabled' })

/** The session itself, once its charts are lit, and then the charts. */
async function shootAll(browser: Browser, url: string): Promise<void> {
  const page = await open(browser, url, DESKTOP)
  await page.getByRole('link', { name: 'mapbox' }).first().waitFor()
  // A rate is known once something has been read twice.
  await page
    .locator('.sessions')
    .getByText(/^\d+\/s$/)
    .first()
    .waitFor()
  await shoot(page, 'overview', true)
  await page.locator('.row-link', { hasText: 'stdlib-js' }).click()
  await page.locator('[data-actor="enumerator"] [data-lit="true"]').first().waitFor()
  await shoot(page, 'session')
  await page.locator('#charts').scrollIntoViewIfNeeded()
  await page.evaluate('scrollTo(0, document.querySelector(".charts").offsetTop - 12)')
  await shoot(page, 'charts')
  const dark = await open(browser, url, { ...DESKTOP, colorScheme: 'dark' })
  await shoot(dark, 'overview-dark', true)
  const phone = await open(browser, url, PHONE)
  await shoot(phone, 'phone')
}

mkdirSync(FOLDER, { recursive: true })
await using github = await startGitHub()
await using muster = await createMuster({ database: ':memory:', auth: authOf() })
const { url } = await muster.dashboard({ port: 0 })
await walkAll(muster, github)
const browser = await startChromium()
try {
  await shootAll(browser, url)
} finally {
  await browser.close()
}

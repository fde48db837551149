import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'
import { describeWith } from '../../support/servers/shared.ts'

/** Where Debian, Ubuntu and Alpine put it, and Chrome after them. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

const found = (): string | undefined =>
  [process.env['CHROMIUM'] ?? '', ...PLACES].find((path) => path !== '' && existsSync(path))

/** Why the page cannot be tested here. */
export const missingChromium = (): string | undefined =>
  found() === undefined
    ? `there is no Chromium in ${PLACES.join(', ')}: install it (apt-get install chromium), or set CHROMIUM to its path`
    : undefined

/** `describe` for tests in a browser: skipped, with a line on stderr, where there is none. */
export const describeChromium = describeWith(missingChromium)

/** @throws with the remedy where there is none */
export async function startChromium(): Promise<Browser> {
  const executablePath = found()
  if (executablePath === undefined) throw new Error(missingChromium())
  return await chromium.launch({ executablePath, args: ['--no-sandbox'] })
}

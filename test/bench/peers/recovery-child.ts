/**
 * The process that `recovery` kills: `node recovery-child.ts walk|stored SETTINGS`. README.md
 * says what either prints.
 */
import { loadDriver } from './drivers/load.ts'
import { pageAt } from './items.ts'

interface ChildSettings {
  readonly driver: string
  readonly at: string
  readonly keyed: boolean
}

const [mode, json] = process.argv.slice(2)
const settings = JSON.parse(json ?? '{}') as ChildSettings
const driver = await loadDriver(settings.driver)

if (mode === 'walk') {
  await driver.walk(settings.at, settings.keyed, {
    page: pageAt,
    // A write to a pipe is synchronous on POSIX: the parent hears of the page at once.
    tell: (number) => process.stdout.write(`page ${number}\n`),
  })
} else if (mode === 'stored') {
  const keys = await driver.keysAt(settings.at)
  process.stdout.write(
    `stored ${JSON.stringify({ rows: keys.length, keys: new Set(keys).size })}\n`,
  )
  // DBOS and BullMQ keep handles open that nobody needs any more.
  process.exit(0)
} else {
  throw new Error(`The first argument is ${mode}; it must be walk or stored`)
}

import { writeFileSync } from 'node:fs'

/** Loaded before the tool (`--import`), it leaves the most memory that its process ever held, in KiB. */
const file = process.env['MUSTER_TEST_MEMORY']
if (file !== undefined) {
  process.on('exit', () => writeFileSync(file, String(process.resourceUsage().maxRSS)))
}

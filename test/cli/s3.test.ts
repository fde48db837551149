import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCli, startCli } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { ask } from '../support/database.ts'
import { oddKeys, startS3 } from '../support/s3/index.ts'
import { tempFolder } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const ACCESS_KEY = 'AKIATHEKEYOFTHETEST0'
const SECRET_KEY = 'TheSecretKeyOfTheTestOfKilledWalksOfS3'
const KEYS = [...oddKeys(1_600)]

const start = () =>
  startS3({
    buckets: { things: { objects: KEYS, region: 'eu-central-1' } },
    accessKeys: { [ACCESS_KEY]: SECRET_KEY },
    latencyMs: 10,
    quirks: { maxKeys: 20 },
  })

function setUp(endpoint: string, s3: Record<string, unknown> = {}) {
  const folder = tempFolder()
  const config = writeConfig(folder, {
    auth: {
      aws: {
        type: 's3',
        config: { access_key_id: '${AWS_ID}', secret_access_key: '${AWS_SECRET}' },
      },
    },
    targets: [
      {
        name: 'things',
        source_type: 's3',
        auth_ref: 'aws',
        s3: { bucket: 'things', endpoint, concurrency: 4, ...s3 },
      },
    ],
  })
  return { folder, config, db: join(folder, 'muster.db') }
}

const env = { AWS_ID: ACCESS_KEY, AWS_SECRET: SECRET_KEY }

/** Every key has one task, and every task a key. */
function expectExact(db: string) {
  const tasks = ask<{ uri: string }>(db, 'select uri from tasks')
  const uris = tasks.map(({ uri }) => uri)
  expect(uris.toSorted()).toEqual(KEYS.map((key) => `s3://things/${key}`).toSorted())
}

test('a walk of a bucket that is killed again and again is exact, and its secret is nowhere', async () => {
  await using s3 = await start()
  const { folder, config, db } = setUp(s3.endpoint)
  let logs = ''
  for (let kills = 0; kills < 3; kills += 1) {
    const before = s3.requests.length
    const { process, finished } = startCli(['run', config, '--db', db], { env })
    await waitUntil('it has asked for some pages', () => s3.requests.length > before + 15)
    process.kill('SIGKILL')
    const { stdout, stderr } = await finished
    logs += stdout + stderr
  }
  const { code, stdout, stderr } = await runCli(['run', config, '--db', db], { env })
  expect([code, stderr]).toEqual([0, expect.any(String)])
  expectExact(db)
  // Beyond each page once: what was on its way at each kill, its neighbours, and the regions found out anew.
  expect(s3.requests.length).toBeLessThan((KEYS.length / 20) * 2 + 120)
  const files = readdirSync(folder).filter((name) => name.startsWith('muster.db'))
  const stored = files.map((name) => readFileSync(join(folder, name), 'latin1')).join('')
  for (const text of [stored, logs, stdout, stderr]) expect(text).not.toContain(SECRET_KEY)
})

test('a second run finds what is new, what has changed and what is gone', async () => {
  await using s3 = await start()
  const { config, db } = setUp(s3.endpoint, { concurrency: 16 })
  expect((await runCli(['run', config, '--db', db], { env })).code).toBe(0)
  s3.put('things', { key: 'entirely/new' })
  s3.put('things', { key: KEYS[7] as string, etag: 'another' })
  s3.remove('things', KEYS[8] as string)
  expect((await runCli(['run', config, '--db', db], { env })).code).toBe(0)
  const [, second] = ask<{ comparison: string }>(db, 'select comparison from sessions order by id')
  expect(JSON.parse(second?.comparison ?? '{}')).toMatchObject({ new: 1, changed: 1, missing: 1 })
})

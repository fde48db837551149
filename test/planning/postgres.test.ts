import pg from 'pg'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/domain/clock.ts'
import { targetKeyOf } from '../../src/domain/session-state.ts'
import { createMuster } from '../../src/muster.ts'
import { openReadOnly } from '../../src/store/open-read-only.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'

const ROLE = 'muster_plan_reader'

describePostgres('a PostgreSQL database that is only read', () => {
  test('is read by a role that may do nothing else, and in transactions that cannot write', async () => {
    const url = await postgresUrl()
    const absent = await openReadOnly(url, { clock: systemClock })
    expect(absent.note).toContain('no history')
    const muster = await createMuster({ database: url })
    const spec = { name: 'list', sourceType: 'url', url: { urls: ['https://a.example/1'] } }
    const { config } = await muster.coordinator.enumerateTarget(spec).done
    await muster.close()

    const client = new pg.Client(url)
    await client.connect()
    try {
      const { rows: roles } = await client.query(`select 1 from pg_roles where rolname = '${ROLE}'`)
      if (roles.length === 0) await client.query(`create role ${ROLE}`)
      await client.query(`grant select on all tables in schema public to ${ROLE}`)
      const reader = new URL(url)
      reader.searchParams.set('options', `-c role=${ROLE}`)
      const history = await openReadOnly(reader.href, { clock: systemClock })
      expect(await history.sessionsOf(targetKeyOf(config))).toMatchObject([
        { targetName: 'list', status: 'COMPLETED', itemsFound: 1, isOfOpenRound: false },
      ])
      expect(await history.waits()).toEqual([])
      const { rows } = await client.query<{ count: string }>(
        `select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      )
      expect(Number(rows[0]?.count)).toBe(1)
      await history.close()
      await client.query(`drop owned by ${ROLE}`)
    } finally {
      await client.end()
    }
  })
})

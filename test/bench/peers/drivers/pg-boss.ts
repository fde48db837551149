import { PgBoss } from 'pg-boss'
import type { Connection, Driver } from '../types.ts'
import { checkpointIn, createDatabase, keysOf, numberOf } from './databases.ts'
import { walkFrom } from './walk.ts'

const QUEUE = 'resources'

async function connect(at: string, keyed: boolean): Promise<Connection> {
  // Its maintenance and its cron would only take time from what is measured.
  const boss = new PgBoss({ connectionString: at, supervise: false, schedule: false })
  // Connections die when the database is dropped; a failed insert still rejects.
  boss.on('error', () => undefined)
  await boss.start()
  // `exclusive` with a singletonKey: at most one job a key that is waiting or active.
  await boss.createQueue(QUEUE, { policy: keyed ? 'exclusive' : 'standard' })
  return {
    add: async (page) => {
      const jobs = page.map((item) => ({
        data: item,
        ...(keyed ? { singletonKey: item.key } : {}),
      }))
      await boss.insert(QUEUE, jobs)
    },
    count: () => numberOf(at, `select count(*) as n from pgboss.job where name = '${QUEUE}'`),
    close: () => boss.stop({ graceful: false, close: true }),
  }
}

export const driver: Driver = {
  keys: 'optional',
  create: createDatabase,
  connect,
  walk: async (at, keyed, walk) => {
    const connection = await connect(at, keyed)
    await walkFrom(connection, await checkpointIn(at), walk)
  },
  keysAt: (at) => keysOf(at, `select data->>'key' as key from pgboss.job where name = '${QUEUE}'`),
}

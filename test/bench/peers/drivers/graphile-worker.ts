import { makeWorkerUtils } from 'graphile-worker'
import type { Connection, Driver } from '../types.ts'
import { checkpointIn, createDatabase, keysOf, numberOf } from './databases.ts'
import { walkFrom } from './walk.ts'

const TASK = 'resource'

async function connect(at: string, keyed: boolean): Promise<Connection> {
  const utils = await makeWorkerUtils({ connectionString: at })
  await utils.migrate()
  return {
    add: async (page) => {
      const jobs = page.map((item) => ({
        identifier: TASK,
        payload: item,
        ...(keyed ? { jobKey: item.key } : {}),
      }))
      await utils.addJobs(jobs)
    },
    count: () => numberOf(at, 'select count(*) as n from graphile_worker._private_jobs'),
    close: async () => {
      await utils.release()
    },
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
  keysAt: (at) => keysOf(at, "select payload->>'key' as key from graphile_worker._private_jobs"),
}

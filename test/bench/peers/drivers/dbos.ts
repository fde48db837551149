import { DBOS } from '@dbos-inc/dbos-sdk'
import pg from 'pg'
import type { Connection, Driver, Item, Walk } from '../types.ts'
import { createDatabase, keysOf, numberOf } from './databases.ts'

const WORKFLOW = 'walk'

const INSERT = `insert into resources (key, uri, name, metadata)
  select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[])`

/** What the workflow works with; DBOS keeps one registry a process, so there is one of it. */
interface Engine {
  readonly pool: pg.Pool
  readonly keyed: boolean
  /** The page with this number, or undefined at the end. */
  readonly next: (number: number) => Promise<readonly Item[] | undefined>
  /** Called inside the step, when the rows are committed. */
  readonly written: (number: number) => void
  /** Called when the step's own record is committed too. */
  readonly recorded: (number: number) => void
}

let engine: Engine | undefined

function current(): Engine {
  if (engine === undefined) throw new Error('The DBOS workflow ran before its engine was set')
  return engine
}

async function insert(page: readonly Item[]): Promise<void> {
  const { pool, keyed } = current()
  await pool.query({
    name: 'page',
    text: keyed ? `${INSERT} on conflict (key) do nothing` : INSERT,
    values: [
      page.map((item) => item.key),
      page.map((item) => item.uri),
      page.map((item) => item.name),
      page.map((item) => JSON.stringify(item.metadata)),
    ],
  })
}

const workflow = DBOS.registerWorkflow(
  async () => {
    for (let number = 0; ; number++) {
      const isMore = await DBOS.runStep(() => step(number), { name: 'page' })
      if (!isMore) return
      current().recorded(number)
    }
  },
  { name: WORKFLOW },
)

async function step(number: number): Promise<boolean> {
  const page = await current().next(number)
  if (page === undefined) return false
  await insert(page)
  current().written(number)
  return true
}

async function launch(at: string, made: Engine): Promise<void> {
  const unique = made.keyed ? 'unique' : ''
  await made.pool.query(
    `create table if not exists resources (
      id bigint generated always as identity primary key,
      key text not null ${unique}, uri text not null, name text not null, metadata jsonb not null)`,
  )
  engine = made
  DBOS.setConfig({
    name: 'muster-bench',
    systemDatabaseUrl: at,
    // A fixed version and executor, so that a new process takes up the workflow of the old one.
    applicationVersion: '1',
    executorID: 'bench',
    logLevel: 'error',
  })
  await DBOS.launch()
}

function poolAt(at: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: at })
  pool.on('error', () => undefined)
  return pool
}

/** Hands pages to a workflow one at a time: the workflow asks, `add` answers. */
interface Mailbox {
  readonly next: Engine['next']
  readonly recorded: Engine['recorded']
  put(page: readonly Item[] | undefined): Promise<void>
}

function mailbox(): Mailbox {
  let asked = Promise.withResolvers<readonly Item[] | undefined>()
  let done = Promise.withResolvers<void>()
  return {
    next: async () => {
      const page = await asked.promise
      asked = Promise.withResolvers()
      return page
    },
    recorded: () => {
      const finished = done
      done = Promise.withResolvers()
      finished.resolve()
    },
    put: async (page) => {
      const { promise } = done
      asked.resolve(page)
      if (page !== undefined) await promise
    },
  }
}

async function connect(at: string, keyed: boolean): Promise<Connection> {
  const pool = poolAt(at)
  const box = mailbox()
  await launch(at, {
    pool,
    keyed,
    next: box.next,
    recorded: box.recorded,
    written: () => undefined,
  })
  const handle = await DBOS.startWorkflow(workflow, { workflowID: WORKFLOW })()
  const result = handle.getResult()
  // A failure is what `add` rejects with; here it must only not be unhandled.
  result.catch(() => undefined)
  const failed = result.then(() => undefined)
  return {
    add: async (page) => {
      await Promise.race([box.put(page), failed])
    },
    count: () => numberOf(at, 'select count(*) as n from resources'),
    close: async () => {
      await box.put(undefined)
      await failed
      await DBOS.shutdown()
      await pool.end()
      engine = undefined
    },
  }
}

async function walkOn(at: string, keyed: boolean, walk: Walk): Promise<void> {
  await launch(at, {
    pool: poolAt(at),
    keyed,
    next: async (number) => walk.page(number),
    written: (number) => walk.tell(number),
    recorded: () => undefined,
  })
  // `launch` has taken up the workflow already where one was cut.
  const known = await DBOS.getWorkflowStatus(WORKFLOW)
  if (known === null) await DBOS.startWorkflow(workflow, { workflowID: WORKFLOW })()
  await DBOS.retrieveWorkflow(WORKFLOW).getResult()
}

export const driver: Driver = {
  keys: 'optional',
  create: createDatabase,
  connect,
  walk: walkOn,
  keysAt: (at) => keysOf(at, 'select key from resources'),
}

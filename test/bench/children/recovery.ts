/**
 * The process that is killed: `node recovery.ts walk|stored SETTINGS`. As
 * `walk` it goes on from wherever its database stands and prints `page N` when
 * page N, from 0 on, is durable; as `stored` it prints what the database holds.
 */
import Database from 'better-sqlite3'
import { createMuster, openStore, type CommitPage } from '../../../src/index.ts'
import { localSource, localTarget } from '../made/local-source.ts'

/** More than anybody walks before the process is killed. */
const ENDLESS = { count: 1_000_000_000, pageSize: 100 }

const [mode, json = '{}'] = process.argv.slice(2)
const { at } = JSON.parse(json) as { at: string }

async function walk(): Promise<void> {
  const store = await openStore({ path: at })
  const muster = await createMuster({
    database: {
      ...store,
      async commitPage(page: CommitPage) {
        const result = await store.commitPage(page)
        process.stdout.write(`page ${page.batch.number - 1}\n`)
        return result
      },
    },
    sources: [localSource()],
  })
  await muster.coordinator.enumerateTarget(localTarget(ENDLESS)).done
}

function stored(): void {
  const database = new Database(at, { readonly: true, fileMustExist: true })
  const found = database
    .prepare('select count(*) as rows, count(distinct target) as keys from tasks')
    .get()
  database.close()
  process.stdout.write(`stored ${JSON.stringify(found)}\n`)
}

if (mode === 'walk') await walk()
else if (mode === 'stored') stored()
else throw new Error(`expected walk or stored; got ${String(mode)}`)

/** A host that walks and records until it is killed; prints a line for each page. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createMuster } from '../../../src/index.ts'
import { itemsNamed, scriptedSource, scriptedTarget } from '../../support/scripted-source.ts'

const listing = { items: itemsNamed('a', 100_000), pageSize: 5, before: () => sleep(5) }
const muster = await createMuster({
  database: ':memory:',
  sources: [scriptedSource({ a: listing })],
  record: process.argv[2] as string,
})
muster.bus.subscribe('session.progressed', () => console.log('page'))
await muster.coordinator.enumerateTarget(scriptedTarget('a')).done

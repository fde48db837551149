import { expect, test } from 'vitest'
import { Rig, TIMES } from '../model/rig.ts'

/** More than the window of the rig allows. */
const page = (number: number) => [1, 2, 3].map((item) => `good-${number}-${item}`)

test('a host that takes no tasks any more holds the walk once, and again when it has come back', async () => {
  const rig = await Rig.start()
  const run = rig.walk('list')
  const tasks = run.tasks[Symbol.asyncIterator]()
  const take = () => tasks.next()
  const first = take()
  await rig.puppet.page('list', page(1))
  await rig.reached(run.sessionId, 'holding')
  expect((await first).value?.resourceUri).toBe('puppet://good-1-1')

  rig.time.pass(TIMES.holdMs)
  await rig.puppet.page('list', page(2))
  await rig.reached(run.sessionId, 'fetching.asking')

  await take()
  await rig.puppet.page('list', page(3))
  await rig.reached(run.sessionId, 'holding')
})

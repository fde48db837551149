import { newId } from '../../domain/identity.ts'
import { equal, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { checkpointOf, TestWalk } from './fixtures.ts'
import { at, HARD_JSON } from './samples.ts'

export const checkpoints = casesOf('a checkpoint', (test) => {
  test('is found by its session and by its own id, and changes with each commit', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { checkpoints } = store.repositories
    const first = await checkpoints.load(walk.sessionId)
    equal(await checkpoints.loadById(first?.id ?? 0), first)
    await walk.advance({
      position: { at: 'after', cursor: HARD_JSON },
      timeline: { ...walk.state.timeline, lastUpdate: at(5) },
    })
    equal(await checkpoints.load(walk.sessionId), {
      id: first?.id,
      targetId: walk.sessionId,
      data: checkpointOf(walk.state),
      updatedAt: at(5),
    })
  })

  test('that is unknown is null', async (store) => {
    const { checkpoints } = store.repositories
    same(await checkpoints.load(newId()), null)
    same(await checkpoints.loadById(7), null)
  })
})

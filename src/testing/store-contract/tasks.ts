import { newId } from '../../domain/identity.ts'
import { collect, equal, hasLength, isAbove, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identities, T0, TestWalk } from './fixtures.ts'

export const tasks = casesOf('tasks', (test) => {
  test('come in the order of their pages, a window at a time', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    await walk.page({ kept: identities('a', 15) })
    await other.page({ kept: identities('x', 15) })
    await walk.page({ kept: identities('b', 15) })
    const uris: string[] = []
    const lengths: number[] = []
    for (let after = 0; ;) {
      const window = await store.takeTasks({ sessionId: walk.sessionId, after, limit: 7 })
      uris.push(...window.map((task) => task.resourceUri))
      lengths.push(window.length)
      const last = window.at(-1)
      if (last === undefined) break
      // A store that stays where it is would be asked for ever.
      isAbove(last.seq, after)
      after = last.seq
    }
    const expected = [...identities('a', 15), ...identities('b', 15)]
    equal(
      uris,
      expected.map(({ uri }) => uri),
    )
    equal(lengths, [7, 7, 7, 7, 2, 0])
    equal(await store.takeTasks({ sessionId: newId(), after: 0, limit: 9 }), [])
  })

  test('are not taken again once they are acknowledged, alone or many at once', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('a', 6) })
    const take = () => store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 10 })
    const [a, b, c, d, e, f] = (await take()).map(({ seq }) => seq)
    await store.acknowledgeTasks({ seqs: [b as number], at: T0 })
    equal(
      (await take()).map(({ seq }) => seq),
      [a, c, d, e, f],
    )
    await store.acknowledgeTasks({ seqs: [a, b, d, 9_999] as number[], at: T0 })
    equal(
      (await take()).map(({ seq }) => seq),
      [c, e, f],
    )
    await store.acknowledgeTasks({ seqs: [], at: T0 })
    hasLength(await take(), 3)
  })

  test('are acknowledged in any number, and those of another session are not', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    await walk.page({ kept: identities('a', 1_234) })
    await other.page({ kept: identities('a', 1_234) })
    const take = ({ sessionId }: TestWalk) => store.takeTasks({ sessionId, after: 0, limit: 9_999 })
    const [ours, theirs] = [await take(walk), await take(other)]
    const seqs = ours.map(({ seq }) => seq)
    same(new Set([...ours, ...theirs].map(({ seq }) => seq)).size, 2_468)
    await store.acknowledgeTasks({ seqs: seqs.slice(0, -1), at: T0 })
    equal(await take(walk), ours.slice(-1))
    equal(await take(other), theirs)
  })

  test('are acknowledged in any order, and can be acknowledged again', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('a', 4) })
    const take = () => store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 10 })
    const [a, b, c, d] = (await take()).map(({ seq }) => seq) as [number, number, number, number]
    // What lies between them is none of it.
    await store.acknowledgeTasks({ seqs: [c, a, c], at: T0 })
    await store.acknowledgeTasks({ seqs: [d, c, a], at: T0 + 1 })
    equal(
      (await take()).map(({ seq }) => seq),
      [b],
    )
  })

  test('are outstanding until they are acknowledged', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    equal(await store.findOutstanding([1]), new Set())
    await walk.page({ kept: identities('a', 3) })
    const taken = await store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 10 })
    const [a, b, c] = taken.map(({ seq }) => seq) as [number, number, number]
    const outstanding = () => store.findOutstanding([c, b, a])
    equal(await outstanding(), new Set([a, b, c]))
    await store.acknowledgeTasks({ seqs: [b], at: T0 })
    equal(await outstanding(), new Set([a, c]))
    // Of those that were asked for, and no others.
    equal(await store.findOutstanding([c]), new Set([c]))
    equal(await store.findOutstanding([]), new Set())
    await store.acknowledgeTasks({ seqs: [a, b, c], at: T0 + 1 })
    equal(await outstanding(), new Set())
    equal(await store.findOutstanding([c + 1]), new Set())
  })

  test('are found outstanding in any number', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('a', 1_234) })
    const taken = await store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 9_999 })
    const seqs = taken.map(({ seq }) => seq)
    await store.acknowledgeTasks({ seqs: seqs.slice(0, 3), at: T0 })
    equal(await store.findOutstanding(seqs), new Set(seqs.slice(3)))
  })

  test('are streamed through more than one window, and counted', async (store) => {
    const one = await TestWalk.begin(store, 'one')
    const two = await TestWalk.begin(store, 'two')
    for (let page = 0; page < 3; page += 1) {
      await one.page({ kept: identities(`one-${page}`, 700) })
      await two.page({ kept: identities(`two-${page}`, 40) })
    }
    const { tasks } = store.repositories
    const all = await collect(tasks.stream())
    hasLength(all, 2_220)
    same(new Set(all.map((task) => task.taskId)).size, 2_220)
    const ofOne = await collect(tasks.stream({ sessionId: one.sessionId }))
    equal(
      ofOne,
      all.filter((task) => task.sessionId === one.sessionId),
    )
    hasLength(ofOne, 2_100)
    equal(await collect(tasks.stream({ sessionId: newId() })), [])
    same(await tasks.count(), 2_220)
    same(await tasks.count({ sessionId: two.sessionId }), 120)
    same(await tasks.count({ sessionId: newId() }), 0)
  })

  test('can be streamed while more are committed and taken', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('a', 1_100) })
    const uris: string[] = []
    for await (const task of store.repositories.tasks.stream()) {
      uris.push(task.resourceUri)
      if (uris.length === 10) await walk.page({ kept: identities('b', 5) })
    }
    same(new Set(uris).size, 1_105)
  })

  test('that are unknown are null', async (store) => {
    const { tasks } = store.repositories
    same(await tasks.getById(newId()), null)
    same(await tasks.progress(newId()), null)
  })
})

import { openStore } from '../../src/store/open.ts'

/**
 * Opens databases in a process of its own, one after the other, each at its
 * moment, stores a job in it and says how it went:
 * `node open-store.ts NAME START_AT STEP_MS PATH...`.
 */
const [name = '', startAt = '0', stepMs = '0', ...paths] = process.argv.slice(2)

async function openOne(path: string) {
  try {
    const store = await openStore({ path })
    await store.repositories.jobs.create({ jobId: name, name, createdAt: new Date() })
    await store.close()
    return { opened: true }
  } catch (thrown) {
    const { name, code, message } = thrown as Error & { code?: string }
    return { opened: false, name, code, message }
  }
}

const outcomes = []
for (const [index, path] of paths.entries()) {
  // A timer comes milliseconds late; processes that are to collide have to spin.
  while (Date.now() < Number(startAt) + index * Number(stepMs));
  outcomes.push(await openOne(path))
}
console.log(JSON.stringify(outcomes))

import type { Muster } from '../../../src/index.ts'

/** Opens the dashboard, and looks at it as a browser does. @returns how to look away */
export async function lookAt(muster: Muster): Promise<() => Promise<void>> {
  const dashboard = await muster.dashboard({ port: 0 })
  const away = new AbortController()
  const live = await fetch(new URL('api/live', dashboard.url), { signal: away.signal })
  if (!live.ok) throw new Error(`the dashboard answered ${live.status}`)
  const read = live.body?.pipeTo(new WritableStream()).catch(() => undefined)
  return async () => {
    away.abort()
    await read
    await dashboard.close()
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from '../domain/errors.ts'
import type { WalkSettings } from './settings.ts'

/**
 * Does a step of the store, and does it again while another process has the
 * file locked. What failed was rolled back, and a session that was lost
 * meanwhile is noticed by its fence.
 */
export async function patiently<T>(
  step: () => Promise<T>,
  settings: Pick<WalkSettings, 'maxAttempts' | 'backoffMs' | 'maxBackoffMs'>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step()
    } catch (thrown) {
      const again = thrown instanceof StoreError && thrown.code === 'STORE_BUSY'
      if (!again || attempt >= settings.maxAttempts) throw thrown
      await sleep(Math.min(settings.backoffMs * 2 ** (attempt - 1), settings.maxBackoffMs))
    }
  }
}

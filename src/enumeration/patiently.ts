import { pause, type TimeProvider } from '../domain/clock.ts'
import { StoreError } from '../domain/errors.ts'
import type { WalkSettings } from './settings.ts'

interface Patience {
  readonly clock: TimeProvider
  readonly settings: Pick<WalkSettings, 'maxAttempts' | 'backoffMs' | 'maxBackoffMs'>
  /** Aborts when nobody wants to wait any more. */
  readonly closing?: AbortSignal
}

/**
 * Does a step of the store, and does it again while another process has the
 * file locked. What failed was rolled back, and a session that was lost
 * meanwhile is noticed by its fence.
 */
export async function patiently<T>(
  step: () => Promise<T>,
  { clock, settings, closing }: Patience,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step()
    } catch (thrown) {
      const again = thrown instanceof StoreError && thrown.code === 'STORE_BUSY'
      if (!again || attempt >= settings.maxAttempts || closing?.aborted === true) throw thrown
      const pauseMs = Math.min(settings.backoffMs * 2 ** (attempt - 1), settings.maxBackoffMs)
      // Cut short when nobody wants to wait any more: then there is one more attempt.
      await pause(clock, pauseMs, closing === undefined ? [] : [closing])
    }
  }
}

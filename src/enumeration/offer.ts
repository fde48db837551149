import { LeaseError } from '../domain/errors.ts'
import { newId } from '../domain/identity.ts'
import { isActive, targetKeyOf, type TargetConfig } from '../domain/session-state.ts'
import type { Store } from '../store/store.ts'
import { storeSession, unstarted } from './new-session.ts'
import { patiently } from './patiently.ts'
import type { EnumerationDeps } from './ports.ts'
import type { Walk } from './walk.ts'

/** Stores a session of a target for whichever host claims it first; see `SharedCoordinator.offer`. */
export async function offerTarget(
  deps: EnumerationDeps,
  config: TargetConfig,
  { roundId, announcing }: { readonly roundId: number; readonly announcing: boolean },
): Promise<void> {
  const { store, clock } = deps
  const state = unstarted({ sessionId: newId(), config }, clock)
  try {
    await patiently(() => storeSession(state, deps, { roundId, announcing }), deps)
  } catch (thrown) {
    if (!(thrown instanceof LeaseError) || thrown.code !== 'LEASE_HELD') throw thrown
    for (const { sessionId } of await store.findUnfinished(targetKeyOf(config))) {
      await store.offerSession({ sessionId, announcing })
    }
  }
}

/** Another process may have walked it to its end since this one looked: whoever asks for the target wants more than that. */
export async function refuseEndedElsewhere(
  store: Pick<Store, 'findUnfinished'>,
  { sessionId, state, config }: Walk,
): Promise<void> {
  if (isActive(state.status)) return
  const left = await store.findUnfinished(targetKeyOf(config))
  if (left.some((unfinished) => unfinished.sessionId === sessionId)) return
  throw new LeaseError(
    'LEASE_LOST',
    `session ${sessionId} of target "${config.name}" was walked to its end by another process: call again to walk the target anew`,
  )
}

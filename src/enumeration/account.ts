import type { Shortfall, ShortfallCode } from '../../machines/index.ts'
import type { ErrorCode, ErrorRecord } from '../domain/errors.ts'
import type { Comparison } from '../domain/session-state.ts'
import type { Survey } from '../store/store.ts'
import type { EnumerationDeps } from './ports.ts'
import type { Walk } from './walk.ts'

/** What a walk comes to at its end, held against what was known of its target. */
export interface Account {
  readonly comparison: Comparison | null
  readonly shortfalls: readonly Shortfall[]
}

/** Fewer resources than this come and go too easily for an alarm. */
const SHRINKS_FROM = 20

/** The word of a verdict for an error that ended a session; `failed` for the rest. */
const SHORTFALL_OF: Readonly<Partial<Record<ErrorCode, ShortfallCode>>> = {
  SSO_REQUIRED: 'sso',
  FORBIDDEN: 'forbidden',
  NOT_FOUND: 'not_found',
  GONE: 'gone',
  DMCA: 'dmca',
  SOURCE_CHANGED: 'drift',
  SOURCE_UNAVAILABLE: 'unavailable',
}

export function shortfallOf(failure: ErrorRecord | null): ShortfallCode {
  return (failure && SHORTFALL_OF[failure.code]) ?? 'failed'
}

/** Whether more is to be listed: only the retry of failed items has come to its end. */
const listingRemains = ({ position }: Walk['state']): boolean =>
  position.at === 'retrying' && position.resumeAt.at !== 'end'

/** Draws up the account of a walk that is at its end. */
export async function drawUpAccount(
  walk: Walk,
  { store, settings }: Pick<EnumerationDeps, 'store' | 'settings'>,
): Promise<Account> {
  const { comparable } = walk.source
  if (comparable !== true || listingRemains(walk.state)) {
    return { comparison: null, shortfalls: [] }
  }
  const survey = await store.surveySession(walk.sessionId)
  return { comparison: survey.comparison, shortfalls: shrinkage(survey, settings.shrinkAlarm) }
}

/** A place that is much smaller than last time is more often hidden than gone. */
function shrinkage({ comparison: { seen }, seenBefore }: Survey, alarm: number): Shortfall[] {
  if (seenBefore === null || seenBefore < SHRINKS_FROM || seen >= seenBefore * alarm) return []
  const detail = `only ${seen} were found where the session before found ${seenBefore}; if that is right, the next session will take it so`
  return [{ code: 'shrunk', detail }]
}

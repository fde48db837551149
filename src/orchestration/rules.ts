import type { EventBus } from '../delivery/event-bus.ts'
import { canonicalHash } from '../domain/canonical.ts'
import type { TimeProvider } from '../domain/clock.ts'
import type { RuleRepository } from '../store/store.ts'

/** How long an announced rule is remembered: a fleet of scanners that starts announces the same rules at once. */
export const RULE_MEMORY_MS = 5 * 60_000

/**
 * Stores the rules that scanners announce, each definition once in five
 * minutes. @returns how to stop.
 */
export function trackRules(deps: {
  readonly bus: EventBus
  readonly rules: RuleRepository
  readonly clock: TimeProvider
}): () => void {
  const { bus, rules, clock } = deps
  const processed = new Map<string, number>()
  return bus.subscribe('rule.published', async ({ ruleId, definition }) => {
    const now = clock.now()
    for (const [hash, at] of processed) {
      if (now - at < RULE_MEMORY_MS) break
      processed.delete(hash)
    }
    const hash = canonicalHash([ruleId, definition])
    if (processed.has(hash)) return
    // Before it is stored: the next scanner announces it in the same moment.
    processed.set(hash, now)
    try {
      await rules.save({ ruleId, definition, hash, updatedAt: new Date(now) })
    } catch (thrown) {
      processed.delete(hash)
      throw thrown
    }
  })
}

/**
 * Whether a value comes back from JSON as it was; sources are code of others,
 * and a moment or a map would come back as something else. A member that is
 * undefined is one that is absent.
 */
export function isPlainJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isPlainJson)
  if (typeof value === 'object' && value !== null) return isPlainRecord(value)
  return value === null || typeof value === 'string' || typeof value === 'boolean'
}

/** The same for a mapping of names to such values. */
export function isPlainRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  // A loop, for each item of each page comes by here: a list of its values would be one more thing to collect.
  for (const name in value) {
    const member: unknown = (value as Record<string, unknown>)[name]
    if (member !== undefined && !isPlainJson(member)) return false
  }
  return true
}

/**
 * Who decides what is walked, where several processes share a database: only
 * the leader loads the config and starts fresh sessions.
 */
export interface Leadership {
  /**
   * Asks to lead, until the returned function is called.
   *
   * @param onChange called with true when leadership is gained, false when it is lost
   */
  campaign(onChange: (leads: boolean) => void): () => void
}

/** The leadership of a process that shares its database with nobody: it leads at once, and always. */
export const soloLeadership: Leadership = {
  campaign(onChange) {
    onChange(true)
    return () => undefined
  },
}

/** The host's unit of work: the scan targets and tasks of one enumeration. */
export interface Job {
  readonly jobId: string
  readonly name: string
  readonly createdAt: Date
}

/** A detection rule that scanners announce. */
export interface Rule {
  readonly ruleId: string
  /** The rule as its scanner wrote it. */
  readonly definition: Readonly<Record<string, unknown>>
  /** SHA-256 of the definition with its keys in order, in hex. */
  readonly hash: string
  readonly updatedAt: Date
}

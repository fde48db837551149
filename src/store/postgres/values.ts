export type Value = string | number | null | readonly (string | number | boolean | null)[]

/** A statement, and what goes into it. */
export interface Filled {
  readonly text: string
  readonly values: readonly Value[]
}

/** Numbers the values of a statement while its text is put together. */
export class Values {
  readonly all: Value[] = []

  /**
   * The place of a value in the text.
   *
   * @param type where PostgreSQL cannot tell it from what stands around it
   */
  add(value: Value, type?: string): string {
    const place = `$${this.all.push(value)}`
    return type === undefined ? place : `${place}::${type}`
  }

  /** The places of all values of a row, in the order of its columns. */
  places(row: Readonly<Record<string, Value>>): string {
    return Object.values(row)
      .map((value) => this.add(value))
      .join(', ')
  }

  /** The same, each with its column. */
  assignments(row: Readonly<Record<string, Value>>): string {
    return Object.entries(row)
      .map(([column, value]) => `${column} = ${this.add(value)}`)
      .join(', ')
  }
}

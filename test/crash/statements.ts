/** What changes a row or the schema. */
export const isWrite = (sql: string): boolean =>
  /^\s*(insert|update|delete|create|drop|alter)\b/i.test(sql)

/** One shape for the statements that differ in their number of values alone. */
export const shapeOf = (sql: string): string =>
  sql
    .replaceAll(/\s+/g, ' ')
    .replaceAll(
      /\((?:(?:\?\d*|\d+|'\{\}')(?:, )?)+\)(?:, \((?:(?:\?\d*|\d+|'\{\}')(?:, )?)+\))*/g,
      '(…)',
    )
    .trim()

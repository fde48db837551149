/** What changes a row or the schema; it may begin with a query that it takes its values from. */
export const isWrite = (sql: string): boolean =>
  /^\s*(with\b[^]*?\)\s*)?(insert|update|delete|create|drop|alter)\b/i.test(sql)

/** The same for PostgreSQL, where a page is one statement of many parts; a commit is what makes writes last. */
export const isPostgresWrite = (sql: string): boolean =>
  sql === 'commit' ||
  isWrite(sql) ||
  /^\s*with\b[^]*\b(insert into|update|delete from)\b/i.test(sql)

/** One shape for the statements that differ in their number of values alone. */
export const shapeOf = (sql: string): string =>
  sql
    .replaceAll(/\s+/g, ' ')
    .replace(/\bvalues .* (?=on conflict)/, 'values (…) ')
    .replaceAll(
      /\((?:(?:\?\d*|\d+|'\{\}')(?:, )?)+\)(?:, \((?:(?:\?\d*|\d+|'\{\}')(?:, )?)+\))*/g,
      '(…)',
    )
    .trim()

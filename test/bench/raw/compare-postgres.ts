import pg from 'pg'

/** What a database holds, table by table; but for moments of the server's own clock. */
async function digestsOf(url: string): Promise<ReadonlyMap<string, string>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `select tablename as name from pg_tables
        where schemaname = 'public' and tablename <> 'muster_versions' order by 1`,
    )
    const digests = new Map<string, string>()
    for (const { name } of tables) {
      const { rows } = await client.query<{ digest: string }>(
        `select count(*) || ' ' || coalesce(md5(string_agg(row::text, '' order by row::text)), '')
          as digest from (select to_jsonb(t) - 'lease_until' as row from "${name}" as t) as rows`,
      )
      digests.set(name, rows[0]?.digest ?? '')
    }
    return digests
  } finally {
    await client.end()
  }
}

/**
 * Makes sure that two databases of one beginning hold the same rows: a baseline
 * that leaves something out is no limit.
 *
 * @throws Error that names the table that differs
 */
export async function sameRowsOnPostgres(ours: string, raw: string): Promise<void> {
  const [wrote, baseline] = [await digestsOf(ours), await digestsOf(raw)]
  for (const [table, digest] of wrote) {
    if (baseline.get(table) !== digest) {
      throw new Error(
        `table ${table}: the store wrote ${digest}, the raw baseline ${baseline.get(table)} (rows and their digest): mend test/bench/raw/postgres.ts`,
      )
    }
  }
}

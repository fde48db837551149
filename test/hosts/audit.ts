import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { openDatabase } from '../../src/store/open-database.ts'

/**
 * Writes down each change of a session and of the leader, within the
 * transaction that makes it: what is written without a new revision, too. Two clocks: a claim is judged before its row is
 * written, so the time at which it was written tells that a lease had run out;
 * that of the statement tells that one had not.
 */
const WATCH = `
  create table watched (
    n bigserial primary key, at double precision not null, session text not null,
    was_revision bigint not null, revision bigint not null, was_owner text, owner text,
    left_when_asked double precision, left_when_written double precision,
    was_batches bigint not null, batches bigint not null,
    was_status text not null, status text not null);
  create function watch() returns trigger language plpgsql as $$
  begin
    insert into watched (at, session, was_revision, revision, was_owner, owner, left_when_asked,
      left_when_written, was_batches, batches, was_status, status)
    values (extract(epoch from clock_timestamp()) * 1000, new.session_id,
      old.revision, new.revision, old.lease_owner, new.lease_owner,
      old.lease_until - extract(epoch from statement_timestamp()) * 1000,
      old.lease_until - extract(epoch from clock_timestamp()) * 1000,
      old.total_batches, new.total_batches, old.status, new.status);
    return null;
  end $$;
  create trigger watch after update on sessions for each row
    when (old.revision <> new.revision or old.total_batches <> new.total_batches
      or old.status <> new.status or old.last_update <> new.last_update)
    execute function watch();
  create table led (n bigserial primary key, at double precision not null,
    was_owner text, owner text not null, left_when_written double precision);
  create function watch_leader() returns trigger language plpgsql as $$
  begin
    insert into led (at, was_owner, owner, left_when_written)
    values (extract(epoch from clock_timestamp()) * 1000,
      case when tg_op = 'UPDATE' then old.owner end, new.owner,
      case when tg_op = 'UPDATE'
        then old.lease_until - extract(epoch from clock_timestamp()) * 1000 end);
    return null;
  end $$;
  create trigger watch_new after insert on leaders for each row execute function watch_leader();
  create trigger watch after update on leaders for each row
    when (old.owner is distinct from new.owner) execute function watch_leader();
`

/** One change of a session. */
export interface Change {
  /** Milliseconds since the Unix epoch, by the database's clock. */
  readonly at: number
  readonly session: string
  readonly was_revision: number
  readonly revision: number
  readonly was_owner: string | null
  readonly owner: string | null
  /** What was left of the lease until then, in milliseconds; null where there was none. */
  readonly left_when_asked: number | null
  readonly left_when_written: number | null
  readonly was_batches: number
  readonly batches: number
  readonly was_status: string
  readonly status: string
}

/** One change of the leader. */
export interface Led {
  readonly at: number
  readonly was_owner: string | null
  readonly owner: string
  readonly left_when_written: number | null
}

/** A claim gives a session to somebody, and changes nothing else; whatever does is a commit. */
export const isCommit = ({ was_batches, batches, was_status, status }: Change): boolean =>
  was_batches !== batches || was_status !== status

/** Whether a session passed from one process to another without being given up. */
export const isTakeover = (change: Change): boolean =>
  !isCommit(change) && change.was_owner !== null && change.was_owner !== change.owner

/** Looks at a database from outside, beside its hosts; a server that is down is asked again. */
export class Onlooker {
  readonly #pool: pg.Pool

  private constructor(url: string) {
    // Whatever has 8 bytes here is a count or a time.
    const types = {
      getTypeParser: (oid: number, format?: 'text') =>
        oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format),
    }
    this.#pool = new pg.Pool({ connectionString: url, max: 2, types: types as never })
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', (client) => void client.on('error', () => undefined))
  }

  /** Makes the store's tables in an empty database, and watches them from then on. */
  static async over(url: string): Promise<Onlooker> {
    const store = await openDatabase(url)
    await store.close()
    const onlooker = new Onlooker(url)
    await onlooker.#pool.query(WATCH)
    return onlooker
  }

  async ask<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await this.#pool.query<Row>(sql, [...values])).rows
      } catch (thrown) {
        if (attempt === 150) throw thrown
        await sleep(200)
      }
    }
  }

  async one<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row> {
    const [row] = await this.ask<Row>(sql, values)
    if (row === undefined) throw new Error(`no row: ${sql}`)
    return row
  }

  async number(sql: string, values: readonly unknown[] = []): Promise<number> {
    const { count } = await this.one<{ count: number }>(`select (${sql})::bigint as count`, values)
    return count
  }

  /** The changes of sessions since one of them, in order. */
  changes(after = 0): Promise<(Change & { readonly n: number })[]> {
    return this.ask('select * from watched where n > $1 order by n', [after])
  }

  leaders(): Promise<Led[]> {
    return this.ask('select * from led order by n')
  }

  close(): Promise<void> {
    return this.#pool.end()
  }
}

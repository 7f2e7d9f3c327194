/** A PostgreSQL database of the demo, through node-postgres. The bank has a schema of its own. */
import type { Pool, QueryResult } from 'pg'

import type { ResourceCheck } from '../../participants/contract.ts'
import { postgres } from '../../postgres.ts'
import type { PostgresServer } from '../postgres-server/server.ts'
import { accountRows } from './bank.ts'
import { checkOnce } from './check.ts'
import {
  type Answer,
  type Database,
  type Dialect,
  type Queries,
  queriesOf,
  type Tables,
  type WorkerDatabase,
  type WorkerDatabaseOptions,
  type WorkerSessions,
} from './database.ts'
import { shownUrlOf } from './database-url.ts'
import { loadPg } from './driver.ts'
import type { Side } from './plan.ts'

const connectLimitMs = 5_000
const connectionsMax = 3

const dialect: Dialect = {
  tables: (bank) => ({
    account: `${bank}.account`,
    journal: `${bank}.journal`,
    attempt: `${bank}.attempt`,
  }),
  write: (text) => {
    let number = 0
    return text.replaceAll('?', () => {
      number += 1
      return `$${number}`
    })
  },
  read: (reply) => {
    const { rows, rowCount } = reply as QueryResult
    return { rows, changed: rowCount ?? 0 }
  },
}

/** One that takes a server of the demo's own, or undefined for the user's. */
export async function openPostgres(
  side: Side,
  url: string,
  server: PostgresServer | undefined,
): Promise<Database> {
  const pg = await loadPg()
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'assent-demo',
    connectionTimeoutMillis: connectLimitMs,
    max: connectionsMax,
  })
  pool.on('error', () => undefined) // an idle connection was lost; the next one will tell
  return new PostgresDatabase(side, url, server, pool)
}

/** The same for the worker. */
export async function openWorkerPostgres(options: WorkerDatabaseOptions): Promise<WorkerDatabase> {
  const pg = await loadPg()
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectLimitMs,
    max: options.connectionsMax,
  })
  pool.on('error', () => undefined)
  return {
    participant: postgres(pool, { decisionSchema: options.decisionSchema }),
    tables: dialect.tables(options.bank),
    notes: queriesOf(dialect, pool),
    within: (client) => queriesOf(dialect, client),
    write: dialect.write,
    end: () => pool.end(),
  }
}

class PostgresDatabase implements Database {
  readonly side: Side
  readonly kind = 'postgres'
  readonly url: string
  readonly shownUrl: string
  readonly server: PostgresServer | undefined
  readonly #pool: Pool
  readonly #queries: Queries

  constructor(side: Side, url: string, server: PostgresServer | undefined, pool: Pool) {
    this.side = side
    this.url = url
    this.shownUrl = server === undefined ? shownUrlOf(url) : url
    this.server = server
    this.#pool = pool
    this.#queries = queriesOf(dialect, pool)
  }

  query(text: string, values?: readonly unknown[]): Promise<Answer> {
    return this.#queries.query(text, values)
  }

  tables(bank: string): Tables {
    return dialect.tables(bank)
  }

  placeOf(bank: string): string {
    return `schema ${bank}`
  }

  async openBank(bank: string): Promise<void> {
    const { account, journal, attempt } = dialect.tables(bank)
    await this.#inOneGo(`
      begin;
      create schema ${bank};
      create table ${account} (
        id int primary key,
        balance bigint not null check (balance >= 0)
      );
      create table ${journal} (
        transfer bigint primary key,
        transaction text not null,
        -- how many databases the transfer writes in: 1 or 2
        spans int not null,
        delta bigint not null,
        -- how it was given to the coordinator
        form text not null
      );
      create table ${attempt} (transfer bigint primary key);
      insert into ${account} values ${accountRows()};
      commit;`)
  }

  async dropBank(bank: string): Promise<void> {
    await this.#inOneGo(`
      begin;
      set local lock_timeout = '5s';
      drop schema if exists ${bank} cascade;
      commit;`)
  }

  async prepared(): Promise<readonly string[]> {
    const { rows } = await this.query(
      'select gid from pg_prepared_xacts where database = current_database()',
    )
    return rows.map(({ gid }) => String(gid))
  }

  async sessionsOf({ applicationName }: WorkerSessions): Promise<number> {
    const { rows } = await this.query(
      `select count(*) from pg_stat_activity
       where datname = current_database() and application_name = ?
         and wait_event_type is distinct from 'Lock'`,
      [applicationName],
    )
    return Number(rows[0]?.count ?? 0)
  }

  check(): Promise<ResourceCheck> {
    return checkOnce(this.side, postgres(this.#pool))
  }

  end(): Promise<void> {
    return this.#pool.end()
  }

  async #inOneGo(statements: string): Promise<void> {
    const client = await this.#pool.connect()
    try {
      await client.query(statements)
    } finally {
      // With an error in the middle, the session is still in that transaction.
      client.release(true)
    }
  }
}

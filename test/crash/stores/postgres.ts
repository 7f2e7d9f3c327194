/** A store in PostgreSQL: workers are told apart by `application_name`. */
import type pg from 'pg'

import type { PostgresServer } from '../../harness/postgres.ts'
import type { Store } from './store.ts'

export function postgresStore(server: PostgresServer, pool: pg.Pool): Store {
  return new PostgresStore(server, pool)
}

const slotLocks = `from pg_locks where locktype = 'advisory' and granted`

class PostgresStore implements Store {
  readonly kind = 'postgres'
  readonly server: PostgresServer
  readonly #pool: pg.Pool

  constructor(server: PostgresServer, pool: pg.Pool) {
    this.server = server
    this.#pool = pool
  }

  get url(): string {
    return this.server.url
  }

  async open(accounts: number, openingBalance: number): Promise<void> {
    await this.#pool.query(`
      create table account (id int primary key, balance bigint not null);
      insert into account select id, ${openingBalance} from generate_series(0, ${accounts - 1}) id;
      create table journal (id text primary key, delta bigint not null);
      create table taken (number int unique deferrable initially deferred);
      insert into taken values (1)`)
  }

  async beginAnew(openingBalance: number): Promise<void> {
    await this.#pool.query(`update account set balance = ${openingBalance}; delete from journal`)
  }

  async totals(): Promise<{ readonly held: number; readonly booked: number }> {
    const { rows } = await this.#pool.query<{ held: string; booked: string }>(
      `select (select sum(balance) from account) as held,
         (select coalesce(sum(delta), 0) from journal) as booked`,
    )
    const [found] = rows
    return { held: Number(found?.held), booked: Number(found?.booked) }
  }

  async journal(): Promise<string[]> {
    return await this.#list('select id as found from journal')
  }

  async isInJournal(id: string): Promise<boolean> {
    const found = await this.#pool.query('select from journal where id = $1', [id])
    return found.rowCount === 1
  }

  async prepared(): Promise<string[]> {
    return await this.#list('select gid as found from pg_prepared_xacts')
  }

  async prepareStranger(id: string): Promise<void> {
    await this.#pool.query(`begin; select from account; prepare transaction '${id}'`)
  }

  async rollBack(id: string): Promise<void> {
    await this.#pool.query(`rollback prepared '${id}'`)
  }

  async sessionsOf(workers: readonly string[]): Promise<string[]> {
    return await this.#list(
      `select coalesce(state, '') || ' ' || query as found from pg_stat_activity
       where application_name = any($1)`,
      [workers],
    )
  }

  async openTransactionsOf(worker: string): Promise<number> {
    const sessions = await this.sessionsOf([worker])
    return sessions.filter((session) => session.startsWith('idle in transaction')).length
  }

  async waitingOf(worker: string): Promise<number> {
    const waiting = await this.#list(
      `select pid::text as found from pg_stat_activity
       where application_name = $1 and wait_event_type = 'Lock'`,
      [worker],
    )
    return waiting.length
  }

  async holdAccounts(): Promise<() => Promise<void>> {
    const client = await this.#pool.connect()
    // Its server may be killed.
    client.on('error', () => undefined)
    await client.query('begin; select from account for update')
    return async () => {
      await client.query('rollback').catch(() => undefined)
      client.release(true)
    }
  }

  async endSessionsOf(worker: string): Promise<number> {
    const { rowCount } = await this.#pool.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1',
      [worker],
    )
    return rowCount ?? 0
  }

  async decisionSlots(schema: string): Promise<number[]> {
    return (await this.#list(`select slot::text as found from ${schema}.assent_log`)).map(Number)
  }

  async slotSessions(): Promise<number> {
    return (await this.#list(`select pid::text as found ${slotLocks}`)).length
  }

  async endSlotSessions(): Promise<number> {
    return (await this.#list(`select pg_terminate_backend(pid)::text as found ${slotLocks}`)).length
  }

  async #list(query: string, values: unknown[] = []): Promise<string[]> {
    const { rows } = await this.#pool.query<{ found: string }>(query, values)
    return rows.map(({ found }) => found)
  }
}

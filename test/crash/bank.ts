/** The bank: accounts and a journal in two databases, and whether its books are right. */
import assert from 'node:assert/strict'
import type pg from 'pg'

import { type Side, sides } from './worker/settings.ts'

export const accounts = 10
const openingBalance = 1_000

/** The name under which the sessions of a worker are found at the servers. */
export function applicationOf(pid: number): string {
  return `crash-worker-${pid}`
}

const schema = `
  create table account (id int primary key, balance bigint not null);
  insert into account select id, ${openingBalance} from generate_series(0, ${accounts - 1}) id;
  create table journal (id text primary key, delta bigint not null);
  create table taken (number int unique deferrable initially deferred);
  insert into taken values (1)`

export class Bank {
  readonly urls: Readonly<Record<Side, string>>
  readonly #pools: Readonly<Record<Side, pg.Pool>>

  /** Opens the accounts in two new databases. */
  static async open(
    urls: Readonly<Record<Side, string>>,
    pools: Readonly<Record<Side, pg.Pool>>,
  ): Promise<Bank> {
    for (const side of sides) await pools[side].query(schema)
    return new Bank(urls, pools)
  }

  private constructor(
    urls: Readonly<Record<Side, string>>,
    pools: Readonly<Record<Side, pg.Pool>>,
  ) {
    this.urls = urls
    this.#pools = pools
  }

  /** Branches of ours that are prepared anywhere on the server: `left: assent.crash...`. */
  async prepared(): Promise<string[]> {
    return await this.#list(`select gid as found from pg_prepared_xacts where gid like 'assent.%'`)
  }

  /** Prepares a branch of a log that is nobody's here, in both databases; answers its id. */
  async prepareStranger(): Promise<string> {
    const id = 'assent.nobody.0000000000000.1.1.0'
    await Promise.all(
      sides.map(async (side) => {
        await this.#pools[side].query(`begin; select from account; prepare transaction '${id}'`)
      }),
    )
    return id
  }

  async rollBackStranger(id: string): Promise<void> {
    await Promise.all(sides.map((side) => this.#pools[side].query(`rollback prepared '${id}'`)))
  }

  /** Rolls back what a failed test left, so that it fails alone. */
  async clear(): Promise<void> {
    for (const side of sides) {
      const { rows } = await this.#pools[side].query<{ gid: string }>(
        'select gid from pg_prepared_xacts',
      )
      for (const { gid } of rows) await this.#pools[side].query(`rollback prepared '${gid}'`)
    }
  }

  /** The sessions at the servers of worker processes, alive or dead. */
  async sessionsOf(pids: readonly number[], side?: Side): Promise<string[]> {
    const names = pids.map((pid) => `'${applicationOf(pid)}'`).join(', ')
    const found = await this.#list(
      `select coalesce(state, '') || ' ' || query as found from pg_stat_activity
       where application_name in (${names})`,
    )
    return side === undefined ? found : found.filter((each) => each.startsWith(side))
  }

  /** Ends the sessions of a worker in one database, as an administrator would. */
  async endSessionsOf(pid: number, side: Side): Promise<number> {
    const { rowCount } = await this.#pools[side].query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = '${applicationOf(pid)}'`,
    )
    return rowCount ?? 0
  }

  /** The ids in the journal of one database. */
  async journal(side: Side): Promise<Set<string>> {
    const { rows } = await this.#pools[side].query<{ id: string }>('select id from journal')
    return new Set(rows.map(({ id }) => id))
  }

  async isInJournal(side: Side, id: string): Promise<boolean> {
    const found = await this.#pools[side].query('select from journal where id = $1', [id])
    return found.rowCount === 1
  }

  /** No money was made or lost, and each database holds what its own journal says. */
  async checkMoney(): Promise<void> {
    let total = 0
    for (const side of sides) {
      const { rows } = await this.#pools[side].query<{ held: string; booked: string }>(
        `select (select sum(balance) from account) as held,
           (select coalesce(sum(delta), 0) from journal) as booked`,
      )
      const { held, booked } = rows[0]!
      const expected = accounts * openingBalance + Number(booked)
      assert.equal(Number(held), expected, `${side} holds what its journal says`)
      total += Number(held)
    }
    assert.equal(total, 2 * accounts * openingBalance, 'no money was made or lost')
  }

  async #list(query: string): Promise<string[]> {
    const found = await Promise.all(
      sides.map(async (side) => {
        const { rows } = await this.#pools[side].query<{ found: string }>(query)
        return rows.map((row) => `${side}: ${row.found}`)
      }),
    )
    return found.flat()
  }
}

/** Two PostgreSQL databases with accounts, and the proof that no money was lost between them. */
import pg from 'pg'

const accounts = 10_000
const openingBalance = 1_000_000

/** Where the money is: `left` pays, `right` gets. */
export interface Bank {
  readonly left: pg.Pool
  readonly right: pg.Pool
}

export interface BankOptions {
  /** Of two databases, one on each server. */
  readonly urls: readonly [string, string]
  /** Transactions at a time; each takes a connection of either pool. */
  readonly connections: number
}

export async function openBank({ urls, connections }: BankOptions): Promise<Bank> {
  const [left, right] = urls.map((connectionString) => {
    const pool = new pg.Pool({ connectionString, max: connections })
    pool.on('error', () => undefined) // the transaction that uses the connection tells of it
    return pool
  }) as [pg.Pool, pg.Pool]
  for (const pool of [left, right]) {
    await pool.query('drop table if exists account')
    await pool.query('create table account (id int primary key, balance bigint not null)')
    await pool.query('insert into account select id, $1 from generate_series(0, $2) as id', [
      openingBalance,
      accounts - 1,
    ])
    await pool.query('vacuum analyze account')
  }
  return { left, right }
}

export async function closeBank({ left, right }: Bank): Promise<void> {
  await Promise.all([left.end(), right.end()])
}

/**
 * The account of one lane for its next transaction. Lanes share no account, so none waits for
 * another's lock, and all contestants do the same work.
 */
export class AccountPlan {
  readonly #lanes: number
  readonly #turns: number[]

  constructor(lanes: number) {
    this.#lanes = lanes
    this.#turns = new Array<number>(lanes).fill(0)
  }

  next(lane: number): number {
    const turn = this.#turns[lane] ?? 0
    this.#turns[lane] = turn + 1
    const perLane = Math.floor(accounts / this.#lanes)
    return (turn % perLane) * this.#lanes + lane
  }
}

/** What a contestant works with: a client inside a transaction. */
export type BankClient = Pick<pg.ClientBase, 'query'>

export const payText = 'update account set balance = balance - 1 where id = $1'
export const getText = 'update account set balance = balance + 1 where id = $1'

/** The work of every contestant, one statement a branch: a unit goes from one server to the other. */
export async function move(left: BankClient, right: BankClient, account: number): Promise<void> {
  await Promise.all([left.query(payText, [account]), right.query(getText, [account])])
}

/** A contestant broke its promise. */
export class MoneyLost extends Error {
  override readonly name = 'MoneyLost'
}

/** Throws `MoneyLost` unless exactly `moved` units went over since the opening, and none is prepared. */
export async function audit({ left, right }: Bank, moved: number, who: string): Promise<void> {
  const [paid, got] = await Promise.all([balanceOf(left), balanceOf(right)])
  const all = accounts * openingBalance
  if (all - paid !== moved || got - all !== moved) {
    throw new MoneyLost(
      `${who}: ${moved} transfers were told committed, ${all - paid} units left and ` +
        `${got - all} arrived`,
    )
  }
  for (const pool of [left, right]) {
    const { rows } = await pool.query(
      'select gid from pg_prepared_xacts where database = current_database()',
    )
    if (rows.length > 0) throw new MoneyLost(`${who}: ${rows.length} branches are left prepared`)
  }
}

async function balanceOf(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query('select sum(balance)::text as sum from account')
  return Number(rows[0].sum)
}

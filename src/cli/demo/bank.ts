/**
 * The bank in the databases: accounts, and a journal that each transfer writes in the same branch
 * as it changes a balance, so that what has happened can be counted afterwards.
 */
import type { Pool } from 'pg'
import { accountsPerSide, openingBalance, type Side, type Transfer } from './plan.ts'

/** What the demo needs of a client: a pool, or a branch's client. */
interface Queries {
  query(text: string, values?: unknown[]): Promise<{ readonly rowCount: number | null }>
}

/** The guard against overdrafts refused. */
export class Overdraft extends Error {
  override readonly name = 'Overdraft'
}

/** Makes the tables in a schema that must not exist yet, and opens the accounts. */
export async function openAccounts(pool: Pool, schema: string): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query(`
      begin;
      create schema ${schema};
      create table ${schema}.account (
        id int primary key,
        balance bigint not null check (balance >= 0)
      );
      create table ${schema}.journal (
        transfer bigint primary key,
        transaction text not null,
        -- how many databases the transfer writes in: 1 or 2
        spans int not null,
        change bigint not null
      );
      create table ${schema}.attempt (transfer bigint primary key);
      insert into ${schema}.account
        select id, ${openingBalance} from generate_series(1, ${accountsPerSide}) as id;
      commit;`)
  } finally {
    // With an error in the middle, the session is still in that transaction.
    client.release(true)
  }
}

/** Rejects when a prepared branch holds on to it: then it must stay, with the branch. */
export async function dropBank(pool: Pool, schema: string): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query(`
      begin;
      set local lock_timeout = '5s';
      drop schema if exists ${schema} cascade;
      commit;`)
  } finally {
    client.release(true)
  }
}

/** Notes that a transfer is about to be tried: what is not in a journal in the end was not made. */
export async function noteAttempt(queries: Queries, schema: string, id: number): Promise<void> {
  await queries.query(`insert into ${schema}.attempt values ($1)`, [id])
}

/** The part of a transfer in one database. Throws `Overdraft`. */
export async function move(
  queries: Queries,
  schema: string,
  side: Side,
  transfer: Transfer & { readonly id: number; readonly transaction: string },
): Promise<void> {
  const { from, to, amount } = transfer
  const isWithin = from.side === to.side
  if (isWithin) await moveWithin(queries, schema, transfer)
  else if (from.side === side) await add(queries, schema, from.account, -amount)
  else await add(queries, schema, to.account, amount)
  const sign = from.side === side ? -1 : 1
  const change = isWithin ? 0 : sign * amount
  await queries.query(`insert into ${schema}.journal values ($1, $2, $3, $4)`, [
    transfer.id,
    transfer.transaction,
    isWithin ? 1 : 2,
    change,
  ])
}

/** The lower account first, as everybody does it: else two transfers could wait for each other. */
async function moveWithin(
  queries: Queries,
  schema: string,
  { from, to, amount }: Transfer,
): Promise<void> {
  const steps = [
    [from.account, -amount],
    [to.account, amount],
  ] as const
  for (const [account, change] of [...steps].sort(([one], [two]) => one - two)) {
    await add(queries, schema, account, change)
  }
}

async function add(
  queries: Queries,
  schema: string,
  account: number,
  change: number,
): Promise<void> {
  const { rowCount } = await queries.query(
    `update ${schema}.account set balance = balance + $1 where id = $2 and balance + $1 >= 0`,
    [change, account],
  )
  if (rowCount !== 1) throw new Overdraft(`account ${account} does not have ${-change}`)
}

/**
 * The bank in the databases: accounts, and a journal that each transfer writes in the same branch
 * as it changes a balance, so that what has happened can be counted afterwards.
 */
import type { Queries, Tables } from './database.ts'
import { accountsPerSide, openingBalance, type Side, type Transfer } from './plan.ts'

/** The guard against overdrafts refused. */
export class Overdraft extends Error {
  override readonly name = 'Overdraft'
}

/** The accounts at the beginning, as the rows of an `insert`. */
export function accountRows(): string {
  const rows = Array.from(
    { length: accountsPerSide },
    (_, nth) => `(${nth + 1}, ${openingBalance})`,
  )
  return rows.join(', ')
}

/** Notes that a transfer is about to be tried: what is not in a journal in the end was not made. */
export async function noteAttempt(queries: Queries, tables: Tables, id: number): Promise<void> {
  await queries.query(`insert into ${tables.attempt} values (?)`, [id])
}

/** The part of a transfer in one database. Throws `Overdraft`. */
export async function move(
  queries: Queries,
  tables: Tables,
  side: Side,
  transfer: Transfer & { readonly id: number; readonly transaction: string },
): Promise<void> {
  const { from, to, amount } = transfer
  const isWithin = from.side === to.side
  if (isWithin) await moveWithin(queries, tables, transfer)
  else if (from.side === side) await add(queries, tables, from.account, -amount)
  else await add(queries, tables, to.account, amount)
  const sign = from.side === side ? -1 : 1
  const delta = isWithin ? 0 : sign * amount
  await queries.query(`insert into ${tables.journal} values (?, ?, ?, ?)`, [
    transfer.id,
    transfer.transaction,
    isWithin ? 1 : 2,
    delta,
  ])
}

/** The lower account first, as everybody does it: else two transfers could wait for each other. */
async function moveWithin(
  queries: Queries,
  tables: Tables,
  { from, to, amount }: Transfer,
): Promise<void> {
  const steps = [
    [from.account, -amount],
    [to.account, amount],
  ] as const
  for (const [account, delta] of [...steps].sort(([one], [two]) => one - two)) {
    await add(queries, tables, account, delta)
  }
}

async function add(
  queries: Queries,
  tables: Tables,
  account: number,
  delta: number,
): Promise<void> {
  const { changed } = await queries.query(
    `update ${tables.account} set balance = balance + ? where id = ? and balance + ? >= 0`,
    [delta, account, delta],
  )
  if (changed !== 1) throw new Overdraft(`account ${account} does not have ${-delta}`)
}

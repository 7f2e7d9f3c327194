/**
 * The bank in the databases: accounts, and a journal that each transfer writes in the same branch
 * as it changes a balance, so that what has happened can be counted afterwards.
 */
import type { Queries, Statement, Tables } from './database.ts'
import { accountsPerSide, openingBalance, type Side, type Transfer } from './plan.ts'

/** How a transfer is given to the coordinator. */
export type Form = 'callback' | 'execute'

/** As the option `--form` names them: one for all, or each of them in turn. */
export const formChoices = ['mixed', 'callback', 'execute'] as const
export type Forms = (typeof formChoices)[number]

/** A transfer that is being tried. */
export interface Attempt extends Transfer {
  readonly id: number
  readonly form: Form
}

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

/** The part of a transfer in one database, one statement after the other. Throws `Overdraft`. */
export async function move(
  queries: Queries,
  tables: Tables,
  side: Side,
  attempt: Attempt,
  transaction: string,
): Promise<void> {
  for (const [account, delta] of changesOf(side, attempt)) {
    const { changed } = await queries.query(
      `update ${tables.account} set balance = balance + ? where id = ? and balance + ? >= 0`,
      [delta, account, delta],
    )
    if (changed !== 1) throw new Overdraft(`account ${account} does not have ${-delta}`)
  }
  await queries.query(...entryOf(tables, side, attempt, transaction))
}

/** The same as statements that are all known: there it is the table that refuses an overdraft. */
export function statementsOf(
  tables: Tables,
  side: Side,
  attempt: Attempt,
  transaction: string,
): readonly Statement[] {
  const moves = changesOf(side, attempt).map(
    ([account, delta]): Statement => [
      `update ${tables.account} set balance = balance + ? where id = ?`,
      [delta, account],
    ],
  )
  const entry = entryOf(tables, side, attempt, transaction)
  // What is regretted when all is done: a second entry is refused.
  return attempt.kind === 'regret' ? [...moves, entry, entry] : [...moves, entry]
}

/** Whether a database has refused what its tables do not allow: for a transfer that was known. */
export function isRefusal(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { code, errno } = error as { readonly code?: unknown; readonly errno?: unknown }
  return violations.has(code) || violations.has(errno)
}

/** Of a check or a key: in PostgreSQL, MariaDB and MySQL. */
const violations: ReadonlySet<unknown> = new Set(['23514', '23505', 4025, 3819, 1062])

/**
 * The accounts and by how much they change. Within a database the lower one first, as everybody
 * does it: else two transfers could wait for each other.
 */
function changesOf(
  side: Side,
  { from, to, amount }: Transfer,
): readonly (readonly [account: number, delta: number])[] {
  const changes = [
    [from.account, -amount],
    [to.account, amount],
  ] as const
  if (from.side === to.side) return [...changes].sort(([one], [two]) => one - two)
  return from.side === side ? changes.slice(0, 1) : changes.slice(1)
}

function entryOf(
  { journal }: Tables,
  side: Side,
  { id, from, to, amount, form }: Attempt,
  transaction: string,
): Statement {
  const isWithin = from.side === to.side
  const sign = from.side === side ? -1 : 1
  const delta = isWithin ? 0 : sign * amount
  const values = [id, transaction, isWithin ? 1 : 2, delta, form]
  return [`insert into ${journal} values (?, ?, ?, ?, ?)`, values]
}

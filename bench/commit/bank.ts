/** Two databases with accounts, and the proof that no money was lost between them. */
import { openMariadbSide } from './mariadb-side.ts'
import { openPostgresSide } from './postgres-side.ts'
import type { Side, Teller } from './side.ts'

const accounts = 10_000
const openingBalance = 1_000_000

/** Where the money is: `left` pays, `right` gets. */
export interface Bank {
  readonly left: Side
  readonly right: Side
  /** Connections of either pool. */
  readonly connections: number
}

export interface BankOptions {
  /** Of two databases, one on each server: `postgres:` or `mysql:`. */
  readonly urls: readonly [string, string]
  /** Transactions at a time; each takes a connection of either pool. */
  readonly connections: number
}

export async function openBank({ urls, connections }: BankOptions): Promise<Bank> {
  const [left, right] = urls.map((url) =>
    /^mysql:/.test(url) ? openMariadbSide(url, connections) : openPostgresSide(url, connections),
  ) as [Side, Side]
  for (const side of [left, right]) await side.found(accounts, openingBalance)
  return { left, right, connections }
}

export async function closeBank({ left, right }: Bank): Promise<void> {
  await Promise.all([left.close(), right.close()])
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

/** The work of every contestant, one statement a branch: a unit goes from one server to the other. */
export async function move(
  { left, right }: Bank,
  [payer, getter]: readonly [Teller, Teller],
  account: number,
): Promise<void> {
  await Promise.all([payer.query(left.payText, [account]), getter.query(right.getText, [account])])
}

/** A contestant broke its promise. */
export class MoneyLost extends Error {
  override readonly name = 'MoneyLost'
}

/** Throws `MoneyLost` unless exactly `moved` units went over since the opening, and none is prepared. */
export async function audit({ left, right }: Bank, moved: number, who: string): Promise<void> {
  const [paid, got] = await Promise.all([left.balance(), right.balance()])
  const all = accounts * openingBalance
  if (all - paid !== moved || got - all !== moved) {
    throw new MoneyLost(
      `${who}: ${moved} transfers were told committed, ${all - paid} units left and ` +
        `${got - all} arrived`,
    )
  }
  for (const side of [left, right]) {
    const prepared = await side.countPrepared()
    if (prepared > 0) throw new MoneyLost(`${who}: ${prepared} branches are left prepared`)
  }
}

/**
 * The removal of rows that say `aborted` because somebody presumed so.
 *
 * Such a row stands against a local commit that may still be on its way, so it goes only when no
 * transaction is open any more that could insert under its key (A1). Two things prove that together.
 *
 * First, the log's epoch was raised: an insert that begins to look after that finds no log (see
 * `DecisionStatements.carry`). So rows of the running epoch stay until the next opening.
 *
 * Second, every transaction is over that was open when the row was there and the epoch was raised.
 * Each holds its virtual transaction id from its beginning to its end, whether it wrote or only read,
 * and `pg_locks` shows those of all roles. Times would not do: a server's clock can be set back.
 */
import type { TableLog } from '../../../core/decision-table.ts'
import type { TransactionKey } from '../../../core/ids.ts'
import type { PgResult } from '../driver.ts'
import { type Expected, textArray } from './changes.ts'
import { readKey, textOfKey } from './rows.ts'
import type { DecisionStatements } from './statements.ts'

/** What the removal may ask of the session that has the slot locked. */
export interface RemovalAccess {
  ask(text: string, values: readonly unknown[]): Promise<readonly PgResult[]>
  change(expected: readonly Expected[]): Promise<void>
}

/** Those of another database can't insert here; one whose database is not known might. */
const openTransactions = `select l.virtualtransaction || '/' || l.pid as open
from pg_catalog.pg_locks l
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.pid is distinct from pg_catalog.pg_backend_pid()
  and (a.datname is null or a.datname = pg_catalog.current_database())`

const presumed = `decision = 'aborted' and pg_catalog.length(record) = 0`

export class Removal {
  /** The log's epoch as far as it is known to be durable. */
  epoch: number
  readonly #log: TableLog
  readonly #statements: DecisionStatements
  /** By the rows' keys: the transactions that have to be over. */
  readonly #awaited = new Map<string, ReadonlySet<string>>()

  constructor(log: TableLog, statements: DecisionStatements) {
    this.#log = log
    this.#statements = statements
    this.epoch = log.epoch
  }

  /** Answers the keys whose rows are gone; asked again, it may answer more. */
  async remove(
    transactions: readonly TransactionKey[],
    access: RemovalAccess,
  ): Promise<readonly TransactionKey[]> {
    const old = transactions.filter(({ epoch }) => epoch < this.epoch)
    if (old.length === 0) return []
    const keys = old.map(textOfKey)
    const standing = await this.#standing(keys, access)
    // Asked after the rows were seen: what is open now and was not then can't have met them either.
    const open = await this.#open(access)
    const proved = keys.filter((key) => standing.get(key) === true && this.#isProved(key, open))
    if (proved.length > 0) await access.change([this.#deletion(proved)])
    const gone = keys.filter((key) => !standing.has(key) || proved.includes(key))
    for (const key of gone) this.#awaited.delete(key)
    return gone.map(readKey)
  }

  #isProved(key: string, open: ReadonlySet<string>): boolean {
    const awaited = this.#awaited.get(key) ?? open
    this.#awaited.set(key, awaited)
    return [...awaited].every((each) => !open.has(each))
  }

  /** The keys that have a row, and whether it is a presumption: no other is ours to remove. */
  async #standing(
    keys: readonly string[],
    { ask }: RemovalAccess,
  ): Promise<ReadonlyMap<string, boolean>> {
    const text = `select transaction, (${presumed})::text as presumed
from ${this.#statements.decision} where log = $1 and transaction = any($2::text[])`
    const results = await ask(text, [this.#log.identity, textArray(keys)])
    const rows = results.flatMap((result) => result.rows)
    return new Map(rows.map((row) => [String(row.transaction), row.presumed === 'true']))
  }

  async #open({ ask }: RemovalAccess): Promise<ReadonlySet<string>> {
    const results = await ask(openTransactions, [])
    return new Set(results.flatMap(({ rows }) => rows.map((row) => String(row.open))))
  }

  #deletion(keys: readonly string[]): Expected {
    const own = `delete from ${this.#statements.decision}
where log = $1 and transaction = any($2::text[])
  and ${presumed}`
    const values = [this.#log.identity, textArray(keys)]
    return { statement: { own, values }, command: 'DELETE' }
  }
}

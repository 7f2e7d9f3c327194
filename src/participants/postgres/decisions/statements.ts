/**
 * The statements by which decisions are kept, for one schema.
 *
 * Keeps A2: a decision is inserted plainly. A key that is taken fails the statement, and with it the
 * transaction around it; "insert, or do nothing" would commit a branch's work over a durable `aborted`.
 */
import type { DecisionRow } from '../../../core/decision-table.ts'
import type { OwnStatement } from '../own-query.ts'
import { durable } from '../sql.ts'
import { textOfBytes, textOfKey } from './rows.ts'
import { tableInSql } from './tables.ts'

/** Kept by the session, as all that is sent again and again. */
export const commit: OwnStatement = {
  own: 'commit',
  name: 'assent_commit',
  isConstant: true,
}

export class DecisionStatements {
  readonly schema: string
  readonly log: string
  readonly decision: string
  readonly record: string
  readonly #carry: string

  constructor(schema: string) {
    this.schema = schema
    this.log = tableInSql(schema, 'assent_log')
    this.decision = tableInSql(schema, 'assent_decision')
    this.record = tableInSql(schema, 'assent_record')
    this.#carry = `insert into ${this.decision} (log, transaction, decision, record)
select (select l.identity from ${this.log} l where l.identity = $1 and l.epoch = $2::bigint),
  $3, $4, $5::bytea
where ${durable('transaction')} is not null`
  }

  /**
   * The row that a branch takes along into its local commit.
   *
   * It has no log, which its column refuses, once the log's epoch was raised: whoever raised it may
   * have presumed this transaction aborted, and removed the row that said so. Such a row goes only
   * when no transaction is open any more that was open after the epoch was raised, so an insert that
   * still saw the old epoch has met it (A1). And it raises `synchronous_commit`, whatever the work
   * did to it: with this commit the decision stands (A3).
   */
  carry({ log, transaction, decision, record }: DecisionRow): OwnStatement {
    const { epoch } = transaction
    const values = [log, String(epoch), textOfKey(transaction), decision, textOfBytes(record)]
    return { own: this.#carry, name: `assent_decide_1_${this.schema}`, values }
  }
}

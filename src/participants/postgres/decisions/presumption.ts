/**
 * Makes the absence of a decision final: inserts `aborted`, or finds what stands.
 *
 * Keeps A2 and A9: the insert is plain. Under a key that another transaction is about to take it waits
 * for that one's end, and a key that is taken is obeyed. It locks the row of the log against a raise of
 * the epoch: whoever raises it may settle a commit and remove its row, and then nothing would stand in
 * the way of an `aborted` that comes late. What is found was locked for a moment, which writes: so it
 * is as durable as what we write ourselves before anybody acts on it (A3).
 */
import type { DecisionRow, TableHolder } from '../../../core/decision-table.ts'
import type { TransactionKey } from '../../../core/ids.ts'
import { sqlState, sqlStateOf } from '../failures.ts'
import type { Asking } from '../fate.ts'
import { readDecision, textOfKey } from './rows.ts'
import type { DecisionStatements } from './statements.ts'

export interface Presumption {
  readonly holder: TableHolder
  readonly transaction: TransactionKey
  /** How long one attempt waits for whoever is about to insert. */
  readonly waitMs: number
}

const attempts = 3

/** What may be another time; everything else stays as it is. */
const passing: ReadonlySet<string | undefined> = new Set([
  sqlState.lockNotAvailable,
  sqlState.serializationFailure,
  sqlState.deadlockDetected,
])

/** Rejects with the last error where the row can't be had now. */
export async function presumeAborted(
  connection: Asking,
  statements: DecisionStatements,
  presumption: Presumption,
): Promise<DecisionRow> {
  let last: unknown = new Error('a row of the decision came and went')
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    try {
      const row =
        (await insertAborted(connection, statements, presumption)) ??
        (await readStanding(connection, statements, presumption))
      if (row !== undefined) return row
    } catch (error) {
      if (!passing.has(sqlStateOf(error))) throw error
      last = error
    }
  }
  throw last
}

/** Undefined where the key is taken. */
async function insertAborted(
  connection: Asking,
  { decision: table, log: logs }: DecisionStatements,
  { holder: { log, epoch }, transaction, waitMs }: Presumption,
): Promise<DecisionRow | undefined> {
  // One text, and so one transaction; the identity and the key have an alphabet without quotes.
  const text = `set local lock_timeout = ${waitMs};
insert into ${table} (log, transaction, decision, record)
select l.identity, '${textOfKey(transaction)}', 'aborted', ''
from ${logs} l where l.identity = '${log}' and l.epoch = ${epoch} for share`
  try {
    const inserted = (await connection.send(text)).at(-1)
    if (inserted?.command === 'INSERT' && inserted.rowCount === 1) {
      return { log, transaction, decision: 'aborted', record: new Uint8Array() }
    }
    throw new Error(`the log ${log} is not at the epoch ${epoch} any more: another process has it`)
  } catch (error) {
    if (sqlStateOf(error) === sqlState.uniqueViolation) return undefined
    throw error
  }
}

/** Undefined where the row is gone again. */
async function readStanding(
  connection: Asking,
  { decision: table }: DecisionStatements,
  { holder: { log }, transaction, waitMs }: Presumption,
): Promise<DecisionRow | undefined> {
  const text = `set local lock_timeout = ${waitMs};
select transaction, decision, pg_catalog.encode(record, 'hex') as record from ${table}
where log = '${log}' and transaction = '${textOfKey(transaction)}' for update`
  const [row] = (await connection.send(text)).at(-1)?.rows ?? []
  return row === undefined ? undefined : readDecision(log, row)
}

/**
 * Reads what the table holds of a log into its state.
 *
 * Keeps A2 (two decisions of one transaction are a broken invariant; but a presumption that came late
 * to one that is over says nothing), A9 and A10 (whatever can't be read is refused, nothing is
 * skipped). Reading changes nothing.
 */
import type { DecisionRow, TableContents } from '../../core/decision-table.ts'
import type { TransactionKey } from '../../core/ids.ts'
import { isBelow } from '../kept-outcomes.ts'
import type { StoredRecord } from '../records.ts'
import { LogState } from '../state.ts'
import { decodeDecision, decodeRecords } from './record-bytes.ts'

export interface FoundContents {
  readonly state: LogState
  /** Bytes by name of the records that are there. */
  readonly stored: ReadonlyMap<string, number>
  /** Transactions whose decision has a row, and that are not over. */
  readonly rows: readonly TransactionKey[]
  /** Transactions that are over, and whose row is still there. */
  readonly spent: readonly TransactionKey[]
  /** Transactions that somebody presumed to be aborted. */
  readonly presumed: readonly TransactionKey[]
  /** Names of the acts of operators, oldest first. */
  readonly acts: readonly string[]
}

interface Decoded {
  readonly name: string
  readonly records: readonly StoredRecord[]
}

/** `location` is for people. Throws `ASSENT_LOG_CORRUPT` or `ASSENT_LOG_INCOMPATIBLE`. */
export function readContents(
  location: string,
  { decisions, records }: TableContents,
  nowMs: number,
): FoundContents {
  const state = new LogState()
  const decoded = records.map(({ name, record }): Decoded => {
    return { name, records: decodeRecords(`${location}, record ${name}`, record) }
  })
  // Before the decisions: what is kept, and what absence means. After them: what else is unfinished.
  const isUnfinished = ({ name }: Decoded): boolean => name.startsWith('transaction:')
  applyAll(state, decoded.filter((each) => !isUnfinished(each)).sort(byNumber))
  const rows: TransactionKey[] = []
  const spent: TransactionKey[] = []
  const presumed: TransactionKey[] = []
  for (const row of decisions) {
    if (isPresumed(row)) presumed.push(row.transaction)
    else if (applyRow(location, state, row)) rows.push(row.transaction)
    else spent.push(row.transaction)
  }
  applyAll(state, decoded.filter(isUnfinished))
  for (const transaction of presumed) applyPresumed(state, transaction, nowMs)
  return {
    state,
    stored: new Map(records.map(({ name, record }) => [name, record.length])),
    rows,
    spent,
    presumed,
    acts: actsByTime(decoded),
  }
}

function applyAll(state: LogState, decoded: readonly Decoded[]): void {
  for (const { records } of decoded) for (const record of records) state.apply(record)
}

/** Resources in the order in which they were given their numbers. */
function byNumber(one: Decoded, other: Decoded): number {
  return numberOf(one) - numberOf(other)
}

function numberOf({ records: [record] }: Decoded): number {
  return record?.type === 'resource' ? record.number : -1
}

/** Whether it is unfinished; a row may outlive its transaction, until the books are written. */
function applyRow(location: string, state: LogState, row: DecisionRow): boolean {
  const { epoch, counter } = row.transaction
  state.apply(decodeDecision(`${location}, decision ${epoch}.${counter}`, row.record))
  return state.find(row.transaction) !== undefined
}

function isPresumed({ decision, record }: DecisionRow): boolean {
  return decision === 'aborted' && record.length === 0
}

/**
 * A question that was asked while a transaction was open may have been answered when it was settled
 * and its row gone: then what is kept stands. Where that is dropped, too, nothing is known (A9).
 */
function applyPresumed(state: LogState, transaction: TransactionKey, wallMs: number): void {
  const isKnown = state.decisionOf(transaction) ?? state.keptOf(transaction)
  if (isKnown !== undefined || isBelow(transaction, state.lowWater)) return
  applyAborted(state, transaction, wallMs)
}

/** It is over: nobody has to be told. */
export function applyAborted(state: LogState, transaction: TransactionKey, wallMs: number): void {
  const made = { decision: 'aborted', protocol: 'two-phase', branches: [] } as const
  state.apply({ type: 'decided', transaction, wallMs, ...made })
  state.apply({ type: 'settled', transaction })
}

function actsByTime(decoded: readonly Decoded[]): string[] {
  const acts = decoded.flatMap(({ name, records: [record] }) =>
    record?.type === 'audit' ? [{ name, wallMs: record.act.wallMs }] : [],
  )
  return acts.sort((one, other) => one.wallMs - other.wallMs).map(({ name }) => name)
}

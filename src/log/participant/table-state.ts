/**
 * The state of a log, and what of it the table must learn: by state, not by history.
 *
 * Keeps A2 (a decision has one row, and what we know of a transaction wins over an `aborted` that
 * somebody presumed when it was over), A9 (a row goes only together with the outcome that is kept
 * instead) and A10 (what is unfinished besides its decision has a record until that is over).
 *
 * The crash: whatever is missing of the books is found again. A row that is still there is delivered
 * once more, and every branch answers that it is done.
 */
import type { DecisionRow } from '../../core/decision-table.ts'
import type { LogIdentity, TransactionKey } from '../../core/ids.ts'
import { invariant } from '../../core/invariant.ts'
import { TransactionMap } from '../../core/transaction-map.ts'
import type { LogRecord, RecordOf } from '../contract.ts'
import { isBelow, type Retention } from '../kept-outcomes.ts'
import type { OperatorAct } from '../records.ts'
import type { LogState } from '../state.ts'
import type { Unfinished } from '../unfinished.ts'
import { Changes } from './changes.ts'
import { applyAborted, type FoundContents } from './contents.ts'
import { decodeDecision, encodeRecords } from './record-bytes.ts'
import { actName, lowWaterName, nameOf, outcomesName, transactionName } from './record-names.ts'

/** More acts of operators than this drop the oldest. */
const actsMax = 1000

/** Names that the state itself drops in time. */
const retiring: readonly string[] = ['outcomes:', 'epoch:', 'one-phase:']

export class TableState {
  readonly log: LogState
  readonly changes: Changes
  readonly #identity: LogIdentity
  readonly #epoch: number
  /** Transactions whose decision has a row that we have to take away. */
  readonly #rows = new TransactionMap<true>()
  /** Transactions that have a row because somebody presumed. */
  readonly #presumed = new TransactionMap<TransactionKey>()
  /** Names of the acts that are there, oldest first. */
  readonly #acts: string[]
  #actsWritten = 0

  constructor(identity: LogIdentity, epoch: number, found: FoundContents) {
    this.#identity = identity
    this.#epoch = epoch
    this.log = found.state
    this.changes = new Changes(found.stored)
    this.#acts = [...found.acts]
    for (const key of found.rows) this.#rows.set(key, true)
    for (const key of found.presumed) this.#presumed.set(key, key)
    for (const key of found.spent) this.changes.settle(key)
  }

  /** Takes a record; `isForced` when somebody waits for it. Throws `BrokenInvariant` (A2). */
  apply(record: LogRecord, isForced: boolean): void {
    this.log.apply(record)
    switch (record.type) {
      case 'resource':
      case 'one-phase':
        return this.changes.write(nameOf(record) ?? '', () => [record])
      case 'stranger-resolved':
        return this.#noteAct(record)
      case 'decided':
        if (isForced) this.#insert(record)
        break
      case 'resolved':
      case 'forgotten':
        this.#noteAct(record)
        break
      default:
    }
    this.#changed(record.transaction, record.type !== 'decided')
  }

  /** The row as the table keeps it. */
  rowOf(record: RecordOf<'decided'>): DecisionRow {
    const { transaction, decision } = record
    return { log: this.#identity, transaction, decision, record: encodeRecords([record]) }
  }

  /** A decision whose row somebody else has inserted: the branch that carried it. */
  note(record: RecordOf<'decided'>): void {
    this.log.apply(record)
    const isOver = this.log.find(record.transaction) === undefined
    if (!isOver) this.#rows.set(record.transaction, true)
  }

  /** Takes what stands in the table, and answers what stands for us. */
  learn(row: DecisionRow, nowMs: number): DecisionRow['decision'] {
    const { transaction: key, decision, record } = row
    const isPresumed = decision === 'aborted' && record.length === 0
    if (isPresumed) this.#presumed.set(key, key)
    // The question may have been late: asked while it was open, and answered when it was settled.
    const known = this.log.decisionOf(key)
    if (known !== undefined || this.log.keptOf(key) !== undefined) return known ?? decision
    if (isPresumed) this.#noteAborted(key, nowMs)
    else this.note(decodeDecision(`the row of ${key.epoch}.${key.counter}`, record))
    return decision
  }

  /** Whether a decision is there already that was to be written. Throws `BrokenInvariant` (A2). */
  reconcile(rows: readonly DecisionRow[]): void {
    const there = new TransactionMap<DecisionRow>()
    for (const row of rows) there.set(row.transaction, row)
    this.changes.keepDecisions((row) => {
      const standing = there.get(row.transaction)
      const isOurs = standing === undefined || standing.decision === row.decision
      invariant(isOurs, 'A2', 'another decision stands than the one that was being written', row)
      return standing !== undefined
    })
  }

  /** Rows that were presumed for transactions of epochs before this one. */
  presumedBefore(): TransactionKey[] {
    return this.#presumed.values().filter(({ epoch }) => epoch < this.#epoch)
  }

  presumedGone(keys: readonly TransactionKey[]): void {
    for (const key of keys) this.#presumed.delete(key)
  }

  /**
   * Drops outcomes that are too old or too much. The low-water mark is written with them, or before
   * the row of one goes that was dropped before it was ever written.
   */
  retire(nowMs: number, retention: Retention): void {
    const { changes, log } = this
    const before = log.lowWater
    log.retire(nowMs, retention)
    if (isBelow(before, log.lowWater)) {
      changes.write(lowWaterName, () => [{ type: 'low-water', transaction: log.lowWater }])
    }
    const names = new Set(log.records().map(nameOf))
    for (const name of changes.storedNames()) {
      const isRetiring = retiring.some((start) => name.startsWith(start))
      if (isRetiring && !names.has(name)) changes.write(name, () => undefined)
    }
  }

  #insert(record: RecordOf<'decided'>): void {
    if (this.#rows.get(record.transaction)) return
    this.#rows.set(record.transaction, true)
    this.changes.decide(this.rowOf(record))
  }

  #noteAborted(transaction: TransactionKey, wallMs: number): void {
    applyAborted(this.log, transaction, wallMs)
    this.#changed(transaction, false)
  }

  #noteAct(act: OperatorAct): void {
    this.#actsWritten += 1
    const name = actName(this.#epoch, this.#actsWritten)
    this.changes.write(name, () => [{ type: 'audit', act }])
    this.#acts.push(name)
    const oldest = this.#acts.length > actsMax ? this.#acts.shift() : undefined
    if (oldest !== undefined) this.changes.write(oldest, () => undefined)
  }

  /** A decision alone needs no record: it has a row, or nothing rests on it. */
  #changed(key: TransactionKey, isMore: boolean): void {
    const found = this.log.find(key)
    if (found === undefined) return this.#isOver(key)
    if (!isMore || !needsRecord(found)) return
    this.changes.write(transactionName(key), () => this.log.find(key)?.records())
  }

  #isOver(key: TransactionKey): void {
    const { changes, log } = this
    const outcome = log.keptOf(key)
    if (outcome !== undefined) {
      changes.book(outcomesName(outcome, key), () => {
        const page = log.pageOf(outcome, key)
        return page && [page]
      })
    }
    const name = transactionName(key)
    if (changes.isKnown(name)) changes.book(name, () => undefined)
    if (this.#rows.get(key) === undefined) return
    this.#rows.delete(key)
    changes.settle(key)
  }
}

function needsRecord({ intent, heuristics, resolved }: Unfinished): boolean {
  return intent !== undefined || heuristics.length > 0 || resolved.length > 0
}

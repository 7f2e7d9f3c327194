/**
 * One transaction about which something is unfinished, as its records tell it.
 *
 * Keeps A2 (its decision is set once) and A10 (it is over only when it is settled, and when what
 * went against the decision was seen by an operator).
 */
import type { Decision } from '../core/decision.ts'
import type { TransactionKey } from '../core/ids.ts'
import { invariant } from '../core/invariant.ts'
import type { RecordOf, UnfinishedTransaction } from './contract.ts'
import type { KeptOutcome, StoredRecord } from './records.ts'

/** More acts of operators on one transaction than this drop the oldest. */
const resolvedMax = 64

/** Records that change a transaction that is there already, or make one. */
export type TransactionRecord = RecordOf<
  'decided' | 'intent' | 'settled' | 'heuristic' | 'resolved' | 'forgotten'
>

export class Unfinished implements UnfinishedTransaction {
  readonly transaction: TransactionKey
  intent: RecordOf<'intent'> | undefined
  decided: RecordOf<'decided'> | undefined
  settled = false
  heuristics: readonly RecordOf<'heuristic'>[] = []
  resolved: readonly RecordOf<'resolved'>[] = []
  #forgotten: RecordOf<'forgotten'> | undefined

  constructor(transaction: TransactionKey) {
    this.transaction = transaction
  }

  get forgotten(): boolean {
    return this.#forgotten !== undefined
  }

  /** Whether nothing about it is left to do or to be seen. */
  get isOver(): boolean {
    const isSeen = this.heuristics.length === 0 || this.forgotten
    const isDelivered = this.settled || (this.decided === undefined && this.intent === undefined)
    return isSeen && isDelivered
  }

  /** When it last changed, by the clock of whoever wrote its records. */
  get wallMs(): number {
    let newest = Math.max(
      this.intent?.wallMs ?? 0,
      this.decided?.wallMs ?? 0,
      this.#forgotten?.wallMs ?? 0,
    )
    for (const { wallMs } of this.heuristics) newest = Math.max(newest, wallMs)
    return newest
  }

  apply(record: TransactionRecord): void {
    switch (record.type) {
      case 'decided':
        this.decided = record
        return
      case 'intent':
        this.intent ??= record
        return
      case 'settled':
        invariant(
          this.decided !== undefined || this.intent === undefined,
          'A10',
          'settled without a decision, although the last resource may have committed',
          this.transaction,
        )
        this.settled = true
        return
      case 'heuristic': {
        // A branch ends once: what is learnt later replaces what was known before.
        const others = this.heuristics.filter(({ branch }) => branch !== record.branch)
        this.heuristics = [...others, record]
        this.#forgotten = undefined
        return
      }
      case 'resolved':
        this.resolved = [...this.resolved, record].slice(-resolvedMax)
        return
      default:
        this.#forgotten = record
    }
  }

  /** How it ended, given the decision that stands for it. */
  outcomeUnder(decision: Decision): KeptOutcome {
    const opposite = decision === 'committed' ? 'rolled-back' : 'committed'
    if (this.heuristics.some(({ kind }) => kind === opposite)) return 'mixed'
    return this.heuristics.some(({ kind }) => kind === 'hazard') ? 'hazard' : decision
  }

  /** Records that make it again. */
  *records(): Generator<StoredRecord> {
    if (this.intent !== undefined) yield this.intent
    if (this.decided !== undefined) yield this.decided
    yield* this.resolved
    yield* this.heuristics
    if (this.settled) yield { type: 'settled', transaction: this.transaction }
    if (this.#forgotten !== undefined) yield this.#forgotten
  }
}

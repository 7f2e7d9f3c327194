/**
 * What the records of a log amount to: one reducer, for recovery and for the steady state alike.
 *
 * Keeps A2 (a second, different decision is a broken invariant), A8 (knows the highest epoch), A9
 * (absence means abort only where nothing was dropped, and nothing commits without a record) and
 * A10 (what is unfinished stays until it is settled and seen).
 */
import type { Decision } from '../core/decision.ts'
import type { TransactionKey } from '../core/ids.ts'
import { BrokenInvariant } from '../core/invariant.ts'
import { TransactionMap } from '../core/transaction-map.ts'
import { AuditTrail } from './audit-trail.ts'
import type { RecordOf, RetainedOutcome, UnfinishedTransaction } from './contract.ts'
import { isBelow, KeptOutcomes, type Retention } from './kept-outcomes.ts'
import type {
  ClosedRecord,
  KeptOutcome,
  OperatorAct,
  OutcomesRecord,
  StoredRecord,
} from './records.ts'
import { type TransactionRecord, Unfinished } from './unfinished.ts'

/** More openings than this within the retention drop the oldest epochs. */
const epochsMax = 4096

export class LogState {
  #epoch = 0
  #closed: ClosedRecord | undefined
  #lowWater: TransactionKey = { epoch: 0, counter: 0 }
  /** When each epoch began that callers may still ask for. */
  readonly #epochs = new Map<number, number>()
  /** By epoch, from which counter on one-phase commits leave no record. */
  readonly #onePhase = new Map<number, number>()
  readonly #resources = new Map<number, RecordOf<'resource'>>()
  readonly #unfinished = new TransactionMap<Unfinished>()
  readonly #kept = new KeptOutcomes()
  readonly #audit = new AuditTrail()

  /** The highest epoch that was ever used; 0 for none. */
  get epoch(): number {
    return this.#epoch
  }

  /** Set when the last thing that happened to the log was an orderly end. */
  get closed(): ClosedRecord | undefined {
    return this.#closed
  }

  get keptOutcomes(): number {
    return this.#kept.count
  }

  resources(): RecordOf<'resource'>[] {
    return [...this.#resources.values()]
  }

  /** What operators did, oldest first. */
  acts(): readonly OperatorAct[] {
    return this.#audit.acts
  }

  unfinished(): UnfinishedTransaction[] {
    return [...this.#unfinished.values()]
  }

  /** What is unfinished about one transaction, and how to make it again. */
  find(key: TransactionKey): Unfinished | undefined {
    return this.#unfinished.get(key)
  }

  /** The outcome that is kept of a transaction that is over. */
  keptOf(key: TransactionKey): KeptOutcome | undefined {
    return this.#kept.find(key)
  }

  /** The outcomes that share a page with this one, as they are now. */
  pageOf(outcome: KeptOutcome, key: TransactionKey): OutcomesRecord | undefined {
    return this.#kept.page(outcome, key)
  }

  /** Below this id, outcomes may have been dropped (A9). */
  get lowWater(): TransactionKey {
    return this.#lowWater
  }

  /** Throws `BrokenInvariant` (A2) for a decision that differs from the one that stands. */
  apply(record: StoredRecord): void {
    this.#closed = record.type === 'closed' ? record : undefined
    switch (record.type) {
      case 'resource':
        this.#resources.set(record.number, record)
        return
      case 'one-phase': {
        const { epoch, counter } = record.transaction
        this.#onePhase.set(epoch, Math.min(counter, this.#onePhase.get(epoch) ?? counter))
        return
      }
      case 'epoch':
        this.#epoch = Math.max(this.#epoch, record.epoch)
        this.#epochs.set(record.epoch, record.wallMs)
        return
      case 'low-water':
        this.#raiseLowWater(record.transaction)
        return
      case 'outcomes':
        this.#kept.restore(record)
        return
      case 'audit':
        this.#audit.add(record.act)
        return
      case 'stranger-resolved':
        this.#audit.add(record)
        return
      case 'closed':
        return
      case 'resolved':
      case 'forgotten':
        this.#audit.add(record)
        this.#applyToTransaction(record)
        return
      default:
        this.#applyToTransaction(record)
    }
  }

  /** The decision that stands for a transaction, as far as it is kept. */
  decisionOf(key: TransactionKey): Decision | undefined {
    return this.#decisionIn(this.#unfinished.get(key), key)
  }

  #decisionIn(found: Unfinished | undefined, key: TransactionKey): Decision | undefined {
    if (found?.decided !== undefined) return found.decided.decision
    const kept = this.#kept.find(key)
    return kept === 'committed' || kept === 'aborted' ? kept : undefined
  }

  outcome(key: TransactionKey): RetainedOutcome {
    const found = this.#unfinished.get(key)
    if (found?.decided === undefined && found?.intent !== undefined) return 'held'
    if (found !== undefined) return found.outcomeUnder(this.decisionOf(key) ?? 'aborted')
    return this.#kept.find(key) ?? this.#absence(key)
  }

  /** Drops outcomes that are too old or too much, and raises the low-water mark above them. */
  retire(nowMs: number, retention: Retention): void {
    const dropped = this.#kept.drop(nowMs, retention)
    if (dropped !== undefined) {
      this.#raiseLowWater({ epoch: dropped.epoch, counter: dropped.counter + 1 })
    }
    // An epoch is over when the next one began.
    const epochs = [...this.#epochs.keys()].sort((one, other) => one - other)
    epochs.slice(0, -1).forEach((epoch, index) => {
      const next = epochs[index + 1] ?? epoch
      const isOld = (this.#epochs.get(next) ?? nowMs) < nowMs - retention.ageMs
      if (!isOld && epochs.length - index <= epochsMax) return
      this.#epochs.delete(epoch)
      this.#onePhase.delete(epoch)
      this.#raiseLowWater({ epoch: next, counter: 0 })
    })
  }

  /** Records that make this state again, taken now; what is applied later doesn't show in them. */
  records(): StoredRecord[] {
    const records: StoredRecord[] = [{ type: 'low-water', transaction: this.#lowWater }]
    for (const [epoch, wallMs] of this.#epochs) records.push({ type: 'epoch', epoch, wallMs })
    for (const [epoch, counter] of this.#onePhase) {
      records.push({ type: 'one-phase', transaction: { epoch, counter } })
    }
    records.push(...this.#resources.values())
    for (const record of this.#kept.records()) records.push(record)
    for (const act of this.#audit.acts) records.push({ type: 'audit', act })
    for (const unfinished of this.#unfinished.values()) {
      for (const record of unfinished.records()) records.push(record)
    }
    return records
  }

  #applyToTransaction(record: TransactionRecord): void {
    const key = record.transaction
    let found = this.#unfinished.get(key)
    if (record.type === 'decided') {
      const standing = this.#decisionIn(found, key)
      if (standing !== undefined) return refuseOther(standing, record)
    }
    if (found === undefined) {
      // What comes late to a transaction that is over changes nothing; only a heuristic reopens it.
      if (record.type !== 'decided' && record.type !== 'intent' && record.type !== 'heuristic')
        return
      if (record.type === 'intent' && this.#kept.find(key) !== undefined) return
      found = new Unfinished(key)
      this.#unfinished.set(key, found)
    }
    found.apply(record)
    if (found.isOver) this.#finish(found)
  }

  #finish(over: Unfinished): void {
    const key = over.transaction
    const decision = this.#decisionIn(over, key)
    const outcome = over.outcomeUnder(decision ?? 'aborted')
    this.#unfinished.delete(key)
    // A presumed abort needs no record: absence says the same.
    if (decision !== undefined || outcome !== 'aborted') this.#kept.add(outcome, key, over.wallMs)
  }

  /** A9: what it means that nothing is recorded of a transaction. */
  #absence(key: TransactionKey): RetainedOutcome {
    const wasUsed = key.epoch >= 1 && key.epoch <= this.#epoch
    if (!wasUsed || isBelow(key, this.#lowWater)) return 'unknown'
    const onePhaseFrom = this.#onePhase.get(key.epoch)
    return onePhaseFrom !== undefined && key.counter >= onePhaseFrom ? 'unknown' : 'absent'
  }

  #raiseLowWater(key: TransactionKey): void {
    if (isBelow(this.#lowWater, key)) this.#lowWater = key
  }
}

/** A2: the same decision again is no other. */
function refuseOther(standing: Decision, record: RecordOf<'decided'>): void {
  const message = `a transaction that is ${standing} was decided to be ${record.decision}`
  if (standing !== record.decision) throw new BrokenInvariant('A2', message, record)
}

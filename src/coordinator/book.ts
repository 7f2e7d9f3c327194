/**
 * A decision log as the engine uses it: the records of one transaction after another.
 *
 * Keeps A3 and A8 (keys come from the log's epoch and a counter that only grows), A9 (before a
 * commit that leaves no forced record, the log learns that absence no longer means abort) and A11
 * (a failed log takes nothing more; who waits is told that nobody knows).
 */
import type { Decision } from '../core/decision.ts'
import type { DecisionRow } from '../core/decision-table.ts'
import type { HeuristicReport } from '../core/errors.ts'
import {
  formatCounter,
  formatTransactionId,
  idLimits,
  type TransactionId,
  type TransactionKey,
  transactionIdStart,
} from '../core/ids.ts'
import { invariant } from '../core/invariant.ts'
import type { Clock } from '../core/ports.ts'
import type { BranchRecord, DecisionLog, RecordOf } from '../log/contract.ts'
import { mayBePrepared, type Recordable, type RecordableBranch, roleOf } from './recordable.ts'
import type { Resource, Resources } from './resources.ts'

/** What the sweep found that a resource did against, or without, the decision. */
export interface FoundHeuristic {
  readonly key: TransactionKey
  readonly branch: number
  readonly resource: Resource
  readonly decision: Decision
  readonly report: HeuristicReport
}

/** A decision as a branch takes it along, and as the log keeps it. */
export interface Carried {
  readonly record: RecordOf<'decided'>
  readonly row: DecisionRow
}

/** Called with undefined once a record is durable; with the error when that can't be known. */
export type Durable = (failure: Error | undefined) => void

export class Book {
  readonly log: DecisionLog
  readonly #resources: Resources
  readonly #clock: Clock
  readonly #idStart: string
  #counter = 0
  #votesAwaited = 0
  #voteLostMs: number | undefined
  #onePhase: 'absent' | 'pending' | 'marked' = 'absent'
  #awaitMark: Durable[] = []

  constructor(log: DecisionLog, resources: Resources, clock: Clock) {
    this.log = log
    this.#resources = resources
    this.#clock = clock
    const { installation, identity, epoch } = log
    this.#idStart = transactionIdStart({ installation, log: identity, epoch })
  }

  nextKey(): TransactionKey {
    this.#counter += 1
    invariant(this.#counter <= idLimits.counter, 'A8', 'the counter of this epoch is used up')
    return { epoch: this.log.epoch, counter: this.#counter }
  }

  /** A branch is asked to prepare. */
  voteAsked(): void {
    this.#votesAwaited += 1
  }

  /** It has answered; `isKnown` when that tells whether it is prepared. */
  voteAnswered(isKnown: boolean): void {
    this.#votesAwaited -= 1
    if (!isKnown) this.#voteLostMs = this.#clock.monotonicMs()
  }

  /**
   * Since when, by the monotonic clock, no PREPARE of this process can have been sent and given up:
   * one that was may land at any time. Undefined while an answer is awaited.
   */
  get votesKnownSinceMs(): number | undefined {
    return this.#votesAwaited > 0 ? undefined : (this.#voteLostMs ?? Number.NEGATIVE_INFINITY)
  }

  /** Whether a transaction of this log can have been issued. */
  hasIssued({ epoch, counter }: TransactionKey): boolean {
    return epoch < this.log.epoch || (epoch === this.log.epoch && counter <= this.#counter)
  }

  /** The decision under which heuristics stand, as long as no operator has seen them. */
  standingDecision({ epoch, counter }: TransactionKey): Decision | undefined {
    const found = this.log
      .unfinished()
      .find(({ transaction: key }) => key.epoch === epoch && key.counter === counter)
    return found?.decided?.decision
  }

  idOf({ epoch, counter }: TransactionKey): TransactionId {
    if (epoch === this.log.epoch) return formatCounter(this.#idStart, counter)
    const { installation, identity: log } = this.log
    return formatTransactionId({ installation, log, epoch, counter })
  }

  /** Forces, once an epoch, that ids from `oldest` on may commit without a record. */
  forceOnePhase(oldest: () => TransactionKey, durable: Durable): void {
    if (this.#onePhase === 'marked') {
      durable(this.log.failure)
      return
    }
    this.#awaitMark.push(durable)
    if (this.#onePhase === 'pending') return
    this.#onePhase = 'pending'
    this.log.append({ type: 'one-phase', transaction: oldest() }, (failure) => {
      this.#onePhase = failure === undefined ? 'marked' : 'absent'
      const waiting = this.#awaitMark
      this.#awaitMark = []
      for (const each of waiting) each(failure)
    })
  }

  /** Forces the intent to commit the last resource. */
  forceIntent(transaction: Recordable, durable: Durable): void {
    transaction.noted = true
    const last = transaction.branches.find((_, number) => roleOf(transaction, number) === 'last')
    this.log.append(
      {
        type: 'intent',
        transaction: transaction.key,
        wallMs: this.#clock.wallMs(),
        last: last?.number ?? 0,
        branches: this.#branchRecords(transaction, true),
      },
      durable,
    )
  }

  forceDecision(transaction: Recordable, durable: Durable): void {
    transaction.noted = true
    const decision = transaction.state.decision ?? 'aborted'
    const branches = this.#branchRecords(transaction, false)
    this.#appendDecision(transaction, { decision, branches }, durable)
  }

  /**
   * Hands over the decision that a branch is to take along into its own commit, once every resource
   * that it names is durable in the log; or the error, when that can't be known: nothing was sent.
   */
  carryDecision(transaction: Recordable, ready: (carried: Carried | Error) => void): void {
    const { carried } = this.log
    invariant(carried !== undefined, 'A1', 'this log lets no branch carry its decisions')
    const branches = this.#branchRecords(transaction, false)
    this.#resources.whenDurable(this.log, branches, (failure) => {
      const failed = failure ?? this.log.failure
      if (failed !== undefined) return ready(failed)
      const record = this.#decided(transaction, { decision: 'committed', branches })
      // However that ends, the log will know.
      transaction.noted = true
      ready({ record, row: carried.rowOf(record) })
    })
  }

  /** The branch has committed, and the decision with it. */
  noteCarried({ record }: Carried): void {
    this.log.carried?.note(record)
  }

  /**
   * Writes a decision that needs no forced record: so that `outcome` can tell. An abort is noted
   * only where its absence would not say the same.
   */
  noteDecision(transaction: Recordable): void {
    const decision = transaction.state.decision ?? 'aborted'
    const mustTell = transaction.noted || this.#onePhase !== 'absent'
    if (decision === 'aborted' && !mustTell) return
    transaction.noted = true
    // A commit without a forced record leaves nobody prepared: after a crash there is none to tell.
    const branches = decision === 'committed' ? [] : this.#branchRecords(transaction, false)
    this.#appendDecision(transaction, { decision, branches })
  }

  noteSettled(transaction: Recordable): void {
    if (transaction.noted) this.log.append({ type: 'settled', transaction: transaction.key })
  }

  /** Forces what a resource did against the decision. */
  forceHeuristic(transaction: Recordable, branch: RecordableBranch, durable: Durable): void {
    this.#appendHeuristic(transaction, branch, durable)
  }

  /** Writes it lazily: whatever is forced next takes it along. */
  noteHeuristic(transaction: Recordable, branch: RecordableBranch): void {
    this.#appendHeuristic(transaction, branch)
  }

  /**
   * Forces what a resource did with a prepared branch that no live transaction answers for. It is
   * listed, under its decision, until an operator has seen it.
   */
  forceFound(found: FoundHeuristic, durable: Durable): void {
    const { key, branch, resource, decision, report } = found
    const known = this.log.outcome(key)
    const wallMs = this.#clock.wallMs()
    if (known === 'absent' || known === 'unknown') {
      const made = { decision, protocol: 'two-phase', branches: [] } as const
      this.log.append({ type: 'decided', transaction: key, wallMs, ...made })
    }
    const at = { branch, resource: this.#resources.numberIn(this.log, resource) }
    const { kind, detail } = report
    this.log.append({ type: 'heuristic', transaction: key, ...at, kind, detail, wallMs }, durable)
    this.log.append({ type: 'settled', transaction: key })
  }

  #appendHeuristic(transaction: Recordable, branch: RecordableBranch, durable?: Durable): void {
    // The record of a heuristic stands under its decision, also where that was presumed.
    if (!transaction.noted) {
      const branches = this.#branchRecords(transaction, false)
      this.#appendDecision(transaction, { decision: 'aborted', branches })
    }
    transaction.noted = true
    this.log.append(
      {
        type: 'heuristic',
        transaction: transaction.key,
        branch: branch.number,
        resource: this.#numberOf(branch),
        kind: branch.heuristic?.kind ?? 'hazard',
        detail: branch.heuristic?.detail ?? '',
        wallMs: this.#clock.wallMs(),
      },
      durable,
    )
  }

  #appendDecision(
    transaction: Recordable,
    made: Pick<RecordOf<'decided'>, 'decision' | 'branches'>,
    durable?: Durable,
  ): void {
    this.log.append(this.#decided(transaction, made), durable)
  }

  #decided(
    { key, protocol }: Recordable,
    { decision, branches }: Pick<RecordOf<'decided'>, 'decision' | 'branches'>,
  ): RecordOf<'decided'> {
    const wallMs = this.#clock.wallMs()
    return { type: 'decided', transaction: key, decision, protocol, wallMs, branches }
  }

  /** The branches that a decision must reach after a crash: those that may be prepared. */
  #branchRecords(transaction: Recordable, withLast: boolean): BranchRecord[] {
    const records: BranchRecord[] = []
    transaction.branches.forEach((branch, number) => {
      const isLast = roleOf(transaction, number) === 'last'
      if (isLast ? !withLast : !mayBePrepared(transaction, number)) return
      const { evidence } = branch
      records.push({ branch: branch.number, resource: this.#numberOf(branch), evidence })
    })
    return records
  }

  #numberOf(branch: RecordableBranch): number {
    if (branch.recorded !== undefined) return branch.recorded.number
    invariant(branch.resource !== undefined, 'A10', 'a branch without a resource', branch.number)
    return this.#resources.numberIn(this.log, branch.resource)
  }
}

/**
 * The engine: a synchronous dispatcher of events to the protocol, and of its effects to the log,
 * the participants and the clock.
 *
 * Keeps A3 by doing the effects of a step in their order, A4 by sealing every branch before the
 * protocol hears of `commit`, A10 by holding a transaction until the protocol says it is over, and
 * A11 by deciding nothing once a forced write has failed. A crashed incarnation's ports fall
 * silent, so nothing that it began can act again; what it left is found by `recovery.ts`.
 */
import type { Decision } from '../core/decision.ts'
import { AssentError } from '../core/errors.ts'
import { type BrokenInvariant, invariant, unreachable } from '../core/invariant.ts'
import type { Clock, Events, Random } from '../core/ports.ts'
import type { Acknowledgement } from '../participants/contract.ts'
import type { Effect, Event } from '../protocol/two-phase/state.ts'
import { isOver } from '../protocol/two-phase/state.ts'
import { mayStillAbort } from '../protocol/two-phase/step.ts'
import { Admission } from './admission.ts'
import type { Book } from './book.ts'
import type { Deadlines } from './deadlines.ts'
import { Delivery } from './delivery.ts'
import { Dispatcher } from './dispatcher.ts'
import type { StateChange } from './events.ts'
import { Evidence } from './evidence.ts'
import { abortedByVote, logFailed, notAwaited, timedOut } from './failures.ts'
import { Forcing } from './forcing.ts'
import { type JoinOptions, join } from './join.ts'
import {
  branchAt,
  isDoomed,
  type LiveBranch,
  LiveTransaction,
  positionOf,
  seal,
} from './live-transaction.ts'
import { LiveTransactions } from './live-transactions.ts'
import type { Resource, Resources } from './resources.ts'
import type { Settings } from './settings.ts'
import { Voting } from './voting.ts'

export interface EngineOptions {
  readonly settings: Settings
  readonly clock: Clock
  readonly random: Random
  readonly deadlines: Deadlines
  readonly events: Events<StateChange>
  readonly resources: Resources
  /** The process must stop: going on could break atomicity. */
  readonly onBroken: (broken: BrokenInvariant) => void
}

export class Engine {
  readonly settings: Settings
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly resources: Resources
  /** Every transaction that is not over. */
  readonly live: LiveTransactions = new LiveTransactions()
  /** Called when a transaction leaves `live`, or waits for an operator or the next process. */
  onOver: (() => void) | undefined
  readonly #dispatcher: Dispatcher
  readonly #evidence: Evidence
  readonly #admission: Admission
  readonly #voting: Voting
  readonly #forcing: Forcing
  readonly #delivery: Delivery
  #active = 0

  constructor(options: EngineOptions) {
    this.settings = options.settings
    this.clock = options.clock
    this.deadlines = options.deadlines
    this.resources = options.resources
    this.#dispatcher = new Dispatcher({
      events: options.events,
      onBroken: options.onBroken,
      perform: (transaction, effect) => this.#perform(transaction, effect),
    })
    this.#admission = new Admission((transaction) => this.dispatch(transaction, { type: 'commit' }))
    this.#forcing = new Forcing({
      events: options.events,
      live: this.live,
      dispatch: (transaction, event) => this.dispatch(transaction, event),
    })
    this.#voting = new Voting({
      ...options,
      admission: this.#admission,
      dispatch: (transaction, event) => this.dispatch(transaction, event),
    })
    this.#evidence = new Evidence({
      ...options,
      found: (transaction, decision) => this.resolve(transaction, decision),
      undecided: (transaction) => this.#undecided(transaction, 'held'),
    })
    this.#delivery = new Delivery({
      ...options,
      reports: {
        acknowledged: (transaction, branch, result) =>
          this.#acknowledged(transaction, branch, result),
        retryDue: (transaction, branch) =>
          this.dispatch(transaction, { type: 'retry', branch: positionOf(transaction, branch) }),
      },
    })
  }

  /** Transactions begun here and not concluded. */
  get active(): number {
    return this.#active
  }

  /** Begins a transaction. Throws `ASSENT_OVERLOADED` or `ASSENT_LOG_FAILED`. */
  begin(book: Book, timeoutMs: number): LiveTransaction {
    const { maxActive } = this.settings
    if (book.log.failure !== undefined) throw logFailed(book.log.failure)
    if (this.#active >= maxActive) {
      const message = `${maxActive} transactions are active, as many as maxActive allows`
      throw new AssentError('ASSENT_OVERLOADED', message, { maxActive })
    }
    const key = book.nextKey()
    const transaction = new LiveTransaction({
      id: book.idOf(key),
      key,
      book,
      beganWallMs: this.clock.wallMs(),
      deadlineMs: this.clock.monotonicMs() + timeoutMs,
      timeoutMs,
    })
    this.#active += 1
    this.live.add(transaction)
    this.#dispatcher.takeIn(transaction, [])
    transaction.deadline = this.deadlines.set(timeoutMs, () => this.#timedOut(transaction))
    return transaction
  }

  /** Runs what may meet a broken invariant outside a dispatch: it stops the process all the same. */
  guarded(run: () => void): void {
    this.#dispatcher.guarded(run)
  }

  /** Takes a recovered transaction in, and does the effects of its recovery. */
  adopt(transaction: LiveTransaction, effects: readonly Effect[]): void {
    this.live.add(transaction)
    this.#dispatcher.takeIn(transaction, effects)
  }

  /** Begins a branch at `resource`; one branch a resource. Throws the reason why it can't. */
  join(transaction: LiveTransaction, resource: Resource, options: JoinOptions): LiveBranch {
    return join(this, transaction, resource, options)
  }

  /** A branch that was joining while the transaction rolled back has begun, or failed to. */
  joinedTooLate(transaction: LiveTransaction, branch: LiveBranch): void {
    if (branch.awaitsAnswer) this.#delivery.attempt(transaction, branch, 'rollback')
  }

  /** The work is done but for what `begun` names. `transaction.watcher` hears how it ends. */
  commit(transaction: LiveTransaction, begun: readonly string[] = []): void {
    if (transaction.sealed) return
    const unended = seal(transaction)
    if (this.clock.monotonicMs() >= transaction.deadlineMs) return this.#timedOut(transaction)
    if (begun.length + unended.length > 0) {
      return this.abort(transaction, notAwaited(transaction, [...begun, ...unended]))
    }
    const doomed = transaction.branches.find(isDoomed)
    if (doomed === undefined) return this.#admission.enter(transaction)
    doomed.vote = 'no'
    doomed.cause ??= doomed.handle?.doomed?.cause
    this.abort(transaction, abortedByVote(transaction))
  }

  /** Rolls back, unless it is too late; `cause` is what the caller will be told. */
  abort(transaction: LiveTransaction, cause: unknown): void {
    seal(transaction)
    for (const branch of transaction.branches) branch.doom ??= branch.handle?.doomed?.cause
    if (mayStillAbort(transaction.state.phase)) transaction.cause ??= cause
    transaction.leaveAdmission?.()
    this.dispatch(transaction, { type: 'abort' })
  }

  /** Evidence or an operator has settled a held transaction; to be durable before it is told. */
  resolve(transaction: LiveTransaction, decision: Decision): void {
    this.dispatch(transaction, { type: 'resolve', decision })
  }

  /** An operator vouches that a branch is over. */
  vouch(transaction: LiveTransaction, branch: LiveBranch): void {
    this.#delivery.stop(branch)
    branch.isProved = true
    this.#acknowledged(transaction, branch, branch.heuristic === undefined ? 'done' : 'heuristic')
  }

  dispatch(transaction: LiveTransaction, event: Event): void {
    this.#dispatcher.dispatch(transaction, event)
  }

  #perform(transaction: LiveTransaction, effect: Effect): void {
    switch (effect.type) {
      case 'prepare':
        return this.#voting.prepare(transaction, branchAt(transaction, effect.branch))
      case 'commit-one-phase':
        if (transaction.protocol === 'none') transaction.protocol = 'one-phase'
        return this.#voting.commitOnePhase(transaction, branchAt(transaction, effect.branch))
      case 'commit-with-decision':
        transaction.protocol = 'decision-in-participant'
        return this.#voting.commitWithDecision(transaction, branchAt(transaction, effect.branch))
      case 'commit':
        return this.#delivery.attempt(transaction, branchAt(transaction, effect.branch), 'commit')
      case 'roll-back':
        return this.#delivery.attempt(transaction, branchAt(transaction, effect.branch), 'rollback')
      case 'retry-later':
        return this.#delivery.retryLater(transaction, branchAt(transaction, effect.branch))
      case 'force':
        return this.#forcing.force(transaction, effect.record)
      case 'note-decision':
        return transaction.book.noteDecision(transaction)
      case 'decided':
        return this.#decided(transaction)
      case 'held':
        return this.#evidence.hold(transaction)
      case 'in-doubt':
      case 'unknown':
        return this.#undecided(transaction, effect.type)
      case 'settled':
        transaction.book.noteSettled(transaction)
        return this.#over(transaction)
      default:
        return unreachable(effect)
    }
  }

  #decided(transaction: LiveTransaction): void {
    const { decision } = transaction.state
    invariant(decision !== undefined, 'A2', 'told a decision that was not made', transaction.id)
    this.#conclude(transaction, { decision })
  }

  #undecided(transaction: LiveTransaction, how: 'held' | 'in-doubt' | 'unknown'): void {
    const causes = transaction.branches.map((branch) => branch.cause)
    const cause = transaction.cause ?? causes.find((each) => each !== undefined)
    this.#conclude(transaction, { decision: 'unknown', cause })
    if (how === 'unknown') this.#over(transaction)
    else this.onOver?.()
  }

  #conclude(transaction: LiveTransaction, conclusion: LiveTransaction['conclusion']): void {
    const first = transaction.conclusion === undefined
    transaction.conclusion = conclusion
    if (transaction.deadline !== undefined) {
      if (first) this.#active -= 1
      this.deadlines.clear(transaction.deadline)
    }
    if (conclusion?.decision !== 'committed') transaction.onInterrupt?.()
    transaction.watcher?.concluded()
  }

  #acknowledged(
    transaction: LiveTransaction,
    branch: LiveBranch,
    result: Acknowledgement['result'],
  ): void {
    if (result !== 'unknown') this.#admission.free(branch)
    this.dispatch(transaction, {
      type: 'acknowledged',
      branch: positionOf(transaction, branch),
      result,
    })
  }

  #over(transaction: LiveTransaction): void {
    invariant(isOver(transaction.state.phase), 'A10', 'dropped before it was over', transaction.id)
    transaction.settled = true
    for (const branch of transaction.branches) {
      this.#delivery.stop(branch)
      this.#admission.free(branch)
    }
    this.live.delete(transaction)
    transaction.watcher?.settled()
    this.onOver?.()
  }

  #timedOut(transaction: LiveTransaction): void {
    this.abort(transaction, timedOut(transaction))
  }
}

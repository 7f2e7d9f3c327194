/**
 * Looks for evidence of how a held transaction ended: at its last resource, where that keeps any; or
 * at the resource that keeps the decisions, where the row stands, or its absence is made final.
 *
 * Keeps A2: without evidence a last resource's transaction waits for an operator, and nothing is
 * presumed, however long it takes. Keeps A6: a deciding branch that did not answer is asked for by its
 * row until that is known.
 */
import type { Decision } from '../core/decision.ts'
import { formatBranchId } from '../core/ids.ts'
import type { Random } from '../core/ports.ts'
import { carrierOf } from '../protocol/two-phase/state.ts'
import { backOffMs } from './back-off.ts'
import type { Deadlines } from './deadlines.ts'
import { ask } from './delivery.ts'
import { abortedByVote } from './failures.ts'
import type { LiveBranch, LiveTransaction } from './live-transaction.ts'
import type { Resources } from './resources.ts'
import type { Settings } from './settings.ts'

export class Evidence {
  readonly #settings: Settings
  readonly #deadlines: Deadlines
  readonly #random: Random
  readonly #resources: Resources
  readonly #found: (transaction: LiveTransaction, decision: Decision) => void
  readonly #undecided: (transaction: LiveTransaction) => void

  constructor(options: {
    readonly settings: Settings
    readonly deadlines: Deadlines
    readonly random: Random
    readonly resources: Resources
    readonly found: (transaction: LiveTransaction, decision: Decision) => void
    /** The caller is to be told that nobody knows, as yet. */
    readonly undecided: (transaction: LiveTransaction) => void
  }) {
    this.#settings = options.settings
    this.#deadlines = options.deadlines
    this.#random = options.random
    this.#resources = options.resources
    this.#found = options.found
    this.#undecided = options.undecided
  }

  /**
   * Takes a transaction that is held. What became of a deciding branch is found out soon, so its
   * caller is told that nobody knows only where that takes longer than one attempt to deliver.
   */
  hold(transaction: LiveTransaction): void {
    if (carrierOf(transaction.state) < 0) this.#undecided(transaction)
    else {
      if (transaction.deadline !== undefined) this.#deadlines.clear(transaction.deadline)
      const limitMs = this.#settings.deliveryTimeoutMs
      transaction.deadline = this.#deadlines.setAwaited(limitMs, () => this.#undecided(transaction))
    }
    this.seek(transaction)
  }

  /** Asks until it is answered, or until the transaction is held no longer. */
  seek(transaction: LiveTransaction, attempts = 1): void {
    const { branches, phase } = transaction.state
    if (phase !== 'held') return
    if (carrierOf(transaction.state) >= 0) return this.#seekRow(transaction, attempts)
    const last = transaction.branches[branches.findIndex(({ role }) => role === 'last')]
    if (last === undefined) return
    this.#reach(last)
    const { resource } = last
    const participant = resource?.participant
    if (participant !== undefined && participant.evidenceOf === undefined) return
    if (resource?.status !== 'ready') return this.#again(transaction, attempts)
    const answered = this.#answers(transaction, attempts)
    ask<Decision | 'unknown'>(
      async () =>
        participant?.evidenceOf?.(formatBranchId(transaction.id, last.number)) ?? 'unknown',
      (answer) => answered(answer === 'committed' || answer === 'aborted' ? answer : undefined),
    )
  }

  /** Whoever finds no row makes that final, so this always comes to an answer. */
  #seekRow(transaction: LiveTransaction, attempts: number): void {
    const { book, key } = transaction
    const answered = this.#answers(transaction, attempts)
    book.log.presumeAborted(key, (standing) => {
      noteStanding(transaction, standing)
      answered(standing instanceof Error ? undefined : standing)
    })
  }

  /** Takes one answer. Silence is asked again; a proof counts whenever it comes. */
  #answers(
    transaction: LiveTransaction,
    attempts: number,
  ): (decision: Decision | undefined) => void {
    let isAwaited = true
    const limit = this.#deadlines.set(this.#settings.deliveryTimeoutMs, () => {
      isAwaited = false
      this.#again(transaction, attempts)
    })
    return (decision) => {
      this.#deadlines.clear(limit)
      if (decision !== undefined) this.#found(transaction, decision)
      else if (isAwaited) this.#again(transaction, attempts)
    }
  }

  #again(transaction: LiveTransaction, attempts: number): void {
    const { backOffFirstMs: firstMs, backOffMaxMs: maxMs } = this.#settings
    const pauseMs = backOffMs(attempts, { firstMs, maxMs }, this.#random)
    this.#deadlines.set(pauseMs, () => this.seek(transaction, attempts + 1))
  }

  #reach(last: LiveBranch): void {
    if (last.resource !== undefined || last.recorded === undefined) return
    const found = this.#resources.reach(last.recorded)
    if (!('missing' in found)) last.resource = found
  }
}

/** What does not stand committed was aborted for want of an answer. */
function noteStanding(transaction: LiveTransaction, standing: Decision | Error): void {
  const carrier = transaction.branches[carrierOf(transaction.state)]
  if (carrier === undefined || transaction.state.phase !== 'held') return
  if (standing instanceof Error) carrier.cause = standing
  else if (standing === 'aborted') {
    carrier.vote = 'unknown'
    transaction.cause ??= abortedByVote(transaction)
  }
}

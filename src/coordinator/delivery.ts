/**
 * Phase 2: tells every branch the decision until it acknowledges.
 *
 * Keeps A6 (silence and lost replies are asked again, never taken for an answer), A10 (a capped
 * back-off, for ever; what has no resource any more stays visible) and records heuristics before
 * they count as answers. Each branch has its own attempts: a slow one delays nobody else.
 */
import { AssentError, messageOf } from '../core/errors.ts'
import { formatBranchId } from '../core/ids.ts'
import type { Random } from '../core/ports.ts'
import type { Acknowledgement, FinishableBranch } from '../participants/contract.ts'
import { backOffMs } from './back-off.ts'
import type { Deadlines } from './deadlines.ts'
import type { LiveBranch, LiveTransaction } from './live-transaction.ts'
import type { Resources } from './resources.ts'
import type { Settings } from './settings.ts'

export type Act = 'commit' | 'rollback'

/** What delivery tells the engine. */
export interface DeliveryReports {
  acknowledged(
    transaction: LiveTransaction,
    branch: LiveBranch,
    result: Acknowledgement['result'],
  ): void
  retryDue(transaction: LiveTransaction, branch: LiveBranch): void
}

export class Delivery {
  readonly #settings: Settings
  readonly #deadlines: Deadlines
  readonly #random: Random
  readonly #resources: Resources
  readonly #reports: DeliveryReports

  constructor(options: {
    readonly settings: Settings
    readonly deadlines: Deadlines
    readonly random: Random
    readonly resources: Resources
    readonly reports: DeliveryReports
  }) {
    this.#settings = options.settings
    this.#deadlines = options.deadlines
    this.#random = options.random
    this.#resources = options.resources
    this.#reports = options.reports
  }

  /** One attempt. While a branch is still joining, its rollback waits for that to end. */
  attempt(transaction: LiveTransaction, branch: LiveBranch, act: Act): void {
    branch.attempts += 1
    branch.awaitsAnswer = true
    if (branch.joining) return
    const attempt = branch.attempts
    if (branch.neverBegan) return this.#answered(transaction, branch, attempt, { result: 'done' })
    const target = this.#reach(transaction, branch)
    if ('missing' in target) {
      const cause = new Error(target.missing)
      this.#answered(transaction, branch, attempt, { result: 'unknown', cause })
      return
    }
    const limitMs = this.#settings.deliveryTimeoutMs
    branch.timer = this.#deadlines.set(limitMs, () => {
      const cause = new Error(`${branch.resourceName} did not answer within ${limitMs} ms`)
      this.#answered(transaction, branch, attempt, { result: 'unknown', cause })
    })
    ask(
      () => (act === 'commit' ? target.commit() : target.rollback()),
      (answer) => this.#answered(transaction, branch, attempt, answer),
    )
  }

  /** Asks again after a pause. */
  retryLater(transaction: LiveTransaction, branch: LiveBranch): void {
    const { backOffFirstMs: firstMs, backOffMaxMs: maxMs } = this.#settings
    const pauseMs = backOffMs(branch.attempts, { firstMs, maxMs }, this.#random)
    branch.timer = this.#deadlines.set(pauseMs, () => {
      branch.timer = undefined
      this.#reports.retryDue(transaction, branch)
    })
  }

  /** Stops the clocks of a branch that is over. */
  stop(branch: LiveBranch): void {
    if (branch.timer !== undefined) this.#deadlines.clear(branch.timer)
    branch.timer = undefined
    branch.awaitsAnswer = false
  }

  #reach(
    transaction: LiveTransaction,
    branch: LiveBranch,
  ): FinishableBranch | { readonly missing: string } {
    if (branch.finishable !== undefined) return branch.finishable
    if (branch.resource === undefined && branch.recorded !== undefined) {
      const found = this.#resources.reach(branch.recorded)
      if ('missing' in found) return found
      branch.resource = found
    }
    const { resource } = branch
    if (resource?.status !== 'ready') {
      const problem = messageOf(resource?.refusal ?? 'it was not reached yet')
      return { missing: `${branch.resourceName} is not ready: ${problem}` }
    }
    const id = formatBranchId(transaction.id, branch.number)
    branch.finishable = resource.participant.recover({ id, evidence: branch.evidence })
    return branch.finishable
  }

  /**
   * An `unknown` counts only for the attempt that is awaited; a proof is a proof whenever it
   * comes, also from an attempt that was given up.
   */
  #answered(
    transaction: LiveTransaction,
    branch: LiveBranch,
    attempt: number,
    answer: Acknowledgement,
  ): void {
    if (answer.result === 'unknown') {
      if (attempt !== branch.attempts || !branch.awaitsAnswer) return
      this.stop(branch)
      branch.cause = answer.cause
      this.#reports.acknowledged(transaction, branch, 'unknown')
      return
    }
    if (branch.isProved) return
    branch.isProved = true
    this.stop(branch)
    if (answer.result === 'done') {
      this.#reports.acknowledged(transaction, branch, 'done')
      return
    }
    const { kind, detail } = answer
    branch.heuristic = { resource: branch.resourceName, kind, detail }
    transaction.book.forceHeuristic(transaction, branch, (failure) => {
      if (failure === undefined) this.#reports.acknowledged(transaction, branch, 'heuristic')
      // A11: unrecorded, it counts for nothing; the next process finds it again.
      else branch.cause = new AssentError('ASSENT_LOG_FAILED', failure.message, {})
    })
  }
}

/** Calls a participant; whatever it throws means that nobody knows (A6). */
export function ask<Answer>(
  question: () => Promise<Answer>,
  answered: (answer: Answer | { readonly result: 'unknown'; readonly cause: unknown }) => void,
): void {
  const lost = (cause: unknown): void => answered({ result: 'unknown', cause })
  try {
    question().then(answered, lost)
  } catch (cause) {
    lost(cause)
  }
}

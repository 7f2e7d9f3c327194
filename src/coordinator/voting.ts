/**
 * Asks branches for their votes, and the one branch that needs none for its commit.
 *
 * Keeps A5 (only a branch that began is asked, and its yes is the adapter's proof) and A6 (what a
 * participant throws, or a silence, is `unknown`: before the decision it aborts, after a one-phase
 * commit was sent nobody can tell).
 */
import { invariant } from '../core/invariant.ts'
import type { Clock, Events } from '../core/ports.ts'
import type { OnePhaseResult, Vote } from '../participants/contract.ts'
import { decisionOf, type Event, isOver } from '../protocol/two-phase/state.ts'
import type { Admission } from './admission.ts'
import type { Deadlines } from './deadlines.ts'
import { ask } from './delivery.ts'
import type { StateChange } from './events.ts'
import { abortedByVote, logFailed } from './failures.ts'
import { batchOf, type LiveBranch, type LiveTransaction, positionOf } from './live-transaction.ts'
import type { Settings } from './settings.ts'

export class Voting {
  readonly #settings: Settings
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #admission: Admission
  readonly #events: Events<StateChange>
  readonly #dispatch: (transaction: LiveTransaction, event: Event) => void

  constructor(options: {
    readonly settings: Settings
    readonly clock: Clock
    readonly deadlines: Deadlines
    readonly admission: Admission
    readonly events: Events<StateChange>
    readonly dispatch: (transaction: LiveTransaction, event: Event) => void
  }) {
    this.#settings = options.settings
    this.#clock = options.clock
    this.#deadlines = options.deadlines
    this.#admission = options.admission
    this.#events = options.events
    this.#dispatch = options.dispatch
  }

  /** Asks for a vote. The transaction's time-out bounds the wait, so it needs no limit here. */
  prepare(transaction: LiveTransaction, branch: LiveBranch): void {
    const { handle, number } = branch
    invariant(handle !== undefined, 'A5', 'a vote asked of a branch that never began', number)
    transaction.book.voteAsked()
    ask<Vote>(
      () => handle.prepare(),
      (answer) => {
        const lost = 'result' in answer
        transaction.book.voteAnswered(!lost && answer.vote !== 'unknown')
        this.#voted(transaction, branch, lost ? { vote: 'unknown', cause: answer.cause } : answer)
      },
    )
  }

  /** Commits without a vote: the only branch that wrote, or the last resource. */
  commitOnePhase(transaction: LiveTransaction, branch: LiveBranch): void {
    const { handle, number } = branch
    invariant(handle !== undefined, 'A1', 'a commit of a branch that never began', number)
    this.#commit(transaction, branch, () => handle.commitOnePhase())
  }

  /**
   * Commits the branch and the row of the decision together. Where the log has failed nothing is sent
   * (A11), so all of it rolls back.
   */
  commitWithDecision(transaction: LiveTransaction, branch: LiveBranch): void {
    const { handle, number } = branch
    const { book } = transaction
    const commit = handle?.commitWithDecision?.bind(handle)
    invariant(commit !== undefined, 'A1', 'a decision for a branch that can not carry one', number)
    book.carryDecision(transaction, (carried) => {
      if (carried instanceof Error) {
        transaction.cause ??= logFailed(carried)
        return this.#dispatch(transaction, { type: 'refused' })
      }
      this.#commit(
        transaction,
        branch,
        () => commit(carried.row),
        () => book.noteCarried(carried),
      )
    })
  }

  #commit(
    transaction: LiveTransaction,
    branch: LiveBranch,
    commit: () => Promise<OnePhaseResult>,
    committed?: () => void,
  ): void {
    let isAnswered = false
    const answered = (answer: OnePhaseResult): void => {
      // A proof that comes late still settles what is held for want of it.
      if (isAnswered && answer.result === 'unknown') return
      if (isAnswered) this.#noteContradiction(transaction, branch, answer.result)
      isAnswered = true
      this.#deadlines.clear(limit)
      if (answer.result === 'unknown') branch.cause = answer.cause
      if (answer.result === 'aborted') this.#against(transaction, branch, 'no', answer.cause)
      const isNews = transaction.state.decision === undefined
      if (answer.result === 'committed' && isNews) committed?.()
      const position = positionOf(transaction, branch)
      const { result } = answer
      this.#dispatch(transaction, { type: 'one-phase-ended', branch: position, result })
    }
    // A batch does its work with its commit, for which it has all the time that is left.
    const workMs = batchOf(branch) === undefined ? 0 : this.#timeLeftMs(transaction)
    const limitMs = workMs + this.#settings.deliveryTimeoutMs
    const silent = (): void => {
      const cause = new Error(`${branch.resourceName} did not answer within ${limitMs} ms`)
      answered({ result: 'unknown', cause })
    }
    const limit = this.#deadlines.setAwaited(limitMs, silent)
    ask<OnePhaseResult>(commit, answered)
  }

  #timeLeftMs({ deadlineMs }: LiveTransaction): number {
    return Math.max(0, Math.ceil(deadlineMs - this.#clock.monotonicMs()))
  }

  #voted(transaction: LiveTransaction, branch: LiveBranch, vote: Vote): void {
    switch (vote.vote) {
      case 'yes':
        branch.vote = 'yes'
        branch.evidence = vote.evidence
        break
      case 'read-only':
        branch.vote = 'read-only'
        this.#admission.free(branch)
        break
      case 'no':
        this.#admission.free(branch)
        this.#against(transaction, branch, 'no', vote.cause)
        break
      case 'unknown':
        this.#against(transaction, branch, 'unknown', vote.cause)
        break
    }
    this.#dispatch(transaction, {
      type: 'voted',
      branch: positionOf(transaction, branch),
      vote: vote.vote === 'read-only' && vote.ended ? 'ended' : vote.vote,
    })
  }

  /** The first vote against becomes what the caller is told, unless it is told otherwise already. */
  #against(
    transaction: LiveTransaction,
    branch: LiveBranch,
    vote: 'no' | 'unknown',
    cause: unknown,
  ): void {
    branch.vote = vote
    branch.cause = cause
    if (isOver(transaction.state.phase) || decisionOf(transaction.state) !== undefined) return
    transaction.cause ??= abortedByVote(transaction)
  }

  /**
   * An operator, or evidence, had settled what was held, and now the last resource says otherwise:
   * the decision stands (A2), and what the branch did is recorded, never hidden.
   */
  #noteContradiction(
    transaction: LiveTransaction,
    branch: LiveBranch,
    result: OnePhaseResult['result'],
  ): void {
    const { id, state, book } = transaction
    if (state.decision === undefined || state.decision === result) return
    const kind = result === 'committed' ? 'committed' : 'rolled-back'
    const detail = `it was settled as ${state.decision}, and answered later that it was ${kind}`
    const { resourceName: resource } = branch
    branch.heuristic = { resource, kind, detail }
    // Nobody waits for it; where the log has failed, the next process finds what is held anew.
    book.forceHeuristic(transaction, branch, () => undefined)
    if (this.#events.enabled)
      this.#events.publish({ type: 'heuristic', id, resource, kind, detail })
  }
}

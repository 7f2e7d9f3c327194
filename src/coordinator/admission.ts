/**
 * Bounds how many branches of one resource are prepared at once, so that transactions wait here
 * rather than fail there for want of a slot (PostgreSQL: `max_prepared_transactions`).
 *
 * A transaction takes the slots of all its branches at once or waits, so two can't wait for each
 * other; one that waits for a slow resource holds nothing of another, so nobody else is delayed.
 */
import { isAlone, type LiveBranch, type LiveTransaction } from './live-transaction.ts'
import type { Resource } from './resources.ts'

interface Waiter {
  readonly needs: readonly Resource[]
  readonly admit: () => void
}

export class Admission {
  #waiting: Waiter[] = []

  /**
   * Calls `admit`, now or later, once every branch that will be prepared has a slot. A transaction
   * of one branch that commits without a vote needs none.
   */
  enter(transaction: LiveTransaction, admit: () => void): void {
    const { state } = transaction
    const preparing = transaction.branches.filter(
      (_, position) => !isAlone(state) && state.branches[position]?.role === 'two-phase',
    )
    const needs = preparing.flatMap((branch) => branch.resource ?? [])
    const admitted = (): void => {
      transaction.leaveAdmission = undefined
      for (const branch of preparing) branch.occupiesSlot = true
      // Another that was admitted with it may have made it roll back meanwhile.
      if (transaction.state.phase === 'active') admit()
      else for (const branch of preparing) this.free(branch)
    }
    if (take(needs)) return admitted()
    const waiter: Waiter = { needs, admit: admitted }
    this.#waiting.push(waiter)
    transaction.leaveAdmission = () => {
      this.#waiting = this.#waiting.filter((each) => each !== waiter)
    }
  }

  /** A branch that is over no longer occupies a slot of its resource. */
  free(branch: LiveBranch): void {
    const { resource } = branch
    if (!branch.occupiesSlot || resource === undefined) return
    branch.occupiesSlot = false
    resource.prepared -= 1
    if (this.#waiting.length > 0) this.#admitWaiting()
  }

  /** In the order of arrival; who can't go yet lets others pass. The time-out bounds the wait. */
  #admitWaiting(): void {
    const admitted = this.#waiting.filter((waiter) => take(waiter.needs))
    if (admitted.length === 0) return
    this.#waiting = this.#waiting.filter((waiter) => !admitted.includes(waiter))
    for (const waiter of admitted) waiter.admit()
  }
}

/** Takes a slot of each, or of none. One transaction may have two branches at one resource. */
function take(needs: readonly Resource[]): boolean {
  for (let index = 0; index < needs.length; index += 1) {
    const resource = needs[index] as Resource
    if (resource.prepared >= resource.preparedLimit) {
      for (const taken of needs.slice(0, index)) taken.prepared -= 1
      return false
    }
    resource.prepared += 1
  }
  return true
}

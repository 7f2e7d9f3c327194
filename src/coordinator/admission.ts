/**
 * Bounds how many branches of one resource are prepared at once, so that transactions wait here
 * rather than fail there for want of a slot (PostgreSQL: `max_prepared_transactions`).
 *
 * A transaction takes the slots of all its branches at once or waits, so two can't wait for each
 * other; one that waits for a slow resource holds nothing of another, so nobody else is delayed.
 */
import { carrierOf, isAlone } from '../protocol/two-phase/state.ts'
import type { LiveBranch, LiveTransaction } from './live-transaction.ts'

export class Admission {
  readonly #admit: (transaction: LiveTransaction) => void
  #waiting: LiveTransaction[] = []

  /** `admit` is called with each transaction that may go on. */
  constructor(admit: (transaction: LiveTransaction) => void) {
    this.#admit = admit
  }

  /** Admits, now or later: once every branch that will be prepared has a slot. */
  enter(transaction: LiveTransaction): void {
    if (take(transaction)) return this.#admitted(transaction)
    this.#waiting.push(transaction)
    transaction.leaveAdmission = () => {
      this.#waiting = this.#waiting.filter((each) => each !== transaction)
    }
  }

  /** A branch that is over no longer occupies a slot of its resource. */
  free(branch: LiveBranch): void {
    if (!branch.occupiesSlot) return
    giveBack(branch)
    if (this.#waiting.length > 0) this.#admitWaiting()
  }

  #admitted(transaction: LiveTransaction): void {
    transaction.leaveAdmission = undefined
    // Another that was admitted with it may have made it roll back meanwhile.
    if (transaction.state.phase === 'active') this.#admit(transaction)
    else for (const branch of transaction.branches) this.free(branch)
  }

  /** In the order of arrival; who can't go yet lets others pass. The time-out bounds the wait. */
  #admitWaiting(): void {
    const admitted = this.#waiting.filter(take)
    if (admitted.length === 0) return
    this.#waiting = this.#waiting.filter((transaction) => !admitted.includes(transaction))
    for (const transaction of admitted) this.#admitted(transaction)
  }
}

/**
 * Takes a slot of each resource, or of none; two branches may be at one. A transaction of one branch
 * that commits without a vote needs none.
 */
function take({ branches, state }: LiveTransaction): boolean {
  if (isAlone(state)) return true
  const carrier = carrierOf(state)
  for (let position = 0; position < branches.length; position += 1) {
    const branch = branches[position] as LiveBranch
    const { resource } = branch
    if (resource === undefined || position === carrier) continue
    if (state.branches[position]?.role === 'last') continue
    if (resource.prepared >= resource.preparedLimit) {
      for (const taken of branches) if (taken.occupiesSlot) giveBack(taken)
      return false
    }
    branch.occupiesSlot = true
    resource.prepared += 1
  }
  return true
}

function giveBack(branch: LiveBranch): void {
  branch.occupiesSlot = false
  if (branch.resource !== undefined) branch.resource.prepared -= 1
}

/**
 * Forces the records that a step rests on, and brings back what became of them.
 *
 * Keeps A3 (the protocol hears `recorded` only when the record is durable) and A11: once a forced
 * write has failed nothing more is decided; what was in that write is in doubt, and what the log
 * never took is rolled back.
 */
import type { Events } from '../core/ports.ts'
import type { DecisionLog } from '../log/contract.ts'
import type { Event } from '../protocol/two-phase/state.ts'
import type { StateChange } from './events.ts'
import { logFailed } from './failures.ts'
import type { LiveTransaction } from './live-transaction.ts'
import type { LiveTransactions } from './live-transactions.ts'

export class Forcing {
  readonly #events: Events<StateChange>
  readonly #live: LiveTransactions
  readonly #dispatch: (transaction: LiveTransaction, event: Event) => void
  /** Logs whose failure was published. */
  readonly #failed = new WeakSet<DecisionLog>()

  constructor(options: {
    readonly events: Events<StateChange>
    readonly live: LiveTransactions
    readonly dispatch: (transaction: LiveTransaction, event: Event) => void
  }) {
    this.#events = options.events
    this.#live = options.live
    this.#dispatch = options.dispatch
  }

  force(transaction: LiveTransaction, record: 'one-phase' | 'intent' | 'decision'): void {
    const { book } = transaction
    const { failure: before } = book.log
    if (before !== undefined) {
      transaction.cause ??= logFailed(before)
      return this.#dispatch(transaction, { type: 'refused' })
    }
    const durable = (failure: Error | undefined): void => {
      if (failure !== undefined) this.#logFailed(transaction, failure)
      this.#dispatch(transaction, { type: failure === undefined ? 'recorded' : 'not-recorded' })
    }
    if (record === 'one-phase') {
      // The oldest live key of the epoch: the first that may yet commit without a record.
      return book.forceOnePhase(() => this.#live.oldestBeside(transaction), durable)
    }
    transaction.protocol = record === 'intent' ? 'last-resource' : votedProtocol(transaction)
    if (record === 'intent') return book.forceIntent(transaction, durable)
    return book.forceDecision(transaction, durable)
  }

  #logFailed(transaction: LiveTransaction, failure: Error): void {
    transaction.cause ??= logFailed(failure)
    const { log } = transaction.book
    if (this.#failed.has(log)) return
    this.#failed.add(log)
    if (!this.#events.enabled) return
    this.#events.publish({ type: 'log', state: 'failed', log: log.location, cause: failure })
  }
}

function votedProtocol({ protocol }: LiveTransaction): LiveTransaction['protocol'] {
  return protocol === 'last-resource' ? protocol : 'two-phase'
}

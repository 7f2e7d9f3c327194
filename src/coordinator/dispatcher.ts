/**
 * Brings events to the protocol and its effects to whoever performs them, one after another.
 *
 * Keeps A3: the effects of a step are performed in their order, and an event that arises meanwhile
 * waits for the step to end. A broken invariant stops the process with its evidence.
 */
import { BrokenInvariant } from '../core/invariant.ts'
import type { Events } from '../core/ports.ts'
import type { Effect, Event } from '../protocol/two-phase/state.ts'
import { step } from '../protocol/two-phase/step.ts'
import type { StateChange } from './events.ts'
import type { LiveTransaction } from './live-transaction.ts'
import { publishChanges } from './publish.ts'

export interface DispatcherOptions {
  readonly events: Events<StateChange>
  readonly perform: (transaction: LiveTransaction, effect: Effect) => void
  /** The process must stop: going on could break atomicity. */
  readonly onBroken: (broken: BrokenInvariant) => void
}

const nothing: readonly Effect[] = []

export class Dispatcher {
  readonly #options: DispatcherOptions

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  dispatch(transaction: LiveTransaction, event: Event): void {
    if (transaction.dispatching) transaction.inbox.push(event)
    else this.#run(transaction, nothing, event)
  }

  /** Takes in a transaction, new or recovered, and performs the effects with which it goes on. */
  takeIn(transaction: LiveTransaction, effects: readonly Effect[]): void {
    const { events } = this.#options
    if (events.enabled) publishChanges(events, transaction, undefined)
    this.#run(transaction, effects, undefined)
  }

  /**
   * Runs what must run whole. Nothing in it throws but for a broken invariant; whatever else does
   * would leave a step half performed, which is as bad (A3, A10).
   */
  guarded(run: () => void): void {
    try {
      run()
    } catch (thrown) {
      this.#broken(thrown)
    }
  }

  /** Performs effects, takes an event, and then those that arose meanwhile. */
  #run(transaction: LiveTransaction, first: readonly Effect[], event: Event | undefined): void {
    const { inbox } = transaction
    transaction.dispatching = true
    try {
      for (const effect of first) this.#options.perform(transaction, effect)
      if (event !== undefined) this.#take(transaction, event)
      while (inbox.length > 0) this.#take(transaction, inbox.shift() as Event)
    } catch (thrown) {
      this.#broken(thrown)
    }
    transaction.dispatching = false
  }

  #broken(thrown: unknown): void {
    const isBroken = thrown instanceof BrokenInvariant
    const broken = isBroken ? thrown : new BrokenInvariant('A3', 'a step ended half way', thrown)
    this.#options.onBroken(broken)
  }

  #take(transaction: LiveTransaction, event: Event): void {
    const { events, perform } = this.#options
    const before = transaction.state
    const { state, effects } = step(before, event)
    transaction.state = state
    if (events.enabled) publishChanges(events, transaction, before)
    for (const effect of effects) perform(transaction, effect)
  }
}

/**
 * Looks for evidence of how a held transaction's last resource ended, where that keeps any.
 *
 * Keeps A2: without evidence a held transaction waits for an operator; nothing is presumed, however
 * long it takes.
 */
import type { Decision } from '../core/decision.ts'
import { formatBranchId } from '../core/ids.ts'
import type { Random } from '../core/ports.ts'
import { backOffMs } from './back-off.ts'
import type { Deadlines } from './deadlines.ts'
import { ask } from './delivery.ts'
import type { LiveBranch, LiveTransaction } from './live-transaction.ts'
import type { Resources } from './resources.ts'
import type { Settings } from './settings.ts'

export class Evidence {
  readonly #settings: Settings
  readonly #deadlines: Deadlines
  readonly #random: Random
  readonly #resources: Resources
  readonly #found: (transaction: LiveTransaction, decision: Decision) => void

  constructor(options: {
    readonly settings: Settings
    readonly deadlines: Deadlines
    readonly random: Random
    readonly resources: Resources
    readonly found: (transaction: LiveTransaction, decision: Decision) => void
  }) {
    this.#settings = options.settings
    this.#deadlines = options.deadlines
    this.#random = options.random
    this.#resources = options.resources
    this.#found = options.found
  }

  /** Asks until it is answered, or until the transaction is held no longer. */
  seek(transaction: LiveTransaction, attempts = 1): void {
    const { branches, phase } = transaction.state
    const last = transaction.branches[branches.findIndex(({ role }) => role === 'last')]
    if (phase !== 'held' || last === undefined) return
    this.#reach(last)
    const { resource } = last
    const participant = resource?.participant
    if (participant !== undefined && participant.evidenceOf === undefined) return
    const { backOffFirstMs: firstMs, backOffMaxMs: maxMs } = this.#settings
    const again = (): void => {
      const pauseMs = backOffMs(attempts, { firstMs, maxMs }, this.#random)
      this.#deadlines.set(pauseMs, () => this.seek(transaction, attempts + 1))
    }
    if (resource?.status !== 'ready') return again()
    // Silence is asked again; a proof counts whenever it comes.
    let isAwaited = true
    const limit = this.#deadlines.set(this.#settings.deliveryTimeoutMs, () => {
      isAwaited = false
      again()
    })
    ask<Decision | 'unknown'>(
      async () =>
        participant?.evidenceOf?.(formatBranchId(transaction.id, last.number)) ?? 'unknown',
      (answer) => {
        this.#deadlines.clear(limit)
        if (answer === 'committed' || answer === 'aborted') this.#found(transaction, answer)
        else if (isAwaited) again()
      },
    )
  }

  #reach(last: LiveBranch): void {
    if (last.resource !== undefined || last.recorded === undefined) return
    const found = this.#resources.reach(last.recorded)
    if (!('missing' in found)) last.resource = found
  }
}

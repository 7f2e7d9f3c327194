/**
 * Whether a branch's client may still be used.
 *
 * Keeps A4: after the seal nothing of the user's is sent; and nothing is sent that could not commit
 * any more.
 */
import { AssentError } from '../../core/errors.ts'
import type { TransactionId } from '../../core/ids.ts'
import { savepointPrefix } from './plans.ts'
import { shown, type Work } from './work.ts'

/** Why something is over, where it is. */
export type Lost = { readonly cause: unknown } | undefined

export class Gate {
  readonly #transaction: TransactionId
  readonly #work: Work
  readonly #session: { readonly lost: Lost }
  #isSealed = false
  #names = 0

  constructor(transaction: TransactionId, work: Work, session: { readonly lost: Lost }) {
    this.#transaction = transaction
    this.#work = work
    this.#session = session
  }

  get isSealed(): boolean {
    return this.#isSealed
  }

  seal(): void {
    this.#isSealed = true
  }

  /** A name for a savepoint of ours, new in this branch. */
  nextName(): string {
    this.#names += 1
    return `${savepointPrefix}${this.#names}`
  }

  /** What is thrown at whoever uses the client too late, and with which statement. */
  over(text?: string): AssentError {
    const id = this.#transaction
    const late = text === undefined ? '' : ` (refused: ${shown(text)})`
    return new AssentError(
      'ASSENT_TRANSACTION_OVER',
      `transaction ${id} is committing or has ended${late}`,
      { id },
    )
  }

  refuseUnlessAlive(text?: string): void {
    if (this.#isSealed) throw this.over(text)
    const doomed = this.#work.doomed ?? this.#session.lost
    if (doomed === undefined) return
    throw new AssentError(
      'ASSENT_TRANSACTION_DOOMED',
      'earlier work of this transaction failed, so it can only roll back',
      { id: this.#transaction },
      { cause: doomed.cause },
    )
  }

  /** Whether a refusal reaches somebody anyway, so that a promise of it need not be heard. */
  get isToldElsewhere(): boolean {
    return this.#work.doomed !== undefined && !this.#isSealed
  }
}

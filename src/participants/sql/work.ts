/**
 * What a branch's transaction went through, told by the server's replies in their order.
 *
 * Keeps: the first failure is the cause of the no-vote; a failure that no savepoint can undo dooms
 * the branch; work that nobody awaited, or a transaction of the client's own that was not ended, is
 * known by name when the branch is sealed.
 */

/** A statement that was sent and not answered yet. */
export interface Sent {
  readonly text: string
  /** Whether it goes on until it is closed: a cursor, a COPY. */
  readonly isOpenEnded: boolean
}

/** How a statement that succeeded moves the savepoints. */
export interface SavepointMove {
  readonly act: 'set' | 'release' | 'roll-back-to' | 'undo'
  readonly name: string
}

const textShownLength = 80

export class Work {
  /** Set once the transaction can't commit any more; the first cause. */
  doomed: { readonly cause: unknown } | undefined
  /** The first failure since the last savepoint was returned to. */
  failure: { readonly cause: unknown } | undefined
  /** Whether any statement was sent at all. */
  isUsed = false
  /** Whether some reply leaves room for a write. */
  mayHaveWritten = false
  /** The statement that changed the session, which a pool must not see again. */
  sessionChange: string | undefined
  /** The savepoint that stands for the client's own BEGIN, while it is open. */
  begun: { readonly name: string; ending: boolean } | undefined
  readonly #savepoints: string[] = []
  readonly #pending = new Set<Sent>()

  sent(text: string, isOpenEnded = false): Sent {
    const sent = { text, isOpenEnded }
    this.isUsed = true
    this.#pending.add(sent)
    return sent
  }

  /** It was answered; `mayWrite`: the answer leaves room for a write. */
  succeeded(sent: Sent, mayWrite: boolean, move?: SavepointMove): void {
    this.#pending.delete(sent)
    if (mayWrite) this.mayHaveWritten = true
    if (move !== undefined) this.moved(move)
  }

  failed(sent: Sent, cause: unknown): void {
    this.#pending.delete(sent)
    // A failed statement may have been sent in pieces: nothing is known of what it did.
    this.mayHaveWritten = true
    this.failure ??= { cause }
    if (this.#savepoints.length === 0) this.doom(this.failure.cause)
  }

  /** It was not sent after all. */
  withdrawn(sent: Sent): void {
    this.#pending.delete(sent)
  }

  doom(cause: unknown): void {
    this.doomed ??= { cause }
  }

  moved({ act, name }: SavepointMove): void {
    if (act === 'set') {
      this.#savepoints.push(name)
      return
    }
    // Returning to a savepoint heals what failed after it.
    if (act !== 'release') this.failure = undefined
    const found = this.#savepoints.lastIndexOf(name)
    if (found >= 0) this.#savepoints.splice(act === 'roll-back-to' ? found + 1 : found)
    if (this.begun !== undefined && !this.#savepoints.includes(this.begun.name)) {
      this.begun = undefined
    }
  }

  /** Whether the client's own transaction was begun after that savepoint and is open. */
  hasBegunInside(name: string): boolean {
    const { begun } = this
    return (
      begun !== undefined && this.#savepoints.indexOf(begun.name) > this.#savepoints.indexOf(name)
    )
  }

  /** The cause for which the branch can't commit, as things stand now. */
  get obstacle(): { readonly cause: unknown } | undefined {
    return this.doomed ?? this.failure
  }

  /** Whether replies are still to come. */
  get isBusy(): boolean {
    return this.#pending.size > 0
  }

  /** What was begun and not ended, one entry each, in words. */
  unfinished(): string[] {
    const found = [...this.#pending].map(({ text, isOpenEnded }) =>
      isOpenEnded ? `left open: ${shown(text)}` : `not awaited: ${shown(text)}`,
    )
    // In a doomed branch its end was refused: the doom is what there is to tell.
    if (this.begun !== undefined && found.length === 0 && this.doomed === undefined) {
      found.push('a transaction begun through the client and not ended')
    }
    return found
  }
}

/** A statement as messages show it: on one line, and cut. */
export function shown(text: string): string {
  const start = text.slice(0, 4 * textShownLength)
  const line = start.replaceAll(/\s+/g, ' ').trim()
  return line.length > textShownLength ? `${line.slice(0, textShownLength - 3)}...` : line
}

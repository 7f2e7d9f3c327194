/**
 * The transactions that are not over, of every log that this process owns.
 *
 * Keeps A10 in memory: one leaves only when the protocol says that it is over.
 */
import { parseTransactionId, type TransactionKey } from '../core/ids.ts'
import { TransactionMap } from '../core/transaction-map.ts'
import type { Book } from './book.ts'
import type { LiveTransaction } from './live-transaction.ts'

export class LiveTransactions {
  readonly #byBook = new Map<Book, TransactionMap<LiveTransaction>>()

  add(transaction: LiveTransaction): void {
    const { book, key } = transaction
    let ofBook = this.#byBook.get(book)
    if (ofBook === undefined) {
      ofBook = new TransactionMap()
      this.#byBook.set(book, ofBook)
    }
    ofBook.set(key, transaction)
  }

  delete({ book, key }: LiveTransaction): void {
    const ofBook = this.#byBook.get(book)
    ofBook?.delete(key)
    // Logs that were adopted come and go.
    if (ofBook?.size === 0 && this.#byBook.size > 1) this.#byBook.delete(book)
  }

  /** The transaction with this id; undefined for any other text. */
  get(id: string): LiveTransaction | undefined {
    const parts = parseTransactionId(id)
    if (parts === undefined) return undefined
    for (const book of this.#byBook.keys()) {
      const found = book.log.identity === parts.log ? this.at(book, parts) : undefined
      if (found?.id === id) return found
    }
    return undefined
  }

  /** The transaction of a log with this key. */
  at(book: Book, key: TransactionKey): LiveTransaction | undefined {
    return this.#byBook.get(book)?.get(key)
  }

  /** Those of one log, oldest first. */
  of(book: Book): LiveTransaction[] {
    return this.#byBook.get(book)?.values() ?? []
  }

  /** All of them as they are now, of each log the oldest first. */
  values(): LiveTransaction[] {
    return [...this.#byBook.values()].flatMap((ofBook) => ofBook.values())
  }

  some(test: (transaction: LiveTransaction) => boolean): boolean {
    for (const ofBook of this.#byBook.values()) if (ofBook.some(test)) return true
    return false
  }

  /** The oldest key of the same log and epoch. */
  oldestBeside({ book, key }: LiveTransaction): TransactionKey {
    return this.of(book).find((each) => each.key.epoch === key.epoch)?.key ?? key
  }
}

/** A map by transaction key that makes no text of the key: two numbers, two maps. No I/O, no state
 * of its own on disk; what the invariants ask of its contents is kept by whoever fills it. */
import type { TransactionKey } from '../core/ids.ts'

export class TransactionMap<Value> {
  readonly #epochs = new Map<number, Map<number, Value>>()

  get(key: TransactionKey): Value | undefined {
    return this.#epochs.get(key.epoch)?.get(key.counter)
  }

  set(key: TransactionKey, value: Value): void {
    let counters = this.#epochs.get(key.epoch)
    if (counters === undefined) {
      counters = new Map()
      this.#epochs.set(key.epoch, counters)
    }
    counters.set(key.counter, value)
  }

  delete(key: TransactionKey): void {
    const counters = this.#epochs.get(key.epoch)
    counters?.delete(key.counter)
    if (counters?.size === 0) this.#epochs.delete(key.epoch)
  }

  *values(): Generator<Value> {
    for (const counters of this.#epochs.values()) yield* counters.values()
  }
}

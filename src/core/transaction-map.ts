/**
 * A map by transaction key for entries that come and go all the time.
 *
 * JavaScript's own `Map` replaces its table again and again under such use, and every table that was
 * replaced refers to the one that took its place: one that has reached the old generation keeps all
 * later ones, and what they held, in memory until a full collection. Here nothing refers to what
 * comes after it, and the key is not made into a text.
 */
import type { TransactionKey } from './ids.ts'

interface Entry<Value> {
  readonly key: TransactionKey
  value: Value
  /** In the same bucket. */
  next: Entry<Value> | undefined
}

const bucketsMin = 64

export class TransactionMap<Value> {
  /** A power of two of them; counters are given out one by one, so they spread by themselves. */
  #buckets: (Entry<Value> | undefined)[] = emptyBuckets(bucketsMin)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: TransactionKey): Value | undefined {
    return this.#find(key)?.value
  }

  set(key: TransactionKey, value: Value): void {
    const known = this.#find(key)
    if (known !== undefined) {
      known.value = value
      return
    }
    if (this.#size === this.#buckets.length) this.#grow()
    this.#put({ key, value, next: undefined })
    this.#size += 1
  }

  delete(key: TransactionKey): void {
    const bucket = this.#bucketOf(key)
    let before: Entry<Value> | undefined
    for (let each = this.#buckets[bucket]; each !== undefined; each = each.next) {
      if (isSame(each.key, key)) {
        if (before === undefined) this.#buckets[bucket] = each.next
        else before.next = each.next
        this.#size -= 1
        return
      }
      before = each
    }
  }

  /** The values as they are now, in the order of their keys. */
  values(): Value[] {
    const entries: Entry<Value>[] = []
    for (const first of this.#buckets) {
      for (let each = first; each !== undefined; each = each.next) entries.push(each)
    }
    return entries.sort((one, other) => byKey(one.key, other.key)).map(({ value }) => value)
  }

  some(test: (value: Value) => boolean): boolean {
    for (const first of this.#buckets) {
      for (let each = first; each !== undefined; each = each.next) {
        if (test(each.value)) return true
      }
    }
    return false
  }

  #find(key: TransactionKey): Entry<Value> | undefined {
    let each = this.#buckets[this.#bucketOf(key)]
    while (each !== undefined && !isSame(each.key, key)) each = each.next
    return each
  }

  #bucketOf({ counter }: TransactionKey): number {
    return counter & (this.#buckets.length - 1)
  }

  /** In front: entries refer to older ones only. */
  #put(entry: Entry<Value>): void {
    const bucket = this.#bucketOf(entry.key)
    entry.next = this.#buckets[bucket]
    this.#buckets[bucket] = entry
  }

  #grow(): void {
    const before = this.#buckets
    this.#buckets = emptyBuckets(2 * before.length)
    for (const first of before) {
      for (
        let each = first, next = each?.next;
        each !== undefined;
        each = next, next = each?.next
      ) {
        this.#put(each)
      }
    }
  }
}

function emptyBuckets<Value>(count: number): (Entry<Value> | undefined)[] {
  return Array.from({ length: count }, () => undefined)
}

function isSame(one: TransactionKey, other: TransactionKey): boolean {
  return one.counter === other.counter && one.epoch === other.epoch
}

function byKey(one: TransactionKey, other: TransactionKey): number {
  return one.epoch - other.epoch || one.counter - other.counter
}

/**
 * The outcomes of transactions that are over, for callers that ask later; bounded by age and bytes.
 *
 * Keeps A9: whatever is dropped raises the low-water mark above it, so that absence is taken for
 * abort only where nothing was dropped.
 */
import type { TransactionKey } from '../core/ids.ts'
import { OutcomePage, pageOf } from './outcome-page.ts'
import type { KeptOutcome, OutcomesRecord } from './records.ts'

/** How long outcomes are kept: both limits hold, and the lower one wins. */
export interface Retention {
  /** Milliseconds since the decision. */
  readonly ageMs: number
  /** Bytes that all outcomes may take, in memory and in a checkpoint. */
  readonly bytes: number
}

/** A branch that went astray weighs more than the decision. */
const byWeight = ['mixed', 'hazard', 'committed', 'aborted'] as const

export class KeptOutcomes {
  /** By epoch, then by a number made of page and outcome. */
  readonly #epochs = new Map<number, Map<number, OutcomePage>>()
  #count = 0

  get count(): number {
    return this.#count
  }

  find(key: TransactionKey): KeptOutcome | undefined {
    const pages = this.#epochs.get(key.epoch)
    if (pages === undefined) return undefined
    const page = pageOf(key.counter)
    for (const outcome of byWeight) {
      if (pages.get(slotOf(outcome, page))?.has(key.counter)) return outcome
    }
    return undefined
  }

  add(outcome: KeptOutcome, { epoch, counter }: TransactionKey, wallMs: number): void {
    const number = pageOf(counter)
    const slot = slotOf(outcome, number)
    let page = this.#epochs.get(epoch)?.get(slot)
    if (page === undefined) {
      page = new OutcomePage(outcome, epoch, number)
      this.#insert(page)
    }
    this.#count -= page.count
    page.add(counter, wallMs)
    this.#count += page.count
  }

  /** The page that holds, or would hold, a transaction with this outcome. */
  page(outcome: KeptOutcome, { epoch, counter }: TransactionKey): OutcomesRecord | undefined {
    return this.#epochs
      .get(epoch)
      ?.get(slotOf(outcome, pageOf(counter)))
      ?.record()
  }

  /** Takes a page of a checkpoint. */
  restore(record: OutcomesRecord): void {
    const page = OutcomePage.from(record)
    this.#insert(page)
    this.#count += page.count
  }

  /** Every page, as it is now. */
  records(): OutcomesRecord[] {
    return [...this.#pages()].map((page) => page.record())
  }

  /** Drops what is too old or too much, oldest first. Answers the highest id dropped, if any. */
  drop(nowMs: number, retention: Retention): TransactionKey | undefined {
    const pages = [...this.#pages()].sort((one, other) => one.newestMs - other.newestMs)
    let bytes = pages.reduce((sum, page) => sum + page.sizeBytes, 0)
    let highest: TransactionKey | undefined
    for (const page of pages) {
      if (page.newestMs >= nowMs - retention.ageMs && bytes <= retention.bytes) continue
      bytes -= page.sizeBytes
      this.#remove(page)
      const last = { epoch: page.epoch, counter: page.highest }
      if (highest === undefined || isBelow(highest, last)) highest = last
    }
    return highest
  }

  *#pages(): Generator<OutcomePage> {
    for (const pages of this.#epochs.values()) yield* pages.values()
  }

  #insert(page: OutcomePage): void {
    let pages = this.#epochs.get(page.epoch)
    if (pages === undefined) {
      pages = new Map()
      this.#epochs.set(page.epoch, pages)
    }
    pages.set(slotOf(page.outcome, page.page), page)
  }

  #remove(page: OutcomePage): void {
    const pages = this.#epochs.get(page.epoch)
    pages?.delete(slotOf(page.outcome, page.page))
    if (pages?.size === 0) this.#epochs.delete(page.epoch)
    this.#count -= page.count
  }
}

/** The order of ids: by epoch, then by counter. */
export function isBelow(one: TransactionKey, other: TransactionKey): boolean {
  return one.epoch < other.epoch || (one.epoch === other.epoch && one.counter < other.counter)
}

function slotOf(outcome: KeptOutcome, page: number): number {
  return page * byWeight.length + byWeight.indexOf(outcome)
}

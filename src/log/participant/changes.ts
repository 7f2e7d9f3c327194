/**
 * What is to be written with the next change of the table, by name, so that a name that changed often
 * is written once, and what may have been written already can be written again.
 *
 * Records and decisions are what somebody may wait for. The books are what nobody waits for: that
 * transactions are over, and how they ended. They go together, for only then no crash shows a
 * transaction as over whose outcome is missing (A9), nor the other way round.
 */
import type { DecisionRow, NamedRecord, TableChange } from '../../core/decision-table.ts'
import type { TransactionKey } from '../../core/ids.ts'
import type { StoredRecord } from '../records.ts'
import { encodeRecords } from './record-bytes.ts'

/** Makes what a name stands for, when it is written; undefined: nothing any more. */
export type Make = () => Iterable<StoredRecord> | undefined

/** One change takes away no more decisions than this; the rest goes with the next. */
const settledMax = 1000

/** A change, and what it was made of. */
export interface Taken {
  readonly change: TableChange
  readonly decisions: readonly DecisionRow[]
  readonly records: ReadonlyMap<string, Make>
  readonly books: ReadonlyMap<string, Make>
  readonly settled: readonly TransactionKey[]
}

export class Changes {
  #decisions: DecisionRow[] = []
  #records = new Map<string, Make>()
  #books = new Map<string, Make>()
  #settled: TransactionKey[] = []
  /** Bytes by name of what is there, or may be. */
  readonly #stored: Map<string, number>

  constructor(stored: ReadonlyMap<string, number>) {
    this.#stored = new Map(stored)
  }

  get hasDecisions(): boolean {
    return this.#decisions.length > 0
  }

  get hasRecords(): boolean {
    return this.#decisions.length > 0 || this.#records.size > 0
  }

  get hasBooks(): boolean {
    return this.#settled.length > 0 || this.#books.size > 0
  }

  /** How many decisions wait to be taken away. */
  get settledCount(): number {
    return this.#settled.length
  }

  get storedBytes(): number {
    let sum = 0
    for (const size of this.#stored.values()) sum += size
    return sum
  }

  storedNames(): string[] {
    return [...this.#stored.keys()]
  }

  decide(row: DecisionRow): void {
    this.#decisions.push(row)
  }

  write(name: string, make: Make): void {
    this.#books.delete(name)
    this.#records.set(name, make)
  }

  /** Into the books: it goes with what is settled. What was to be written under the name is not. */
  book(name: string, make: Make): void {
    this.#records.delete(name)
    this.#books.set(name, make)
  }

  settle(key: TransactionKey): void {
    this.#settled.push(key)
  }

  /** Whether anything is, may be, or is to be under a name. */
  isKnown(name: string): boolean {
    return this.#stored.has(name) || this.#records.has(name)
  }

  /** Everything that waits, or all but the books. */
  take(withBooks: boolean): Taken {
    const records = this.#records
    const books = withBooks ? this.#books : new Map<string, Make>()
    const settled = withBooks ? this.#settled.splice(0, settledMax) : []
    const decisions = this.#decisions
    this.#decisions = []
    this.#records = new Map()
    if (withBooks) this.#books = new Map()
    const named: NamedRecord[] = []
    const removed: string[] = []
    for (const [name, make] of [...records, ...books]) this.#make(name, make, named, removed)
    const change = {
      ...(decisions.length === 0 ? {} : { decisions }),
      ...(named.length === 0 ? {} : { records: named }),
      ...(removed.length === 0 ? {} : { removed }),
      ...(settled.length === 0 ? {} : { settled }),
    }
    return { change, decisions, records, books, settled }
  }

  /** It may have been written or not: it waits again, in front of what came meanwhile. */
  putBack({ decisions, records, books, settled }: Taken): void {
    this.#decisions = [...decisions, ...this.#decisions]
    this.#settled = [...settled, ...this.#settled]
    // A name that changed again meanwhile keeps its newer maker.
    const isNewer = (name: string): boolean => this.#records.has(name) || this.#books.has(name)
    for (const [name, make] of records) if (!isNewer(name)) this.#records.set(name, make)
    for (const [name, make] of books) if (!isNewer(name)) this.#books.set(name, make)
  }

  /** The decisions that wait, without those for which `isThere` says that they need not. */
  keepDecisions(isThere: (row: DecisionRow) => boolean): void {
    this.#decisions = this.#decisions.filter((row) => !isThere(row))
  }

  /** From here on it may be there, whatever becomes of the change. */
  #make(name: string, make: Make, named: NamedRecord[], removed: string[]): void {
    const records = make()
    if (records !== undefined) {
      const record = encodeRecords(records)
      named.push({ name, record })
      this.#stored.set(name, record.length)
    } else if (this.#stored.has(name)) {
      removed.push(name)
    }
  }

  /** A change is durable: what it took away is gone. */
  written({ change }: Taken): void {
    for (const name of change.removed ?? []) this.#stored.delete(name)
  }
}

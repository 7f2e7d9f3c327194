/**
 * The transactions of one epoch that ended with one outcome, in a range of 65,536 counters.
 *
 * Sorted offsets while they are few, a bit for each offset when they are many, as Roaring bitmaps do
 * (Chambi, Lemire, Kaser, Godin: Better bitmap performance with Roaring bitmaps, 2016): a day of
 * outcomes then fits in memory and in a checkpoint (A9).
 */
import { type KeptOutcome, type OutcomesRecord, recordLimits } from './records.ts'

/** From here on 8 KiB of bits are smaller than two bytes an offset. */
const offsetsMax = 4096
const bitsBytes: number = recordLimits.outcomesPerPage / 8
/** What a page costs besides its contents, roughly. */
const overheadBytes = 128

/** Counters of one page; the low part of a counter is its offset in the page. */
export function pageOf(counter: number): number {
  return Math.floor(counter / recordLimits.outcomesPerPage)
}

export class OutcomePage {
  readonly outcome: KeptOutcome
  readonly epoch: number
  readonly page: number
  #newestMs = 0
  #count = 0
  #offsets: Uint16Array = new Uint16Array(8)
  #bits: Uint8Array | undefined
  /** Whether a record refers to the arrays, which are then copied before the next change. */
  #isShared = false

  constructor(outcome: KeptOutcome, epoch: number, page: number) {
    this.outcome = outcome
    this.epoch = epoch
    this.page = page
  }

  static from(record: OutcomesRecord): OutcomePage {
    const page = new OutcomePage(record.outcome, record.epoch, record.page)
    page.#newestMs = record.newestMs
    page.#bits = record.bits
    page.#offsets = record.offsets ?? new Uint16Array()
    page.#count = record.bits === undefined ? page.#offsets.length : countBits(record.bits)
    page.#isShared = true
    return page
  }

  /** How many outcomes it holds. */
  get count(): number {
    return this.#count
  }

  /** When the youngest of them was decided, milliseconds since the Unix epoch. */
  get newestMs(): number {
    return this.#newestMs
  }

  get sizeBytes(): number {
    return overheadBytes + (this.#bits?.length ?? this.#offsets.byteLength)
  }

  /** The highest counter in it. */
  get highest(): number {
    const base = this.page * recordLimits.outcomesPerPage
    if (this.#bits === undefined) return base + (this.#offsets[this.#count - 1] ?? 0)
    const index = this.#bits.findLastIndex((byte) => byte !== 0)
    return base + index * 8 + (31 - Math.clz32(this.#bits[index] ?? 1))
  }

  has(counter: number): boolean {
    const offset = counter % recordLimits.outcomesPerPage
    if (this.#bits !== undefined) {
      return ((this.#bits[offset >>> 3] ?? 0) & (1 << (offset & 7))) !== 0
    }
    const index = this.#indexOf(offset)
    return index < this.#count && this.#offsets[index] === offset
  }

  add(counter: number, wallMs: number): void {
    this.#newestMs = Math.max(this.#newestMs, wallMs)
    if (this.has(counter)) return
    if (this.#isShared) this.#copy()
    const offset = counter % recordLimits.outcomesPerPage
    if (this.#bits === undefined && this.#count === offsetsMax) this.#turnIntoBits()
    if (this.#bits === undefined) this.#insert(offset)
    else setBit(this.#bits, offset)
    this.#count += 1
  }

  /** A record of what it holds now; later additions don't show in it. */
  record(): OutcomesRecord {
    this.#isShared = true
    const { outcome, epoch, page, newestMs } = this
    const offsets = this.#bits === undefined ? this.#offsets.subarray(0, this.#count) : undefined
    return { type: 'outcomes', outcome, epoch, page, newestMs, offsets, bits: this.#bits }
  }

  /** Where `offset` is, or would be; most come in rising order, so the end is looked at first. */
  #indexOf(offset: number): number {
    let high = this.#count
    if (high === 0 || (this.#offsets[high - 1] ?? 0) < offset) return high
    let low = 0
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#offsets[middle] ?? 0) < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #insert(offset: number): void {
    if (this.#count === this.#offsets.length) {
      const grown = new Uint16Array(Math.min(offsetsMax, this.#count * 2 + 8))
      grown.set(this.#offsets)
      this.#offsets = grown
    }
    const index = this.#indexOf(offset)
    this.#offsets.copyWithin(index + 1, index, this.#count)
    this.#offsets[index] = offset
  }

  #turnIntoBits(): void {
    const bits = new Uint8Array(bitsBytes)
    for (const offset of this.#offsets.subarray(0, this.#count)) setBit(bits, offset)
    this.#bits = bits
    this.#offsets = new Uint16Array()
  }

  #copy(): void {
    this.#bits = this.#bits?.slice()
    this.#offsets = this.#offsets.slice()
    this.#isShared = false
  }
}

function setBit(bits: Uint8Array, offset: number): void {
  bits[offset >>> 3] = (bits[offset >>> 3] ?? 0) | (1 << (offset & 7))
}

function countBits(bits: Uint8Array): number {
  let count = 0
  for (const byte of bits) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1
  }
  return count
}

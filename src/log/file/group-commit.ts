/**
 * Gathers records while a write is under way, and forces all that wait with the next one.
 *
 * Keeps A3 (`durable` runs only after the sync that covers the record and all before it) and A11
 * (after a failure nothing is written, and the sync is not retried; who waits is told that nobody
 * knows). Callbacks never run inside `append`, and run in its order.
 */
import { ByteWriter } from '../../core/codec.ts'
import { BrokenInvariant } from '../../core/invariant.ts'
import type { Timer, Timers } from '../../core/ports.ts'
import { encodeRecord } from '../record-codec.ts'
import { recordLimits, type StoredRecord } from '../records.ts'
import { BatchBuilder } from './batch.ts'
import { batchBytesMax, batchHeaderBytes, sectorBytes } from './format.ts'

/** A record that nobody waits for is written after this time, if no forced one takes it along. */
const lazyDelayMs = 100

export type Durable = (failure: Error | undefined) => void

/** Records that share one forced write. */
interface Batch {
  readonly builder: BatchBuilder
  records: StoredRecord[]
  durables: Durable[]
}

export interface GroupCommitOptions {
  readonly timers: Timers
  readonly segmentBytes: number
  /** Writes a batch and syncs it. */
  readonly write: (batch: BatchBuilder) => Promise<void>
  /** Called with the records of each batch once it is durable, before anyone who waits for it. */
  readonly onDurable: (records: readonly StoredRecord[]) => void
  /** Makes the error of a failed write. */
  readonly explain: (cause: unknown) => Error
}

export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #batchBytesMax: number
  readonly #recordBytesMax: number
  readonly #scratch = new ByteWriter()
  /** Batches that are full and wait for their turn; the open one comes after them. */
  readonly #full: Batch[] = []
  #open: Batch = makeBatch()
  #spare: Batch | undefined
  #running: Promise<void> | undefined
  #lazyTimer: Timer | undefined
  /** Whether the open batch is to be written although nobody waits for it. */
  #isDue = false
  #failure: Error | undefined
  forcedWrites = 0
  records = 0

  constructor(options: GroupCommitOptions) {
    const room = options.segmentBytes - sectorBytes
    this.#options = options
    this.#batchBytesMax = Math.min(batchBytesMax, room)
    this.#recordBytesMax = Math.min(recordLimits.recordBytes, room - batchHeaderBytes - 1)
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  append(record: StoredRecord, durable?: Durable): void {
    if (this.#failure !== undefined) {
      if (durable !== undefined) this.#rejectLater(durable, this.#failure)
      return
    }
    const encoded = this.#encode(record)
    if (this.#open.builder.sizeWith(encoded.length) > this.#batchBytesMax) {
      this.#full.push(this.#open)
      this.#open = this.#freshBatch()
    }
    this.#open.builder.add(encoded)
    this.#open.records.push(record)
    if (durable !== undefined) this.#open.durables.push(durable)
    if (durable !== undefined || this.#full.length > 0) this.#start()
    else this.#writeSoon()
  }

  /** Writes everything that waits; answers when that is durable, or has failed. */
  async drain(): Promise<void> {
    while (this.#failure === undefined && this.#waits()) {
      this.#isDue = true
      this.#start()
      await this.#running
    }
    await this.#running
  }

  /** Stops for good. A batch whose write is under way ends by its own result. */
  fail(failure: Error): void {
    this.#failure ??= failure
    this.#clearLazyTimer()
    for (const batch of [...this.#full.splice(0), this.#open]) this.#reject(batch)
    this.#open = makeBatch()
  }

  #encode(record: StoredRecord): ByteWriter {
    this.#scratch.clear()
    encodeRecord(this.#scratch, record)
    if (this.#scratch.length > this.#recordBytesMax) {
      const message = `a record of more than ${this.#recordBytesMax} bytes`
      throw new BrokenInvariant('log', message, record)
    }
    return this.#scratch
  }

  #waits(): boolean {
    return this.#full.length > 0 || this.#open.records.length > 0
  }

  /** Soon: votes that have arrived together, on connections of their own, share the write. */
  #start(): void {
    this.#running ??= new Promise((resolve) => {
      this.#options.timers.soon(() => resolve(this.#run()))
    })
  }

  async #run(): Promise<void> {
    try {
      for (let batch = this.#next(); batch !== undefined; batch = this.#next()) {
        await this.#write(batch)
      }
    } catch (broken) {
      // A callback threw, or a record broke an invariant: the process is to stop with it.
      this.fail(this.#options.explain(broken))
      throw broken
    } finally {
      // In the same turn as the last look for a batch: what comes later starts anew.
      this.#running = undefined
    }
  }

  async #write(batch: Batch): Promise<void> {
    try {
      await this.#options.write(batch.builder)
    } catch (cause) {
      this.#failure ??= this.#options.explain(cause)
      this.#reject(batch)
      this.fail(this.#failure)
      return
    }
    this.forcedWrites += 1
    this.records += batch.records.length
    this.#options.onDurable(batch.records)
    for (const durable of batch.durables) durable(undefined)
    this.#recycle(batch)
  }

  #next(): Batch | undefined {
    const full = this.#full.shift()
    if (full !== undefined) return full
    const batch = this.#open
    if (batch.records.length === 0 || (batch.durables.length === 0 && !this.#isDue))
      return undefined
    this.#isDue = false
    this.#clearLazyTimer()
    this.#open = this.#freshBatch()
    return batch
  }

  #writeSoon(): void {
    this.#lazyTimer ??= this.#options.timers.set(lazyDelayMs, () => {
      this.#lazyTimer = undefined
      this.#isDue = true
      this.#start()
    })
  }

  #clearLazyTimer(): void {
    if (this.#lazyTimer !== undefined) this.#options.timers.clear(this.#lazyTimer)
    this.#lazyTimer = undefined
  }

  #reject(batch: Batch): void {
    const { durables } = batch
    batch.durables = []
    for (const durable of durables) this.#rejectLater(durable, this.#failure)
  }

  #rejectLater(durable: Durable, failure: Error | undefined): void {
    void Promise.resolve(failure).then(durable)
  }

  #freshBatch(): Batch {
    const batch = this.#spare ?? makeBatch()
    this.#spare = undefined
    return batch
  }

  #recycle(batch: Batch): void {
    batch.builder.clear()
    batch.records = []
    batch.durables = []
    this.#spare = batch
  }
}

function makeBatch(): Batch {
  return { builder: new BatchBuilder(), records: [], durables: [] }
}

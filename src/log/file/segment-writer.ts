/**
 * Writes batches one behind the other, from one segment into the next.
 *
 * Keeps A3 and A11 on the medium: one write at a time is under way, each is synced before the next
 * begins, and a failed one is the last. So after a crash only the last batch can be torn.
 */
import type { BatchBuilder } from './batch.ts'
import { ignoreFailure } from './durable-file.ts'
import type { ChainPosition } from './file-header.ts'
import { sectorBytes } from './format.ts'
import type { Segment, SegmentSupply } from './segment-supply.ts'

export class SegmentWriter {
  readonly #supply: SegmentSupply
  /** Called between two batches, with the segment that is full and the last batch in it. */
  readonly #onFull: (segment: Segment, last: ChainPosition) => void
  #segment: Segment
  #offset: number = sectorBytes
  #position: ChainPosition

  constructor(
    first: Segment,
    position: ChainPosition,
    supply: SegmentSupply,
    onFull: (segment: Segment, last: ChainPosition) => void,
  ) {
    this.#segment = first
    this.#position = position
    this.#supply = supply
    this.#onFull = onFull
  }

  /** Writes and syncs one batch; when it rejects, nothing may be written any more. */
  async write(batch: BatchBuilder): Promise<void> {
    if (this.#offset + batch.sizeBytes > this.#segment.sizeBytes) await this.#turn()
    const { file, seed, number, sizeBytes } = this.#segment
    const { bytes, position } = batch.seal(this.#position, seed)
    await file.writeThrough(this.#offset, bytes)
    this.#position = position
    this.#offset += bytes.length
    if (this.#offset > sizeBytes / 2) this.#supply.prepare(number + 1)
  }

  async close(): Promise<void> {
    await ignoreFailure(this.#segment.file.close())
  }

  async #turn(): Promise<void> {
    const full = this.#segment
    this.#segment = await this.#supply.take(full.number + 1)
    this.#offset = sectorBytes
    await ignoreFailure(full.file.close())
    this.#onFull(full, this.#position)
  }
}

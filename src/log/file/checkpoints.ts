/**
 * Keeps a log's size in step with what is alive: from time to time, behind the back of the commits,
 * the state is written anew and the segments before it are removed.
 *
 * Keeps A9 and A10: what is unfinished or kept is in the checkpoint before a segment goes. A crash
 * on the way leaves the old files, the new ones, or both; all three say the same.
 *
 * A checkpoint is due when the segments since the last one weigh twice as much as it does, so what
 * it costs a transaction stays the same, however many there have been.
 */
import type { Clock, Disk } from '../../core/ports.ts'
import type { Retention } from '../kept-outcomes.ts'
import type { StoredRecord } from '../records.ts'
import type { LogState } from '../state.ts'
import { writeCheckpoint } from './checkpoint.ts'
import { isShortage } from './failures.ts'
import type { ChainPosition, FileHeader } from './file-header.ts'
import type { Inventory } from './inventory.ts'
import type { Segment } from './segment-supply.ts'

export interface CheckpointsOptions {
  readonly disk: Disk
  readonly directory: string
  readonly clock: Clock
  readonly state: LogState
  readonly inventory: Inventory
  readonly retention: Retention
  readonly segmentBytes: number
  /** The header of a checkpoint after the segment with this number. */
  readonly headerOf: (number: number, follows: ChainPosition) => FileHeader
  /** Whether the log has failed: then nothing is written or removed any more (A11). */
  readonly isStopped: () => boolean
  /** Called when one can't be made for another reason than a lack of room. */
  readonly onFailure: (cause: unknown) => void
}

export class Checkpoints {
  readonly #options: CheckpointsOptions
  #running: Promise<void> | undefined
  #checkpointBytes: number
  #segmentBytes = 0

  constructor(options: CheckpointsOptions, checkpointBytes: number) {
    this.#options = options
    this.#checkpointBytes = checkpointBytes
  }

  /** A segment is full, and the state is that of all batches up to its last one. */
  segmentFull(segment: Segment, last: ChainPosition): void {
    const { state, clock, retention, segmentBytes } = this.#options
    this.#segmentBytes += segment.sizeBytes
    const isDue = this.#segmentBytes >= Math.max(segmentBytes, 2 * this.#checkpointBytes)
    if (!isDue || this.#running !== undefined) return
    state.retire(clock.wallMs(), retention)
    this.#running = this.#make(segment.number, last, state.records())
  }

  /** Answers when none is being made any more. */
  async close(): Promise<void> {
    await this.#running
  }

  async #make(
    number: number,
    follows: ChainPosition,
    records: readonly StoredRecord[],
  ): Promise<void> {
    const { disk, directory, inventory, headerOf, isStopped, onFailure } = this.#options
    const before = this.#segmentBytes
    try {
      await inventory.guard()
      inventory.reserve('checkpoint', number)
      const sizeBytes = await writeCheckpoint(disk, directory, headerOf(number, follows), records)
      inventory.note('checkpoint', number, sizeBytes)
      this.#checkpointBytes = sizeBytes
      this.#segmentBytes -= before
      if (!isStopped()) await inventory.removeReplaced(number)
    } catch (cause) {
      // Without room the segments stay, and the next full one brings another attempt.
      if (!isShortage(cause)) onFailure(cause)
    }
    this.#running = undefined
  }
}

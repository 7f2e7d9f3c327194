/**
 * Makes segments, each before it is needed.
 *
 * A segment is written with zeros and synced before it gets its name: a full disk is met here, where
 * nothing is lost by it, and not in the middle of a decision; and what a crash tears later is torn
 * out of zeros. A lack of room is met by trying again, until there is no segment left to write to.
 */
import type { Disk, DiskFile, Timer, Timers } from '../../core/ports.ts'
import { ignoreFailure, makeDurableFile } from './durable-file.ts'
import { isShortage } from './failures.ts'
import { encodeFileHeader, type FileHeader, headerChecksum } from './file-header.ts'
import { fileName } from './layout.ts'

const retryMs = 1000
const pieceBytes: number = 256 * 1024

/** A segment to write to; its header is on disk. */
export interface Segment {
  readonly file: DiskFile
  readonly number: number
  readonly sizeBytes: number
  /** Seeds the checksums of its batches. */
  readonly seed: number
}

export interface SupplyOptions {
  readonly disk: Disk
  readonly directory: string
  readonly timers: Timers
  /** The header of the segment with this number. */
  readonly headerOf: (number: number) => FileHeader
  /** Called before a segment is made; rejects when the slot is no longer ours. */
  readonly guard: (number: number) => Promise<void>
  /** Whether the log has failed: then nothing is written any more (A11). */
  readonly isStopped: () => boolean
  /** Called with each segment made. */
  readonly onMade: (segment: Segment) => void
  /** Called when one can't be made for another reason than a lack of room. */
  readonly onFailure: (cause: unknown) => void
}

export class SegmentSupply {
  readonly #options: SupplyOptions
  #pending: Promise<Segment | undefined> | undefined
  #retry: Timer | undefined
  #isClosed = false

  constructor(options: SupplyOptions) {
    this.#options = options
  }

  /** Begins to make the segment with this number, unless that is under way. */
  prepare(number: number): void {
    if (this.#isClosed) return
    this.#pending ??= this.#attempt(number)
  }

  /** The segment with this number; rejects when it can't be made now. */
  async take(number: number): Promise<Segment> {
    const prepared = await this.#pending
    this.#pending = undefined
    // Only now: an attempt that just failed has set it, and its segment must not be made again.
    this.#clearRetry()
    return prepared ?? (await this.#make(number))
  }

  /** Stops making; answers the segment that was made and not taken. */
  async close(): Promise<Segment | undefined> {
    this.#isClosed = true
    const left = await this.#pending
    this.#pending = undefined
    this.#clearRetry()
    if (left !== undefined) await ignoreFailure(left.file.close())
    return left
  }

  /** Never rejects: undefined when there is no segment yet. */
  async #attempt(number: number): Promise<Segment | undefined> {
    try {
      return await this.#make(number)
    } catch (cause) {
      if (!isShortage(cause)) this.#options.onFailure(cause)
      else if (!this.#isClosed) this.#retryLater(number)
      return undefined
    }
  }

  async #make(number: number): Promise<Segment> {
    const { disk, directory, headerOf, guard, onMade } = this.#options
    await guard(headerOf(number).number)
    const segment = await makeSegment(disk, directory, headerOf(number))
    onMade(segment)
    return segment
  }

  #retryLater(number: number): void {
    this.#retry = this.#options.timers.set(retryMs, () => {
      this.#retry = undefined
      if (!this.#options.isStopped()) this.#pending = this.#attempt(number)
    })
  }

  #clearRetry(): void {
    if (this.#retry !== undefined) this.#options.timers.clear(this.#retry)
    this.#retry = undefined
  }
}

/** Makes one segment, durable under its name. */
export async function makeSegment(
  disk: Disk,
  directory: string,
  header: FileHeader,
): Promise<Segment> {
  const { number, sizeBytes } = header
  const sector = encodeFileHeader(header)
  const file = await makeDurableFile(disk, directory, fileName('segment', number), async (made) => {
    const zeros = new Uint8Array(Math.min(pieceBytes, sizeBytes))
    for (let offset = 0; offset < sizeBytes; offset += zeros.length) {
      await made.write(offset, zeros.subarray(0, Math.min(zeros.length, sizeBytes - offset)))
    }
    await made.write(0, sector)
  })
  return { file, number, sizeBytes, seed: headerChecksum(sector) }
}

/**
 * A batch: the records of one forced write, under one header.
 *
 *      0  magic                    4  bytes of records        8  number of records
 *     12  1 for the last batch of a checkpoint, else 0
 *     16  sequence number, 8 bytes                           24  checksum of the batch before
 *     28  CRC-32C of the records  32  CRC-32C of bytes 0 to 32, seeded by the file's header
 *     36  the records, the end mark, zeros up to the end of the sector
 *
 * All integers are little-endian. The checksum of the header stands for the whole batch, and is what
 * the next batch repeats, so batches form a chain. The header verifies by itself: a batch can be
 * judged without those before it, and a torn one still tells how long it was.
 */
import { ByteReader, ByteWriter } from '../../core/codec.ts'
import { crc32c } from '../../core/crc32c.ts'
import type { ChainPosition } from './file-header.ts'
import { batchBytesMax, batchHeaderBytes, isBlank, toSectors } from './format.ts'

// The first byte is never part of UTF-8: no text in a record reads as a header.
const magic = 0x746162ff
/** Not zero: where the last byte is zero, a batch was not written to its end. */
const endMark = 0xe5
const sequenceScale = 2 ** 32
const flagLast = 1

/** Gathers encoded records into one batch; reused, so that it makes no garbage. */
export class BatchBuilder {
  readonly #writer = new ByteWriter(16 * 1024)
  #records = 0

  constructor() {
    this.clear()
  }

  get records(): number {
    return this.#records
  }

  /** What it takes on disk, with header and padding. */
  get sizeBytes(): number {
    return sizeOf(this.#writer.length - batchHeaderBytes)
  }

  /** What it would take with `more` bytes of records. */
  sizeWith(more: number): number {
    return sizeOf(this.#writer.length - batchHeaderBytes + more)
  }

  add(record: ByteWriter): void {
    this.#writer.append(record)
    this.#records += 1
  }

  /** The bytes to write behind `before`, valid until `clear`, and where the chain then stands. */
  seal(
    before: ChainPosition,
    seed: number,
    { isLast = false }: { readonly isLast?: boolean } = {},
  ): { readonly bytes: Uint8Array; readonly position: ChainPosition } {
    const writer = this.#writer
    const sizeBytes = this.sizeBytes
    const payload = writer.view(batchHeaderBytes)
    const sequence = before.sequence + 1
    writer.patchFixed32(0, magic)
    writer.patchFixed32(4, payload.length)
    writer.patchFixed32(8, this.#records)
    writer.patchFixed32(12, isLast ? flagLast : 0)
    writer.patchFixed32(16, sequence % sequenceScale)
    writer.patchFixed32(20, Math.floor(sequence / sequenceScale))
    writer.patchFixed32(24, before.checksum)
    writer.patchFixed32(28, crc32c(payload))
    const checksum = crc32c(writer.view().subarray(0, batchHeaderBytes - 4), seed)
    writer.patchFixed32(32, checksum)
    writer.byte(endMark)
    writer.raw(new Uint8Array(sizeBytes - writer.length))
    return { bytes: writer.view(), position: { sequence, checksum } }
  }

  clear(): void {
    this.#writer.clear()
    this.#writer.raw(new Uint8Array(batchHeaderBytes))
    this.#records = 0
  }
}

export interface BatchHeader {
  readonly payloadBytes: number
  readonly records: number
  readonly isLast: boolean
  readonly previous: number
  readonly payloadChecksum: number
  readonly position: ChainPosition
  /** What the batch takes on disk. */
  readonly sizeBytes: number
}

/** The header at `offset`, where one verifies. */
export function readBatchHeader(
  bytes: Uint8Array,
  offset: number,
  seed: number,
): BatchHeader | undefined {
  if (offset + batchHeaderBytes > bytes.length) return undefined
  const reader = new ByteReader(bytes, offset)
  if (reader.fixed32() !== magic) return undefined
  const payloadBytes = reader.fixed32()
  const records = reader.fixed32()
  const flags = reader.fixed32()
  const sequence = reader.fixed32() + reader.fixed32() * sequenceScale
  const previous = reader.fixed32()
  const payloadChecksum = reader.fixed32()
  const checksum = crc32c(bytes.subarray(offset, offset + batchHeaderBytes - 4), seed)
  const sizeBytes = sizeOf(payloadBytes)
  if (reader.fixed32() !== checksum || sizeBytes > batchBytesMax) return undefined
  return {
    payloadBytes,
    records,
    isLast: flags === flagLast,
    previous,
    payloadChecksum,
    position: { sequence, checksum },
    sizeBytes,
  }
}

/** The records of a batch that is whole, else undefined. */
export function readBatchPayload(
  bytes: Uint8Array,
  offset: number,
  header: BatchHeader,
): Uint8Array | undefined {
  const start = offset + batchHeaderBytes
  const end = start + header.payloadBytes
  const payload = bytes.subarray(start, end)
  // With the records all there, a last byte that was not written changes nothing.
  const isWhole =
    (bytes[end] === endMark || bytes[end] === 0) &&
    isBlank(bytes, end + 1, offset + header.sizeBytes) &&
    crc32c(payload) === header.payloadChecksum
  return isWhole ? payload : undefined
}

/** Whether the last byte of a batch was written, rightly or not. */
export function isWrittenToEnd(bytes: Uint8Array, offset: number, header: BatchHeader): boolean {
  return bytes[offset + batchHeaderBytes + header.payloadBytes] !== 0
}

function sizeOf(payloadBytes: number): number {
  return toSectors(batchHeaderBytes + payloadBytes + 1)
}

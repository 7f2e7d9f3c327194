/**
 * Reads the batches of one file in their order, up to the first place where none is whole.
 *
 * Keeps A2 and A10 on reading: a batch out of order, a record that doesn't decode, or a second,
 * different decision is damage, and is refused with file and offset. Nothing is skipped.
 */
import { ByteReader, DecodeError } from '../../core/codec.ts'
import { BrokenInvariant } from '../../core/invariant.ts'
import { decodeRecord, UnknownRecordType } from '../record-codec.ts'
import type { StoredRecord } from '../records.ts'
import { type BatchHeader, readBatchHeader, readBatchPayload } from './batch.ts'
import { logCorrupt, logIncompatible } from './failures.ts'
import type { ChainPosition } from './file-header.ts'
import { batchHeaderBytes, sectorBytes } from './format.ts'

/** A file in memory. */
export interface FileBytes {
  /** Its path, for messages. */
  readonly file: string
  readonly bytes: Uint8Array
  /** The checksum of its header, which seeds those of its batches. */
  readonly seed: number
}

export interface ChainEnd {
  /** Where the first byte stands that is in no whole batch. */
  readonly offset: number
  /** The header found there, of a batch that is not whole. */
  readonly broken: BatchHeader | undefined
  /** The last whole batch; what was given where there is none. */
  readonly position: ChainPosition
  readonly batches: number
  /** Whether the last whole batch was marked as the last of its file. */
  readonly isMarkedLast: boolean
}

export function readChain(
  file: FileBytes,
  before: ChainPosition,
  apply: (record: StoredRecord) => void,
): ChainEnd {
  let position = before
  let offset = sectorBytes
  let batches = 0
  let isMarkedLast = false
  for (;;) {
    const header = readBatchHeader(file.bytes, offset, file.seed)
    if (header === undefined) return { offset, broken: undefined, position, batches, isMarkedLast }
    checkOrder(file, offset, header, position)
    const payload = readBatchPayload(file.bytes, offset, header)
    if (payload === undefined) return { offset, broken: header, position, batches, isMarkedLast }
    applyRecords(file, offset, header, payload, apply)
    position = header.position
    offset += header.sizeBytes
    batches += 1
    isMarkedLast = header.isLast
  }
}

function checkOrder(
  { file }: FileBytes,
  offset: number,
  found: BatchHeader,
  before: ChainPosition,
): void {
  const expected = before.sequence + 1
  if (found.position.sequence !== expected) {
    const problem = `batch ${found.position.sequence} stands where ${expected} belongs`
    throw logCorrupt(file, offset, problem)
  }
  if (found.previous !== before.checksum) {
    throw logCorrupt(file, offset, `batch ${expected} does not continue the batch before it`)
  }
}

function applyRecords(
  { file }: FileBytes,
  offset: number,
  header: BatchHeader,
  payload: Uint8Array,
  apply: (record: StoredRecord) => void,
): void {
  const reader = new ByteReader(payload)
  let recordOffset = 0
  const at = (): number => offset + batchHeaderBytes + recordOffset
  try {
    for (let index = 0; index < header.records; index += 1) {
      recordOffset = reader.offset
      apply(decodeRecord(reader))
    }
  } catch (error) {
    if (error instanceof UnknownRecordType) {
      const problem = `was written by a newer version of Assent: ${error.message} at byte ${at()}.`
      throw logIncompatible(file, problem)
    }
    if (error instanceof DecodeError || error instanceof BrokenInvariant) {
      throw logCorrupt(file, at(), error.message)
    }
    throw error
  }
  if (reader.remaining > 0) {
    recordOffset = reader.offset
    throw logCorrupt(file, at(), 'a batch holds more than its records')
  }
}

/**
 * Records as the table keeps them: a byte for the format, then one record after the other.
 *
 * A released format keeps its meaning: what must change gets another first byte. That the bytes come
 * back as they were given is the database's promise, so they carry no checksum of their own.
 */
import { ByteReader, ByteWriter, DecodeError } from '../../core/codec.ts'
import { BrokenInvariant } from '../../core/invariant.ts'
import type { RecordOf } from '../contract.ts'
import { decodeRecord, encodeRecord, UnknownRecordType } from '../record-codec.ts'
import { recordLimits, type StoredRecord } from '../records.ts'
import { logCorrupt, logIncompatible } from './failures.ts'

const format = 1

const scratch = new ByteWriter()

export function encodeRecords(records: Iterable<StoredRecord>): Uint8Array {
  scratch.clear()
  scratch.byte(format)
  for (const record of records) {
    const start = scratch.length
    encodeRecord(scratch, record)
    if (scratch.length - start > recordLimits.recordBytes) {
      const message = `a record of more than ${recordLimits.recordBytes} bytes`
      throw new BrokenInvariant('log', message, record)
    }
  }
  return scratch.view().slice()
}

/** `where` is for people. Throws `ASSENT_LOG_CORRUPT` or `ASSENT_LOG_INCOMPATIBLE`. */
export function decodeRecords(where: string, bytes: Uint8Array): StoredRecord[] {
  const reader = new ByteReader(bytes)
  try {
    const found = reader.byte()
    if (found !== format) {
      throw logIncompatible(where, `has the format ${found}; this version reads ${format}.`)
    }
    const records: StoredRecord[] = []
    while (reader.offset < bytes.length) records.push(decodeRecord(reader))
    return records
  } catch (cause) {
    if (cause instanceof UnknownRecordType) {
      throw logIncompatible(where, `holds what a newer version wrote (${cause.message}).`)
    }
    if (cause instanceof DecodeError) throw logCorrupt(where, cause.offset, cause.message)
    throw cause
  }
}

/** The one decision that a row holds. */
export function decodeDecision(where: string, bytes: Uint8Array): RecordOf<'decided'> {
  const [record, ...others] = decodeRecords(where, bytes)
  if (record?.type === 'decided' && others.length === 0) return record
  throw logCorrupt(where, 0, 'a row without its one decision')
}

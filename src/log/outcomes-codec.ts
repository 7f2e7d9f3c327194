/**
 * Pages of kept outcomes as bytes. A sparse page is written as the distances between its offsets, a
 * dense one as bits, so that a million outcomes take 125 KiB at most.
 */
import { type ByteReader, type ByteWriter, DecodeError } from '../core/codec.ts'
import { idLimits } from '../core/ids.ts'
import { invariant } from '../core/invariant.ts'
import { type OutcomesRecord, recordLimits } from './records.ts'

const outcomes = ['committed', 'aborted', 'mixed', 'hazard'] as const
const forms = { offsets: 0, bits: 1 } as const
const bitsBytes: number = recordLimits.outcomesPerPage / 8
const pageMax: number = Math.floor(idLimits.counter / recordLimits.outcomesPerPage)

/** The body of the record, behind its type number. */
export function writeOutcomes(writer: ByteWriter, record: OutcomesRecord): void {
  writer.byte(outcomes.indexOf(record.outcome))
  writer.varint(record.epoch)
  writer.varint(record.page)
  writer.varint(Math.max(0, Math.trunc(record.newestMs)))
  if (record.bits !== undefined) {
    invariant(record.bits.length === bitsBytes, 'log', 'a page of another size', record.page)
    writer.byte(forms.bits)
    writer.raw(record.bits)
    return
  }
  const offsets = record.offsets ?? new Uint16Array()
  writer.byte(forms.offsets)
  writer.varint(offsets.length)
  let previous = -1
  for (const offset of offsets) {
    invariant(offset > previous, 'log', 'offsets of a page are not sorted', record.page)
    writer.varint(offset - previous)
    previous = offset
  }
}

export function readOutcomes(reader: ByteReader): OutcomesRecord {
  const outcome = outcomes[reader.byte()]
  const epoch = reader.varint()
  const page = reader.varint()
  if (outcome === undefined || epoch > idLimits.epoch || page > pageMax) {
    throw new DecodeError('a page of outcomes outside its limits', reader.offset)
  }
  const newestMs = reader.varint()
  const form = reader.byte()
  const head = { type: 'outcomes', outcome, epoch, page, newestMs } as const
  if (form === forms.bits) {
    return { ...head, offsets: undefined, bits: reader.raw(bitsBytes).slice() }
  }
  if (form !== forms.offsets) throw new DecodeError('a page of an unknown form', reader.offset)
  return { ...head, offsets: readOffsets(reader), bits: undefined }
}

function readOffsets(reader: ByteReader): Uint16Array {
  const start = reader.offset
  const count = reader.varint()
  if (count > recordLimits.outcomesPerPage) throw new DecodeError('too many offsets', start)
  const offsets = new Uint16Array(count)
  let previous = -1
  for (let index = 0; index < count; index += 1) {
    const distance = reader.varint()
    previous += distance
    if (distance === 0 || previous >= recordLimits.outcomesPerPage) {
      throw new DecodeError('an offset outside its page', start)
    }
    offsets[index] = previous
  }
  return offsets
}

/**
 * Records as bytes: a type number, then the fields in a fixed order, each within its limit.
 *
 * A type number or an order, once released, never changes its meaning; what must change gets a new
 * number, or a new format version. A number that is not known was written by a newer version, which
 * is told apart from corruption: nobody should repair what only needs an upgrade.
 */
import { type ByteReader, type ByteWriter, DecodeError } from '../core/codec.ts'
import { idLimits, type TransactionKey } from '../core/ids.ts'
import { invariant, unreachable } from '../core/invariant.ts'
import type { BranchRecord, RecordOf } from './contract.ts'
import { readOutcomes, writeOutcomes } from './outcomes-codec.ts'
import { type OperatorAct, recordLimits, type StoredRecord } from './records.ts'

/** The numbers on disk. Numbers below 16 are records of the coordinator. */
const typeNumbers = {
  decided: 1,
  intent: 2,
  settled: 3,
  heuristic: 4,
  resolved: 5,
  forgotten: 6,
  resource: 7,
  'one-phase': 8,
  'stranger-resolved': 9,
  epoch: 16,
  'low-water': 17,
  outcomes: 18,
  closed: 19,
  audit: 20,
} as const satisfies Record<StoredRecord['type'], number>

const decisions = ['aborted', 'committed'] as const
const heuristicKinds = ['committed', 'rolled-back', 'hazard'] as const

/** A record of a type that this version doesn't know. */
export class UnknownRecordType extends Error {
  override readonly name = 'UnknownRecordType'
}

/** Appends one record. Throws `BrokenInvariant` for a field outside its limits. */
export function encodeRecord(writer: ByteWriter, record: StoredRecord): void {
  writer.byte(typeNumbers[record.type])
  switch (record.type) {
    case 'decided':
      writeKey(writer, record.transaction)
      writer.byte(decisions.indexOf(record.decision))
      writeText(writer, record.protocol, recordLimits.protocolBytes)
      writeTime(writer, record.wallMs)
      return writeBranches(writer, record.branches)
    case 'intent':
      writeKey(writer, record.transaction)
      writeTime(writer, record.wallMs)
      writeNumber(writer, record.last, idLimits.branch)
      return writeBranches(writer, record.branches)
    case 'heuristic':
      writeKey(writer, record.transaction)
      writeNumber(writer, record.branch, idLimits.branch)
      writeNumber(writer, record.resource, recordLimits.resourceNumber)
      writer.byte(heuristicKinds.indexOf(record.kind))
      writer.text(cut(record.detail, recordLimits.detailCharacters))
      return writeTime(writer, record.wallMs)
    case 'resolved':
      writeKey(writer, record.transaction)
      // 0: the whole transaction; else the branch's number and one.
      writeNumber(writer, record.branch === undefined ? 0 : record.branch + 1, idLimits.branch + 1)
      writer.byte(decisions.indexOf(record.decision))
      return writeSignature(writer, record)
    case 'forgotten':
      writeKey(writer, record.transaction)
      return writeSignature(writer, record)
    case 'stranger-resolved':
      writeText(writer, record.id, recordLimits.strangerIdBytes)
      writeNumber(writer, record.resource, recordLimits.resourceNumber)
      writer.byte(decisions.indexOf(record.decision))
      return writeSignature(writer, record)
    case 'resource':
      writeNumber(writer, record.number, recordLimits.resourceNumber)
      writeText(writer, record.name, recordLimits.resourceNameBytes)
      writeText(writer, record.kind, recordLimits.resourceKindBytes)
      return writeText(writer, record.fingerprint, recordLimits.fingerprintBytes)
    case 'epoch':
      writeNumber(writer, record.epoch, idLimits.epoch)
      return writeTime(writer, record.wallMs)
    case 'settled':
    case 'one-phase':
    case 'low-water':
      return writeKey(writer, record.transaction)
    case 'outcomes':
      return writeOutcomes(writer, record)
    case 'audit':
      return encodeRecord(writer, record.act)
    case 'closed':
      writer.byte(record.clean ? 1 : 0)
      return writeTime(writer, record.wallMs)
    default:
      return unreachable(record)
  }
}

/** Reads one record. Throws `DecodeError`, or `UnknownRecordType` for one of a newer version. */
export function decodeRecord(reader: ByteReader): StoredRecord {
  const number = reader.byte()
  switch (number) {
    case typeNumbers.decided:
      return {
        type: 'decided',
        transaction: readKey(reader),
        decision: readChoice(reader, decisions),
        protocol: readText(reader, recordLimits.protocolBytes),
        wallMs: reader.varint(),
        branches: readBranches(reader),
      }
    case typeNumbers.intent:
      return {
        type: 'intent',
        transaction: readKey(reader),
        wallMs: reader.varint(),
        last: readNumber(reader, idLimits.branch),
        branches: readBranches(reader),
      }
    case typeNumbers.heuristic:
      return readHeuristic(reader)
    case typeNumbers.resolved:
    case typeNumbers.forgotten:
    case typeNumbers['stranger-resolved']:
      return readAct(reader, number)
    case typeNumbers.resource:
      return {
        type: 'resource',
        number: readNumber(reader, recordLimits.resourceNumber),
        name: readText(reader, recordLimits.resourceNameBytes),
        kind: readText(reader, recordLimits.resourceKindBytes),
        fingerprint: readText(reader, recordLimits.fingerprintBytes),
      }
    case typeNumbers.epoch:
      return { type: 'epoch', epoch: readNumber(reader, idLimits.epoch), wallMs: reader.varint() }
    case typeNumbers.settled:
      return { type: 'settled', transaction: readKey(reader) }
    case typeNumbers['one-phase']:
      return { type: 'one-phase', transaction: readKey(reader) }
    case typeNumbers['low-water']:
      return { type: 'low-water', transaction: readKey(reader) }
    case typeNumbers.outcomes:
      return readOutcomes(reader)
    case typeNumbers.audit:
      return { type: 'audit', act: readAct(reader, reader.byte()) }
    case typeNumbers.closed:
      return { type: 'closed', clean: readChoice(reader, [false, true]), wallMs: reader.varint() }
    default:
      throw new UnknownRecordType(`record type ${number}`)
  }
}

function writeKey(writer: ByteWriter, { epoch, counter }: TransactionKey): void {
  writeNumber(writer, epoch, idLimits.epoch)
  writeNumber(writer, counter, idLimits.counter)
}

function readKey(reader: ByteReader): TransactionKey {
  return {
    epoch: readNumber(reader, idLimits.epoch),
    counter: readNumber(reader, idLimits.counter),
  }
}

function writeBranches(writer: ByteWriter, branches: readonly BranchRecord[]): void {
  writeNumber(writer, branches.length, idLimits.branch + 1)
  for (const { branch, resource, evidence } of branches) {
    writeNumber(writer, branch, idLimits.branch)
    writeNumber(writer, resource, recordLimits.resourceNumber)
    writer.byte(evidence === undefined ? 0 : 1)
    if (evidence !== undefined) writeText(writer, evidence, recordLimits.evidenceBytes)
  }
}

function readBranches(reader: ByteReader): BranchRecord[] {
  const count = readNumber(reader, idLimits.branch + 1)
  const branches: BranchRecord[] = []
  for (let index = 0; index < count; index += 1) {
    branches.push({
      branch: readNumber(reader, idLimits.branch),
      resource: readNumber(reader, recordLimits.resourceNumber),
      evidence: readChoice(reader, [false, true])
        ? readText(reader, recordLimits.evidenceBytes)
        : undefined,
    })
  }
  return branches
}

function readHeuristic(reader: ByteReader): RecordOf<'heuristic'> {
  return {
    type: 'heuristic',
    transaction: readKey(reader),
    branch: readNumber(reader, idLimits.branch),
    resource: readNumber(reader, recordLimits.resourceNumber),
    kind: readChoice(reader, heuristicKinds),
    detail: reader.text(),
    wallMs: reader.varint(),
  }
}

/** An operator's act, behind its type number. */
function readAct(reader: ByteReader, number: number): OperatorAct {
  const start = reader.offset
  switch (number) {
    case typeNumbers.resolved: {
      const transaction = readKey(reader)
      const branch = readNumber(reader, idLimits.branch + 1)
      return {
        type: 'resolved',
        transaction,
        branch: branch === 0 ? undefined : branch - 1,
        decision: readChoice(reader, decisions),
        ...readSignature(reader),
      }
    }
    case typeNumbers.forgotten:
      return { type: 'forgotten', transaction: readKey(reader), ...readSignature(reader) }
    case typeNumbers['stranger-resolved']:
      return {
        type: 'stranger-resolved',
        id: readText(reader, recordLimits.strangerIdBytes),
        resource: readNumber(reader, recordLimits.resourceNumber),
        decision: readChoice(reader, decisions),
        ...readSignature(reader),
      }
    default:
      throw new DecodeError(`no act of an operator has the number ${number}`, start)
  }
}

type Signed = Pick<RecordOf<'forgotten'>, 'by' | 'reason' | 'wallMs'>

function writeSignature(writer: ByteWriter, { by, reason, wallMs }: Signed): void {
  writer.text(cut(by, recordLimits.signatureCharacters))
  writer.text(cut(reason, recordLimits.signatureCharacters))
  writeTime(writer, wallMs)
}

function readSignature(reader: ByteReader): Signed {
  return { by: reader.text(), reason: reader.text(), wallMs: reader.varint() }
}

/** Clocks may give fractions, and a clock before 1970 is a clock that is wrong. */
function writeTime(writer: ByteWriter, wallMs: number): void {
  writer.varint(Math.max(0, Math.trunc(wallMs)))
}

function writeNumber(writer: ByteWriter, value: number, max: number): void {
  invariant(value <= max, 'log', 'a number above its limit in a record', value)
  writer.varint(value)
}

function readNumber(reader: ByteReader, max: number): number {
  const start = reader.offset
  const value = reader.varint()
  if (value > max) throw new DecodeError(`${value} where at most ${max} is allowed`, start)
  return value
}

function writeText(writer: ByteWriter, text: string, maxBytes: number): void {
  const start = writer.length
  writer.text(text)
  // The length in front takes one byte, or two from 128 bytes on.
  const written = writer.length - start
  invariant(written <= maxBytes + (written > 128 ? 2 : 1), 'log', 'a text too long', text)
}

function readText(reader: ByteReader, maxBytes: number): string {
  const start = reader.offset
  const text = reader.text()
  if (reader.offset - start > maxBytes + 2) throw new DecodeError('a text is too long', start)
  return text
}

function readChoice<Choice>(reader: ByteReader, choices: readonly Choice[]): Choice {
  const start = reader.offset
  const choice = choices[reader.byte()]
  if (choice === undefined) throw new DecodeError('a choice that does not exist', start)
  return choice
}

/** Cuts a text for people, and never through a surrogate pair, which would not be UTF-8. */
function cut(text: string, characters: number): string {
  if (text.length <= characters) return text
  const last = text.charCodeAt(characters - 2)
  const isHighSurrogate = last >= 0xd800 && last <= 0xdbff
  return `${text.slice(0, isHighSurrogate ? characters - 2 : characters - 1)}…`
}
